// @ts-check
/** The first view: one prompt and seed under several masks, beside each other. */

import { read } from "./api.js";
import { pause } from "./events.js";
import { progress, say, shown, slide } from "./figures.js";
import { lay, MOST_CELLS } from "./grid.js";
import { asCurl, asJson, asPython, draw } from "./requests.js";
import { opened } from "./opening.js";
import { copy, notice } from "./studio.js";

/** @typedef {import("./requests.js").Body} Body */
/** @typedef {import("./requests.js").Drawn} Drawn */
/** @typedef {{name: string, title: string, erased: string[] | "active"}} Choice */
/** @typedef {{name: string, state: string, version: number | null, digest: string | null, usable: boolean, why: string}} Concept */

const OPTIONS = ["negative_prompt", "guidance_scale", "scheduler", "width", "height"];
const NUMBERS = new Set(["seed", "steps", "guidance_scale", "width", "height"]);
const IDLE_MILLISECONDS = 1500;
const SHORT = 12;
const LARGEST_NEW_SEED = 2 ** 32;

class TryView extends HTMLElement {
    /** @type {any} What `GET /model` answers; null where no worker has announced one. */
    model = null;
    /** @type {Choice[]} */
    choices = [];
    /** @type {Concept[]} */
    concepts = [];
    /** @type {string[]} */
    floor = [];
    /** @type {Map<string, Drawn>} What is shown, by the name of the choice. */
    drawn = new Map();
    /** @type {Body[]} What the pictures beside each other show; the form may have been changed since. */
    bodies = [];
    /** @type {Body[]} What the grid shows. */
    gridBodies = [];
    /** @type {unknown} The sizes of batches that a picture was drawn in: with them it is the same to the bit. */
    batches = null;
    /** Of the pictures that are being drawn. */
    underWay = new AbortController();
    /** Of all that this element listens to. */
    letGo = new AbortController();

    connectedCallback() {
        this.model = this.dataset.model ? JSON.parse(this.dataset.model) : null;
        this.choices = JSON.parse(this.dataset.choices ?? "[]");
        this.concepts = JSON.parse(this.dataset.concepts ?? "[]");
        this.floor = JSON.parse(this.dataset.floor ?? "[]");
        if (!this.model) return;
        this.listen();
        const linked = this.fillIn(new URLSearchParams(location.search));
        for (const each of this.querySelectorAll("[hidden][data-draw], [hidden][data-permalink], [hidden][data-another-seed], [data-rest], .find, [data-more]")) each.removeAttribute("hidden");
        this.describe();
        const elsewhere = document.body.hasAttribute("data-from-elsewhere");
        if (this.dataset.draws && !elsewhere) this.drawFirst({ keepAddress: !linked, inTurn: true });
    }

    disconnectedCallback() {
        this.underWay.abort();
        this.letGo.abort();
    }

    get form() {
        return /** @type {HTMLFormElement} */ (this.querySelector("#asked"));
    }

    listen() {
        this.letGo = new AbortController();
        const { signal } = this.letGo;
        this.form.addEventListener("submit", (event) => { event.preventDefault(); this.drawNow(); }, { signal });
        this.form.addEventListener("input", () => { this.changed(); }, { signal });
        this.addEventListener("click", (event) => this.clicked(/** @type {Element} */ (event.target)), { signal });
        this.addEventListener("keydown", (event) => this.pressed(event), { signal });
        this.querySelector("[data-find]")?.addEventListener("input", (event) => this.find(/** @type {HTMLInputElement} */ (event.target).value), { signal });
        this.querySelector("#grid")?.addEventListener("submit", (event) => { event.preventDefault(); this.drawGrid(); }, { signal });
        this.querySelector("#grid")?.addEventListener("input", () => this.countCells(), { signal });
        for (const each of this.querySelectorAll("[data-left], [data-right]")) each.addEventListener("change", () => this.compare(), { signal });
        opened(this, signal, (request, names) => this.takeOver(request, names));
    }

    /** @param {Element} target */
    clicked(target) {
        if (target.closest("[data-another-seed]")) {
            this.batches = null;
            this.field("seed").value = String(Math.floor(Math.random() * LARGEST_NEW_SEED));
            this.drawNow();
        }
        if (target.closest("[data-permalink]")) copy(this.permalink().href);
        if (target.closest("[data-copy-code]")) copy(this.querySelector("[role=tabpanel]:not([hidden])")?.textContent ?? "");
        const more = target.closest("[data-more]");
        if (more) this.listMore(/** @type {HTMLElement} */ (more));
        const tab = target.closest("[role=tab]");
        if (tab) this.choose(tab);
    }

    /** @param {KeyboardEvent} event */
    pressed(event) {
        const at = /** @type {HTMLElement} */ (event.target);
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && this.form.contains(at)) this.form.requestSubmit();
        if (!at.matches("[role=tab]")) return;
        const tabs = /** @type {HTMLElement[]} */ ([...this.querySelectorAll("[role=tab]")]);
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step === undefined) return;
        const next = tabs[(tabs.indexOf(at) + step + tabs.length) % tabs.length];
        next.focus();
        this.choose(next);
    }

    /** @param {Element} chosen */
    choose(chosen) {
        for (const tab of this.querySelectorAll("[role=tab]")) {
            const is = tab === chosen;
            tab.setAttribute("aria-selected", String(is));
            /** @type {HTMLElement} */ (tab).tabIndex = is ? 0 : -1;
            this.querySelector(`#${tab.getAttribute("aria-controls")}`)?.toggleAttribute("hidden", !is);
        }
    }

    /**
     * @param {string} name
     * @returns {HTMLInputElement}
     */
    field(name) {
        return /** @type {HTMLInputElement} */ (this.form.elements.namedItem(name));
    }

    /** @returns {HTMLInputElement[]} */
    switches() {
        return /** @type {HTMLInputElement[]} */ ([...this.form.querySelectorAll("input.switch")]);
    }

    /**
     * The request without its mask. Options that are the model's own are left out.
     * @returns {Omit<Body, "erased">}
     */
    asked() {
        /** @type {Omit<Body, "erased">} */
        const asked = { prompt: this.field("prompt").value, seed: Number(this.field("seed").value), steps: Number(this.field("steps").value) };
        for (const name of OPTIONS) {
            const text = this.field(name)?.value ?? "";
            const value = NUMBERS.has(name) ? Number(text) : text;
            if (text !== "" && value !== (this.model.defaults[name] ?? "")) asked[name] = value;
        }
        if (this.batches) asked.batches = this.batches;
        return asked;
    }

    /**
     * @param {Choice} choice
     * @returns {string[] | "active"}
     */
    maskOf(choice) {
        if (choice.name !== "chosen") return choice.erased;
        return this.switches().filter((each) => each.checked).map((each) => each.value).sort();
    }

    /**
     * The concepts that a mask comes to, as far as this page knows them.
     * @param {string[] | "active"} erased
     * @returns {Concept[]}
     */
    within(erased) {
        const always = (/** @type {Concept} */ each) => each.why === "erased for good";
        return this.concepts.filter((each) => each.digest && (erased === "active" ? each.state === "erased" : erased.includes(each.name) || always(each)));
    }

    /**
     * What decides a picture beside its request.
     * @param {string[] | "active"} erased
     */
    stateOf(erased) {
        const known = `${this.model.base_digest} ${this.within(erased).map((each) => each.digest).join(" ")}`;
        const unknown = this.querySelector("[data-more]:not([hidden])") ? `${erased} ${performance.timeOrigin}` : "";
        return known + unknown;
    }

    /** The form no longer says what is shown. */
    changed() {
        this.batches = null;
        if (!this.drawn.size) this.describe();
        this.querySelector("[data-stale]")?.toggleAttribute("hidden", !this.drawn.size);
    }

    /** Say under each picture which concepts its mask comes to, and what is asked for as requests. */
    describe() {
        for (const choice of this.choices) {
            const within = this.within(this.maskOf(choice));
            this.piece(choice.name, "[data-mask]").textContent = listed(within.map((each) => each.name));
        }
        this.bodies = this.choices.map((choice) => this.body(choice));
        this.querySelector("[data-stale]")?.setAttribute("hidden", "");
        this.tell();
    }

    tell() {
        const bodies = unique([...this.bodies, ...this.gridBodies]);
        const address = this.dataset.address ?? "";
        /** @type {HTMLElement} */ (this.querySelector("#code-curl")).textContent = asCurl(address, bodies);
        /** @type {HTMLElement} */ (this.querySelector("#code-python")).textContent = asPython(address, bodies);
        /** @type {HTMLElement} */ (this.querySelector("#code-json")).textContent = asJson(bodies);
    }

    /**
     * @param {Choice} choice
     * @returns {Body}
     */
    body(choice) {
        return /** @type {Body} */ ({ ...this.asked(), erased: this.maskOf(choice) });
    }

    /**
     * @param {string} choice
     * @param {string} selector
     * @returns {HTMLElement}
     */
    piece(choice, selector) {
        return /** @type {HTMLElement} */ (this.figure(choice).querySelector(selector));
    }

    /**
     * @param {string} choice
     * @returns {HTMLElement}
     */
    figure(choice) {
        return /** @type {HTMLElement} */ (this.querySelector(`[data-choice="${choice}"]`));
    }

    /**
     * Draw without being asked to, once nothing of what the key sees waits any more.
     * @param {{keepAddress: boolean, inTurn: boolean}} how
     */
    async drawFirst(how) {
        const { signal } = this.underWay;
        for (let idle = this.dataset.draws === "at once"; !idle;) {
            for (const choice of this.choices) say(this.figure(choice.name), "Others' pictures are drawn first.");
            await pause(IDLE_MILLISECONDS);
            const queued = await read("/jobs?state=queued&kind=generate&limit=1").catch(() => null);
            if (signal.aborted) return;
            idle = queued?.items.length === 0;
        }
        await this.drawAll(how);
    }

    /** Draw, by what serves at this moment. */
    async drawNow() {
        if (!this.form.reportValidity()) return;
        this.underWay.abort();
        for (const choice of this.choices) progress(this.figure(choice.name), "Looks at what is erased", 0, 1);
        await this.lookAgain().catch(() => {}); // where that is refused or away, drawing says so
        await this.drawAll();
    }

    /**
     * Draw what is asked for under every mask on offer; masks that come to the same are drawn once.
     * @param {{keepAddress?: boolean, inTurn?: boolean}} [how] In turn, the first picture is there sooner, the last later.
     */
    async drawAll({ keepAddress = false, inTurn = false } = {}) {
        if (!this.form.reportValidity()) return;
        this.underWay.abort();
        this.underWay = new AbortController();
        const { signal } = this.underWay;
        this.drawn.clear();
        this.describe();
        /** @type {Map<string, Promise<Drawn>>} */
        const once = new Map();
        /** @type {Promise<unknown>[]} */
        const all = [];
        for (const choice of this.choices) {
            const state = this.stateOf(this.maskOf(choice));
            const drawing = once.get(state) ?? this.drawing(choice, state, signal);
            once.set(state, drawing);
            all.push(this.showOne(choice, drawing, signal));
            if (inTurn) await all[0];
        }
        await Promise.all(all);
        if (signal.aborted) return;
        this.compare();
        if (!keepAddress) history.replaceState(null, "", this.permalink());
    }

    /**
     * Ask for a choice's picture; every choice whose mask comes to the same says how far it is.
     * @param {Choice} choice
     * @param {string} state
     * @param {AbortSignal} signal
     */
    drawing(choice, state, signal) {
        const figures = this.choices.filter((each) => this.stateOf(this.maskOf(each)) === state).map((each) => this.figure(each.name));
        const tell = (/** @type {string} */ said, /** @type {number} */ step, /** @type {number} */ of) => figures.forEach((each) => progress(each, said, step, of));
        return draw(this.body(choice), state, tell, signal);
    }

    /**
     * @param {Choice} choice
     * @param {Promise<Drawn>} drawing
     * @param {AbortSignal} signal
     */
    async showOne(choice, drawing, signal) {
        const figure = this.figure(choice.name);
        const drawn = await shown(figure, drawing, `${this.field("prompt").value}; ${choice.title}`, signal);
        if (!drawn) return;
        this.drawn.set(choice.name, drawn);
        const concepts = drawn.mask.concepts.map((each) => `${each.name} v${each.version}`);
        this.piece(choice.name, "[data-mask]").textContent = listed(concepts);
        const linked = new URLSearchParams(location.search).get(`mask-${choice.name}`);
        if (linked && linked !== short(drawn.mask.digest)) say(figure, "The concepts have changed since this link was made.");
    }

    compare() {
        const section = /** @type {HTMLElement} */ (this.querySelector(".compare"));
        const [left, right] = ["[data-left]", "[data-right]"].map((each) => this.drawn.get(/** @type {HTMLSelectElement} */ (this.querySelector(each)).value));
        section.hidden = !left || !right || this.choices.length < 2;
        if (!section.hidden && left && right) slide(/** @type {HTMLElement} */ (section.querySelector(".slider")), left, right);
    }

    /** The address that asks for the same again. */
    permalink() {
        const link = new URL(location.pathname, location.href);
        for (const [name, value] of Object.entries(this.asked())) link.searchParams.set(name, typeof value === "object" ? JSON.stringify(value) : String(value));
        const chosen = this.choices.find((each) => each.name === "chosen");
        if (chosen) link.searchParams.set("erased", /** @type {string[]} */ (this.maskOf(chosen)).join(","));
        const stale = JSON.stringify(this.bodies) !== JSON.stringify(this.choices.map((choice) => this.body(choice)));
        if (!stale) for (const [name, { mask }] of this.drawn) link.searchParams.set(`mask-${name}`, short(mask.digest));
        return link;
    }

    /**
     * Fill in what an address asks for.
     * @param {URLSearchParams} linked
     * @returns {boolean} Whether it asks for anything.
     */
    fillIn(linked) {
        for (const name of ["prompt", "seed", "steps", ...OPTIONS]) {
            const value = linked.get(name);
            if (value !== null && this.field(name)) this.field(name).value = value;
        }
        this.batches = parsed(linked.get("batches"));
        const erased = linked.get("erased");
        if (erased !== null) this.setMask(erased.split(",").filter(Boolean));
        return linked.has("prompt");
    }

    /** @param {string[]} names */
    setMask(names) {
        const unknown = names.filter((name) => !this.concepts.some((each) => each.name === name && each.usable));
        for (const each of this.switches()) if (!each.disabled) each.checked = names.includes(each.value);
        if (unknown.length) notice(`Not to be had here: ${unknown.join(", ")}.`, "bad");
    }

    /**
     * Ask for what a picture was drawn by.
     * @param {Record<string, unknown>} request
     * @param {string[]} names Of its mask.
     */
    takeOver(request, names) {
        for (const name of ["negative_prompt"]) if (this.field(name)) this.field(name).value = "";
        for (const [name, value] of Object.entries(request)) if (name !== "batches" && this.field(name)) this.field(name).value = String(value);
        this.batches = request.batches ?? null;
        this.setMask(names);
        this.drawNow();
        this.form.scrollIntoView({ block: "start" });
    }

    /** @param {string} text */
    find(text) {
        const wanted = text.trim().toLowerCase();
        for (const item of this.querySelectorAll(".concepts li")) item.toggleAttribute("hidden", !(item.getAttribute("data-name") ?? "").includes(wanted));
    }

    /** @param {HTMLElement} button */
    async listMore(button) {
        const page = await read(`/concepts?limit=200&cursor=${encodeURIComponent(button.dataset.more ?? "")}`);
        page.items.forEach((/** @type {any} */ each) => this.know(each));
        button.dataset.more = page.next_cursor ?? "";
        button.hidden = !page.next_cursor;
    }

    /** What was erased, restored or made anew since the page came. */
    async lookAgain() {
        const page = await read("/concepts?limit=200");
        page.items.forEach((/** @type {any} */ each) => this.know(each));
    }

    /**
     * Take a concept as the API says it is now; one that was not known gets a switch.
     * @param {any} concept
     */
    know(concept) {
        const usable = concept.digest !== null && concept.base_digest === this.model.base_digest;
        const why = concept.irrevocable && concept.state === "erased" ? "erased for good" : "";
        const now = { name: concept.name, state: concept.state, version: concept.version, digest: concept.digest, usable, why };
        const known = this.concepts.find((each) => each.name === concept.name);
        if (known) Object.assign(known, { state: now.state, version: now.version, digest: now.digest, usable });
        else this.concepts.push(now);
        if (!known || !this.querySelector(`.concepts li[data-name="${concept.name}"]`)) this.list(now);
        const chip = this.querySelector(`.concepts li[data-name="${concept.name}"] .chip`);
        chip?.setAttribute("data-state", concept.state);
        if (chip) chip.textContent = concept.state.replace("-", " ");
    }

    /** @param {Concept} concept */
    list(concept) {
        const made = /** @type {HTMLElement} */ (/** @type {HTMLTemplateElement} */ (this.querySelector("#switch")).content.firstElementChild?.cloneNode(true));
        made.dataset.name = concept.name;
        const input = /** @type {HTMLInputElement} */ (made.querySelector("input"));
        input.value = concept.name;
        input.checked = concept.usable && (concept.state === "erased" || this.floor.includes(concept.name));
        input.disabled = input.disabled || !concept.usable || concept.why !== "" || this.floor.includes(concept.name);
        /** @type {HTMLElement} */ (made.querySelector(".name")).textContent = concept.name;
        this.querySelector(".concepts .none")?.remove();
        this.querySelector(".concepts")?.append(made);
    }

    gridAsked() {
        const form = /** @type {HTMLFormElement} */ (this.querySelector("#grid"));
        const given = new FormData(form);
        const prompts = String(given.get("prompts")).split("\n").map((each) => each.trim()).filter(Boolean);
        const columns = this.choices.filter((each) => given.getAll("masks").includes(each.name)).map((each) => ({ title: each.title, erased: this.maskOf(each) }));
        const chosen = this.switches().filter((each) => each.checked).map((each) => each.value);
        if (given.has("alone")) columns.push(...chosen.filter((name) => !this.floor.includes(name)).map((name) => ({ title: name, erased: [...this.floor, name].sort() })));
        return { prompts: prompts.length ? prompts : [this.field("prompt").value], columns };
    }

    countCells() {
        const { prompts, columns } = this.gridAsked();
        const count = prompts.length * columns.length;
        const said = count > MOST_CELLS ? `${count} pictures are more than ${MOST_CELLS}: take fewer prompts or masks.` : `${count} ${count === 1 ? "picture" : "pictures"}`;
        /** @type {HTMLElement} */ (this.querySelector("[data-count]")).textContent = said;
        return count > 0 && count <= MOST_CELLS;
    }

    async drawGrid() {
        if (!this.countCells()) return;
        const { prompts, columns } = this.gridAsked();
        const cells = lay(/** @type {HTMLElement} */ (this.querySelector("[data-grid]")), prompts, columns);
        const { signal } = this.letGo;
        this.gridBodies = cells.map(({ prompt, column }) => /** @type {Body} */ ({ ...this.asked(), prompt, erased: column.erased }));
        this.tell();
        await Promise.all(cells.map(async ({ prompt, column, figure }, place) => {
            const drawing = draw(this.gridBodies[place], this.stateOf(column.erased), (said, step, of) => progress(figure, said, step, of), signal);
            await shown(figure, drawing, `${prompt}; ${column.title}`, signal);
        }));
    }
}

/** @param {string[]} names */
function listed(names) {
    if (!names.length) return "no concept";
    return names.length > 4 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
}

/** @param {string | null} text */
function parsed(text) {
    try {
        return JSON.parse(text ?? "null");
    } catch {
        return null;
    }
}

/** @param {string} digest */
function short(digest) {
    return digest.replace("sha256:", "").slice(0, SHORT);
}

/**
 * @param {Body[]} bodies
 * @returns {Body[]}
 */
function unique(bodies) {
    return [...new Map(bodies.map((body) => [JSON.stringify(body), body])).values()];
}

customElements.define("try-view", TryView);
