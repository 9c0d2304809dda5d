// @ts-check
/** A picture in its frame: how far it is, the picture, or why there is none; and two of them under a slider. */

import { Refused } from "./api.js";
import { show } from "./pictures.js";

/** @typedef {import("./requests.js").Drawn} Drawn */

/**
 * Show in a figure how far its picture is, then the picture, or why there is none.
 * @param {HTMLElement} figure
 * @param {Promise<Drawn>} drawing
 * @param {string} alt
 * @param {AbortSignal} signal
 * @returns {Promise<Drawn | null>}
 */
export async function shown(figure, drawing, alt, signal) {
    figure.setAttribute("aria-busy", "true");
    const image = /** @type {HTMLImageElement} */ (figure.querySelector("img"));
    try {
        const drawn = await drawing;
        if (signal.aborted) return null;
        image.alt = alt;
        await show(image, drawn.picture.url);
        image.hidden = false;
        say(figure, drawn.warnings.join(" "));
        return drawn;
    } catch (error) {
        if (signal.aborted) return null;
        image.hidden = true;
        const problem = error instanceof Refused ? error.problem : { title: "Not drawn.", detail: String(error) };
        say(figure, `${problem.title}. ${problem.detail ?? ""}`.replace("..", "."), true);
        return null;
    } finally {
        if (!signal.aborted) {
            figure.removeAttribute("aria-busy");
            figure.querySelector("progress")?.setAttribute("hidden", "");
        }
    }
}

/**
 * @param {HTMLElement} figure
 * @param {string} said
 * @param {number} step
 * @param {number} of
 */
export function progress(figure, said, step, of) {
    figure.setAttribute("aria-busy", "true");
    const bar = /** @type {HTMLProgressElement} */ (figure.querySelector("progress"));
    bar.hidden = false;
    bar.max = of || 1;
    bar.value = step;
    say(figure, said);
}

/**
 * @param {HTMLElement} figure
 * @param {string} text
 */
export function say(figure, text, bad = false) {
    const line = /** @type {HTMLElement} */ (figure.querySelector("[data-said]"));
    line.textContent = text;
    line.hidden = !text;
    line.classList.toggle("bad", bad);
}

/**
 * @param {HTMLElement} place
 * @param {Drawn} left
 * @param {Drawn} right
 */
export async function slide(place, left, right) {
    const slider = document.createElement("img-comparison-slider");
    const pictures = [left, right].map((drawn, side) => {
        const image = document.createElement("img");
        image.slot = side ? "second" : "first";
        image.alt = side ? "Right" : "Left";
        return show(image, drawn.picture.url).then(() => image);
    });
    slider.append(...(await Promise.all(pictures)));
    const said = () => slider.setAttribute("aria-valuenow", String(Math.round(Number(/** @type {any} */ (slider).value ?? 50))));
    for (const [name, value] of Object.entries({ role: "slider", "aria-label": "How much of the left picture is shown", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": "50" })) slider.setAttribute(name, value);
    slider.addEventListener("slide", said);
    place.replaceChildren(slider);
}
