// @ts-check
/** What people change from a page: forms that become calls of the API, the erase form with its warnings, files, cancelling. */

import { ask, change, Refused } from "./api.js";
import { key } from "./key.js";
import { notice, refresh } from "./studio.js";

const PAUSE = 400;

/**
 * The problem of a call in its place, in words.
 * @param {HTMLElement} place
 * @param {unknown} error
 */
export function showProblem(place, error) {
    const box = document.createElement("div");
    box.className = "problem";
    box.setAttribute("role", "alert");
    if (error instanceof Refused) {
        const { title, detail, remedy, errors = [] } = error.problem;
        box.append(paragraph(`${title}: ${detail}`));
        for (const each of errors) box.append(paragraph(`${(each.pointer ?? each.name ?? "").replace(/^#\//, "")} ${each.detail}`));
        if (remedy) box.append(paragraph(remedy));
    } else {
        box.append(paragraph(error instanceof Error ? error.message : String(error)));
    }
    place.replaceChildren(box);
}

/**
 * @param {string} text
 * @returns {HTMLParagraphElement}
 */
export function paragraph(text) {
    const line = document.createElement("p");
    line.textContent = text;
    return line;
}

/**
 * What a text area holds, a line an entry.
 * @param {FormDataEntryValue | null} text
 */
function lines(text) {
    return String(text ?? "").split("\n").map((line) => line.trim()).filter(Boolean);
}

/** A place in a form for what went wrong. @param {HTMLFormElement} form */
function placeOf(form) {
    let place = /** @type {HTMLElement | null} */ (form.querySelector("[data-problem]"));
    if (!place) {
        place = document.createElement("div");
        place.dataset.problem = "";
        form.append(place);
    }
    return place;
}

/** A form that becomes one call: its fields are the body, or what `data-query` names the query. */
class ActionForm extends HTMLElement {
    connectedCallback() {
        this.addEventListener("submit", (event) => {
            event.preventDefault();
            this.send(/** @type {HTMLFormElement} */ (event.target));
        });
    }

    /** @param {HTMLFormElement} form */
    async send(form) {
        const { method = "POST", path = "", query = "", lists = "", then } = this.dataset;
        const fields = new FormData(form);
        const named = path.replace("{name}", encodeURIComponent(String(fields.get("name"))));
        const asked = new URLSearchParams();
        for (const name of query.split(" ").filter(Boolean)) if (fields.get(name)) asked.set(name, String(fields.get(name)));
        const body = method === "DELETE" ? undefined : this.body(fields, lists.split(" "));
        const suffix = asked.size ? `${named.includes("?") ? "&" : "?"}${asked}` : "";
        const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
        button.disabled = true;
        try {
            await change(method, named + suffix, body);
            notice("Done.");
            if (then) location.assign(new URL(then.replace(/^\//, ""), new URL(document.body.dataset.root ?? "./", location.href)));
            else await refresh();
        } catch (error) {
            showProblem(placeOf(form), error);
        } finally {
            button.disabled = false;
        }
    }

    /**
     * @param {FormData} fields
     * @param {string[]} lists
     */
    body(fields, lists) {
        /** @type {Record<string, unknown>} */
        const body = {};
        for (const [name, value] of fields) {
            if (name === "name" || value === "") continue;
            body[name] = lists.includes(name) ? lines(value) : value;
        }
        return body;
    }
}

const OUTCOMES = {
    job: "A worker makes it. Until it is done, what serves now goes on to serve.",
    "under-way": "It is being made by this request already.",
    "serves-again": "What is stored serves again at once; nothing has to be made.",
    nothing: "It is erased by the same request already: nothing is left to do.",
};

/** The erase form: says before what it would come to, and what nobody can say before. */
class EraseForm extends HTMLElement {
    connectedCallback() {
        const form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
        let timer = 0;
        form.addEventListener("input", () => {
            clearTimeout(timer);
            timer = window.setTimeout(() => this.foresee(form), PAUSE);
        });
        form.addEventListener("submit", (event) => {
            event.preventDefault();
            this.send(form);
        });
        this.closest("details")?.addEventListener("toggle", () => this.foresee(form));
    }

    /** @param {HTMLFormElement} form */
    body(form) {
        const fields = new FormData(form);
        /** @type {Record<string, any>} */
        const body = { kind: fields.get("kind"), protect: lines(fields.get("protect")), options: JSON.parse(this.dataset.options ?? "{}") };
        if (lines(fields.get("prompts")).length) body.prompts = lines(fields.get("prompts"));
        for (const name of ["substitute", "same_as", "case", "reason"]) if (fields.get(name)) body[name] = fields.get(name);
        for (const name of ["override", "irrevocable"]) if (fields.get(name)) body[name] = true;
        for (const name of ["start", "max_steps"]) {
            const value = fields.get(name);
            if (value) body.options[name] = name === "max_steps" ? Number(value) : value;
            else delete body.options[name];
        }
        return body;
    }

    /** @param {HTMLFormElement} form */
    async foresee(form) {
        const place = /** @type {HTMLElement} */ (form.querySelector("[data-preview]"));
        const name = String(new FormData(form).get("name"));
        if (!form.checkValidity() || !name) return place.replaceChildren();
        try {
            const found = await (await ask(`/concepts/${name}/preview`, { method: "POST", body: this.body(form) })).json();
            place.replaceChildren(told(found));
        } catch (error) {
            showProblem(place, error);
        }
    }

    /** @param {HTMLFormElement} form */
    async send(form) {
        const name = String(new FormData(form).get("name"));
        const button = /** @type {HTMLButtonElement} */ (form.querySelector("button.primary"));
        button.disabled = true;
        try {
            const job = await change("POST", `/concepts/${name}/erase`, this.body(form));
            notice(job.state === "succeeded" ? "It is erased." : "Accepted: a worker makes it.");
            const address = new URL(`studio/concepts/${job.concept}`, new URL(document.body.dataset.root ?? "./", location.href));
            if (address.pathname === location.pathname) await refresh();
            else location.assign(address);
        } catch (error) {
            showProblem(/** @type {HTMLElement} */ (form.querySelector("[data-preview]")), error);
        } finally {
            button.disabled = false;
        }
    }
}

/**
 * A preview in sentences.
 * @param {{outcome: keyof typeof OUTCOMES, concept: string, shares_words: {name: string, kind: string, words: string[]}[], suggested: boolean | null, made_again: {concept: string, because: string}[], measured_later: string[]}} found
 */
function told(found) {
    const box = document.createElement("div");
    box.className = "notice foreseen";
    box.append(paragraph(OUTCOMES[found.outcome]));
    const warn = (/** @type {string} */ text) => {
        const line = paragraph(text);
        line.className = "warns";
        box.append(line);
    };
    for (const each of found.shares_words) {
        warn(`Too close? It shares ${each.words.map((word) => `“${word}”`).join(", ")} with ${each.kind === "protected" ? "the protected prompts" : "the concept"} “${each.name}”.`);
    }
    if (!found.measured_later.length) return box;
    if (found.suggested === false) warn("Not drawn? The model's card does not name it among what it draws.");
    if (found.suggested === null) box.append(paragraph("Whether the model draws it is not known here: its card names nothing."));
    const again = (/** @type {string} */ because) => found.made_again.filter((each) => each.because === because).map((each) => each.concept).join(", ");
    if (again("reprojected")) box.append(paragraph(`Made again afterwards, so that they leave it alone: ${again("reprojected")}.`));
    if (again("substituted")) warn(`Made again with it, since they draw it instead of their own: ${again("substituted")}.`);
    if (!found.made_again.length) box.append(paragraph("No other increment has to be made again."));
    box.append(paragraph("Words tell only so much. Whether it is drawn, how close it is, whether there is room and whether it is forgotten, a worker measures with the model; where it refuses, the job says so, with the figures and what can be done."));
    return box;
}

customElements.define("action-form", ActionForm);
customElements.define("erase-form", EraseForm);

document.addEventListener("click", async (event) => {
    const clicked = /** @type {Element} */ (event.target);
    const file = /** @type {HTMLAnchorElement | null} */ (clicked.closest("a[data-download]"));
    if (file && key()) {
        event.preventDefault();
        try {
            await save(new URL(file.href).pathname, file.dataset.download ?? "file");
        } catch (error) {
            notice(error instanceof Error ? error.message : String(error), "bad");
        }
    }
    const cancelling = /** @type {HTMLButtonElement | null} */ (clicked.closest("[data-cancel]"));
    if (cancelling) {
        cancelling.disabled = true;
        try {
            await change("POST", `/jobs/${cancelling.dataset.cancel}/cancel`, {});
            notice("It is cancelled, or ends at its next step.");
        } catch (error) {
            cancelling.disabled = false;
            notice(error instanceof Error ? error.message : String(error), "bad");
        }
    }
});

/**
 * Ask for a file with the key, and have the browser keep it.
 * @param {string} path
 * @param {string} name
 */
async function save(path, name) {
    const answer = await ask(path, { headers: { Accept: "*/*" } });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
