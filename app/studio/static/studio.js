// @ts-check
/** What every page does: the key, word from the service, pictures, times, copying. The views' own modules do the rest. */

import { attend as attendPictures } from "./pictures.js";
import { watch } from "./availability.js";
import { forget, keep, key, withKey } from "./key.js";

const page = () => /** @type {HTMLElement} */ (document.getElementById("page"));

/**
 * Ask for this page again, with the key, and show what came.
 * @returns {Promise<void>}
 */
export async function refresh() {
    let text;
    try {
        const answer = await fetch(location.href, { headers: withKey({ Accept: "text/html" }) });
        text = await answer.text();
    } catch {
        watch();
        return;
    }
    const found = new DOMParser().parseFromString(text, "text/html");
    const fresh = found.getElementById("page");
    if (!fresh) return;
    await takeFiles(found);
    const focused = document.activeElement?.id;
    document.title = found.title;
    page().replaceWith(document.adoptNode(fresh));
    // @ts-ignore: htmx is a script of its own
    globalThis.htmx?.process(page());
    attend(page());
    if (focused) document.getElementById(focused)?.focus();
}

/**
 * Load the styles and scripts that a page names and this one does not have yet; resolves once its styles are there.
 * @param {Document} found
 */
async function takeFiles(found) {
    const here = new Set([...document.head.querySelectorAll("script[src], link[rel=stylesheet]")].map(named));
    const loading = [];
    for (const wanted of found.head.querySelectorAll("script[src], link[rel=stylesheet]")) {
        if (here.has(named(wanted))) continue;
        const made = document.createElement(wanted.localName);
        for (const { name, value } of wanted.attributes) made.setAttribute(name, value);
        if (made instanceof HTMLLinkElement) loading.push(new Promise((done) => { made.onload = made.onerror = done; }));
        document.head.append(made);
    }
    await Promise.all(loading);
}

/** @param {Element} element */
function named(element) {
    return element.getAttribute("src") ?? element.getAttribute("href");
}

/**
 * Say something in passing.
 * @param {string} text
 * @param {"good" | "bad"} [kind]
 */
export function notice(text, kind = "good") {
    const place = document.getElementById("notices");
    const line = document.createElement("p");
    line.className = kind;
    line.textContent = text;
    place?.append(line);
    setTimeout(() => line.remove(), kind === "bad" ? 12000 : 5000);
}

/**
 * Take care of what came from the server.
 * @param {ParentNode} root
 */
function attend(root) {
    attendPictures(root);
    for (const each of root.querySelectorAll("time[datetime]")) {
        const at = new Date(each.getAttribute("datetime") ?? "");
        if (Number.isNaN(at.getTime()) || each.hasAttribute("title")) continue;
        each.setAttribute("title", each.getAttribute("datetime") ?? "");
        each.textContent = at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    }
    for (const each of root.querySelectorAll("[data-copy]:not(button)")) {
        each.setAttribute("role", "button");
        each.setAttribute("tabindex", "0");
        each.setAttribute("aria-label", `Copy ${each.textContent}`);
    }
    for (const form of root.querySelectorAll("form[data-key-form]")) form.removeAttribute("hidden");
}

/** @param {string} text */
export async function copy(text) {
    try {
        await navigator.clipboard.writeText(text);
        notice("Copied.");
    } catch {
        notice("This browser lets no page copy: mark the text and copy it by hand.", "bad");
    }
}

document.addEventListener("submit", (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (!form.matches("[data-key-form]")) return;
    event.preventDefault();
    keep(String(new FormData(form).get("key")));
    refresh();
});

document.addEventListener("click", (event) => {
    const clicked = /** @type {Element} */ (event.target);
    if (clicked.closest("[data-forget-key]")) {
        forget();
        location.reload();
    }
    const copied = clicked.closest("[data-copy]");
    if (copied) copy(copied.getAttribute("data-copy") ?? "");
});

document.addEventListener("keydown", (event) => {
    const at = /** @type {Element} */ (event.target);
    if ((event.key === "Enter" || event.key === " ") && at.matches("[data-copy][role=button]")) {
        event.preventDefault();
        copy(at.getAttribute("data-copy") ?? "");
    }
});

document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = /** @type {CustomEvent} */ (event).detail;
    Object.assign(ctx.request.headers, withKey());
});
document.addEventListener("htmx:response:error", (event) => {
    const { ctx } = /** @type {CustomEvent} */ (event).detail;
    if (ctx.response.status === 401) refresh();
    else if (ctx.response.status >= 500) watch();
    else notice(`That was refused, with the status ${ctx.response.status}.`, "bad");
});
document.addEventListener("htmx:error", () => { watch(); });
document.addEventListener("htmx:after:swap", () => attend(document));

document.addEventListener("studio:away", () => { watch(); });
document.addEventListener("studio:back", () => {
    if (page().hasAttribute("data-try-again")) refresh();
});

attend(document);
if (key() && page().hasAttribute("data-asks-for-key")) refresh();
watch();
