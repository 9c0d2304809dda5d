// @ts-check
/** Pictures of a certificate: before and after under one slider, and what changed from version to version. */

import { read } from "./api.js";
import { paragraph, showProblem } from "./actions.js";
import { sharpen, source } from "./pictures.js";

/** Below this a channel's change is not seen by eye, of 255. */
const SEEN = 8;

class EvidencePictures extends HTMLElement {
    connectedCallback() {
        const figures = /** @type {HTMLElement[]} */ ([...this.querySelectorAll("figure[data-before]")]);
        for (const figure of figures) {
            const button = document.createElement("button");
            button.type = "button";
            button.className = "quiet";
            button.textContent = "Show large";
            button.setAttribute("aria-label", `Show large: ${figure.querySelector("figcaption")?.textContent ?? ""}`);
            button.addEventListener("click", () => this.show(figure));
            figure.append(button);
        }
        if (figures.length) this.show(figures[0]);
    }

    /** @param {HTMLElement} figure */
    async show(figure) {
        const place = /** @type {HTMLElement} */ (this.querySelector("[data-slider]"));
        const slider = document.createElement("img-comparison-slider");
        const words = figure.querySelector("figcaption")?.textContent ?? "";
        try {
            slider.append(await slotted("first", figure.dataset.before ?? "", `Without the increment: ${words}`), await slotted("second", figure.dataset.after ?? "", `With the increment: ${words}`));
        } catch (error) {
            return showProblem(place, error);
        }
        const said = () => slider.setAttribute("aria-valuenow", String(Math.round(Number(/** @type {any} */ (slider).value ?? 50))));
        for (const [name, value] of Object.entries({ role: "slider", "aria-label": `How much is shown without the increment: ${words}`, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": "50" })) slider.setAttribute(name, value);
        slider.addEventListener("slide", said);
        place.replaceChildren(slider);
        for (const each of this.querySelectorAll("figure")) each.toggleAttribute("data-shown", each === figure);
    }
}

/**
 * @param {string} slot
 * @param {string} path
 * @param {string} alt
 */
async function slotted(slot, path, alt) {
    const image = new Image();
    image.slot = slot;
    image.alt = alt;
    image.src = await source(path);
    await image.decode();
    sharpen(image);
    return image;
}

/** @typedef {{id: string, prompt: string, seed: number, erased: boolean, sha256: string}} Shown */

class VersionDifferences extends HTMLElement {
    connectedCallback() {
        this.querySelector("[data-compare]")?.addEventListener("click", () => this.compare());
    }

    async compare() {
        const versions = /** @type {number[]} */ (JSON.parse(this.dataset.versions ?? "[]"));
        /** @type {Map<string, Shown>} */
        let before = new Map();
        for (const version of versions) {
            const place = /** @type {HTMLElement} */ (this.querySelector(`[data-version="${version}"] [data-difference]`));
            try {
                const { certificate } = await read(`/concepts/${this.dataset.concept}/versions/${version}`);
                const after = pictures(certificate.pictures ?? []);
                place.replaceChildren(...await differences(before, after, version));
                before = after;
            } catch (error) {
                showProblem(place, error);
            }
        }
    }
}

/** @param {Shown[]} listed */
function pictures(listed) {
    return new Map(listed.filter((each) => each.erased).map((each) => [`${each.prompt}\n${each.seed}`, each]));
}

/**
 * @param {Map<string, Shown>} before
 * @param {Map<string, Shown>} after
 * @param {number} version
 */
async function differences(before, after, version) {
    if (!after.size) return [paragraph("It has no pictures: none are kept of persons and of what is explicit, nor of some versions made by the way.")];
    const row = document.createElement("div");
    row.className = "row changed";
    for (const [name, picture] of after) {
        const figure = document.createElement("figure");
        const image = await slotted("", `/images/${picture.id}`, `Version ${version}: ${picture.prompt}`);
        const caption = document.createElement("figcaption");
        caption.textContent = `${picture.prompt}, seed ${picture.seed}. ${await changed(before.get(name), picture)}`;
        figure.append(image, caption);
        row.append(figure);
    }
    return [row];
}

/**
 * @param {Shown | undefined} before
 * @param {Shown} after
 */
async function changed(before, after) {
    if (!before) return "The first of its prompt and noise.";
    if (before.sha256 === after.sha256) return "The same pixels as in the version before.";
    const [one, other] = await Promise.all([before, after].map((each) => pixels(`/images/${each.id}`)));
    if (one.length !== other.length) return "Another size than in the version before.";
    let sum = 0, seen = 0;
    for (let place = 0; place < one.length; place += 4) {
        let most = 0;
        for (let channel = 0; channel < 3; channel++) {
            const difference = Math.abs(one[place + channel] - other[place + channel]);
            sum += difference;
            most = Math.max(most, difference);
        }
        seen += most > SEEN ? 1 : 0;
    }
    const count = one.length / 4;
    return `Changed by ${(sum / count / 3).toFixed(1)} of 255 in the mean; ${Math.round(100 * seen / count)} % of its pixels by more than ${SEEN}.`;
}

/** @param {string} path */
async function pixels(path) {
    const image = await slotted("", path, "");
    const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height).data;
}

customElements.define("evidence-pictures", EvidencePictures);
customElements.define("version-differences", VersionDifferences);
