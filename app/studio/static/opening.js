// @ts-check
/** A picture dropped on the page: its request, its mask and whether its versions still stand. */

import { inspect, standing } from "./inspection.js";
import { sharpen } from "./pictures.js";

/** @typedef {import("./inspection.js").Found} Found */

/** @type {Record<string, string>} */
const SAID = {
    valid: "Nothing of it was changed since it was signed.",
    invalid: "Its signature does not hold:",
    unsigned: "It carries no signature: what follows is its record, which anybody may have written.",
    "not checked": "It is too large for the service to check: what follows is its record.",
};

/**
 * Open pictures that are dropped anywhere on the page, pasted, or chosen.
 * @param {HTMLElement} view
 * @param {AbortSignal} signal
 * @param {(request: Record<string, unknown>, names: string[]) => void} takeOver Called to draw the same again.
 */
export function opened(view, signal, takeOver) {
    const open = (/** @type {File | undefined | null} */ file) => { if (file) look(view, file, takeOver); };
    const chooser = /** @type {HTMLInputElement | null} */ (view.querySelector("[data-file]"));
    chooser?.addEventListener("change", () => open(chooser.files?.[0]), { signal });
    document.addEventListener("dragover", (event) => {
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        document.body.classList.add("dragging");
    }, { signal });
    document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); }, { signal });
    document.addEventListener("drop", (event) => {
        document.body.classList.remove("dragging");
        if (!event.dataTransfer?.files.length) return;
        event.preventDefault();
        open(event.dataTransfer.files[0]);
    }, { signal });
    document.addEventListener("paste", (event) => open(event.clipboardData?.files[0]), { signal });
}

/**
 * @param {HTMLElement} view
 * @param {File} file
 * @param {(request: Record<string, unknown>, names: string[]) => void} takeOver
 */
async function look(view, file, takeOver) {
    const place = /** @type {HTMLElement} */ (view.querySelector("[data-found]"));
    place.className = "found";
    const image = document.createElement("img");
    image.src = URL.createObjectURL(file);
    image.alt = `The picture that was opened: ${file.name}`;
    image.addEventListener("load", () => sharpen(image));
    const words = document.createElement("div");
    words.className = "stack";
    words.setAttribute("role", "status");
    words.append(line("p", "Reading the picture …"));
    place.replaceChildren(image, words);
    place.scrollIntoView({ block: "nearest" });
    try {
        const found = await inspect(file, view.dataset.model ? JSON.parse(view.dataset.model) : null);
        words.replaceChildren(...(await told(found)));
        if (found.request.prompt !== undefined) words.append(again(found, takeOver));
    } catch (error) {
        const complaint = line("p", error instanceof Error ? error.message : String(error));
        complaint.className = "problem";
        words.replaceChildren(complaint);
    }
}

/** @param {Found} found */
async function told(found) {
    const state = line("p", "");
    const chip = line("span", found.state);
    chip.className = "chip";
    chip.dataset.state = found.state;
    state.append(chip, ` ${[SAID[found.state], found.state === "invalid" ? found.reason : "", found.signer].filter(Boolean).join(" ")}`);
    const facts = document.createElement("dl");
    facts.className = "facts";
    if (found.request.prompt === undefined) facts.append(line("dt", "prompt"), line("dd", "not stated"));
    for (const [name, value] of Object.entries(found.request)) {
        if (value !== "" && name !== "batches") facts.append(line("dt", name.replaceAll("_", " ")), line("dd", String(value)));
    }
    const base = { true: "the one that is served", false: "another than is served now: the same request draws another picture", null: "not stated" };
    facts.append(line("dt", "model"), line("dd", base[/** @type {"true"} */ (String(found.served))]), line("dt", "mask"));
    const mask = line("dd", found.mask.length ? "" : "nothing was erased");
    if (found.mask.length) mask.append(await listed(found.mask));
    facts.append(mask);
    return [state, facts];
}

/** @param {import("./inspection.js").Named[]} mask */
async function listed(mask) {
    const list = document.createElement("ul");
    for (const named of mask) {
        const { text, stands } = await standing(named);
        const item = line("li", "");
        const chip = line("span", stands ? "stands" : "changed");
        chip.className = "chip";
        chip.dataset.state = stands ? "valid" : "unsigned";
        item.append(line("strong", named.name), `: ${text} `, chip);
        list.append(item);
    }
    return list;
}

/**
 * @param {Found} found
 * @param {(request: Record<string, unknown>, names: string[]) => void} takeOver
 */
function again(found, takeOver) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "primary";
    button.textContent = "Draw it again";
    button.addEventListener("click", () => takeOver(found.request, found.mask.map((each) => each.name)));
    return button;
}

/**
 * @param {string} tag
 * @param {string} text
 */
function line(tag, text) {
    const element = document.createElement(tag);
    element.textContent = text;
    return element;
}
