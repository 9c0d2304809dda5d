// @ts-check
/** Keys: made, given a new secret, revoked. A secret is in one answer alone, so it is shown until the page is left. */

import { change } from "./api.js";
import { paragraph, showProblem } from "./actions.js";
import { keep } from "./key.js";
import { notice, refresh } from "./studio.js";

const BOUNDS = ["waiting_jobs", "pictures_a_minute", "erasures_a_day"];

class KeysView extends HTMLElement {
    connectedCallback() {
        this.addEventListener("submit", (event) => {
            event.preventDefault();
            this.make(/** @type {HTMLFormElement} */ (event.target));
        });
        this.addEventListener("click", (event) => {
            const clicked = /** @type {Element} */ (event.target).closest("[data-rotate], [data-revoke]");
            if (clicked instanceof HTMLElement && clicked.dataset.rotate) this.rotate(clicked.dataset.rotate);
            if (clicked instanceof HTMLElement && clicked.dataset.revoke) this.revoke(clicked.dataset.revoke);
        });
    }

    /** @param {HTMLFormElement} form */
    async make(form) {
        const fields = new FormData(form);
        const floor = String(fields.get("floor")).trim();
        const names = floor.split(/[\s,]+/).filter(Boolean);
        const body = {
            name: fields.get("name"),
            scopes: fields.getAll("scopes"),
            floor: ["active", "none"].includes(floor) ? floor : names,
            quotas: Object.fromEntries(BOUNDS.filter((name) => fields.get(name)).map((name) => [name, Number(fields.get(name))])),
            expires_at: fields.get("expires_at") ? new Date(String(fields.get("expires_at"))).toISOString() : null,
        };
        try {
            await this.show(await change("POST", "/keys", body));
            form.reset();
        } catch (error) {
            showProblem(/** @type {HTMLElement} */ (form.querySelector("[data-problem]")), error);
        }
    }

    /** @param {string} name */
    async rotate(name) {
        const answer = await asked(`A new secret for ${name}?`, "Jobs and pictures stay with its name. Whoever holds the old secret needs the new one.", "Give it a new secret", true);
        if (answer === null) return;
        await this.call(async () => this.show(await change("POST", `/keys/${name}/rotate`, { overlap_seconds: Number(answer) })));
    }

    /** @param {string} name */
    async revoke(name) {
        const answer = await asked(`Revoke ${name}?`, "At once, and for good: its name is never given again. Jobs that were accepted go on.", "Revoke it", false);
        if (answer === null) return;
        await this.call(async () => {
            await change("DELETE", `/keys/${name}`);
            notice(`${name} is revoked.`);
            await refresh();
        });
    }

    /** @param {() => Promise<void>} work */
    async call(work) {
        try {
            await work();
        } catch (error) {
            showProblem(/** @type {HTMLElement} */ (this.querySelector("[data-shown]")), error);
        }
    }

    /** The secret, once: the list is asked for anew around it. @param {{name: string, key: string}} made */
    async show(made) {
        const box = document.createElement("section");
        box.className = "card secret stack";
        const title = document.createElement("h2");
        title.textContent = `The key of ${made.name}`;
        const code = document.createElement("code");
        code.textContent = made.key;
        const row = document.createElement("p");
        row.className = "row";
        row.append(button("Copy", { copy: made.key }), button("Use it in this tab", {}, () => { keep(made.key); refresh(); }));
        box.append(title, paragraph("It is shown this once, and kept nowhere. Copy it now."), code, row);
        await refresh();
        const place = document.querySelector("[data-shown]") ?? document.getElementById("main");
        if (place?.matches("[data-shown]")) place.replaceChildren(box);
        else place?.prepend(box);
        if (place instanceof HTMLElement) place.focus();
    }
}

/**
 * @param {string} text
 * @param {Record<string, string>} data
 * @param {() => void} [work]
 */
function button(text, data, work) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    Object.assign(made.dataset, data);
    if (work) made.addEventListener("click", work);
    return made;
}

/**
 * Ask whether to go on.
 * @param {string} title
 * @param {string} words
 * @param {string} yes
 * @param {boolean} overlap Whether to ask for how long the old secret is good.
 * @returns {Promise<string | null>} For how many seconds; null: no.
 */
async function asked(title, words, yes, overlap) {
    const dialog = /** @type {HTMLDialogElement} */ (document.querySelector("dialog[data-asked]"));
    const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (dialog.querySelector(selector));
    part("h2").textContent = title;
    part("[data-words]").textContent = words;
    part("[data-yes]").textContent = yes;
    part("[data-overlap]").hidden = !overlap;
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    return dialog.returnValue === "yes" ? /** @type {HTMLSelectElement} */ (part("select")).value : null;
}

customElements.define("keys-view", KeysView);
