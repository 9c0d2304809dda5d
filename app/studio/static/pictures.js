// @ts-check
/** Pictures of the API: asked for with the key where there is one, and shown large without blur where they are small. */

import { ask } from "./api.js";
import { key } from "./key.js";

/** @type {Map<string, Promise<string>>} Pictures never change, so each is asked for once. */
const known = new Map();

/**
 * Where an `<img>` finds a picture: with a key, a copy in this tab.
 * @param {string} path Such as `/images/abc`.
 * @returns {Promise<string>}
 */
export async function source(path) {
    let found = known.get(path);
    if (!found) {
        found = ask(path, { headers: { Accept: "image/png" } }).then(async (answer) => URL.createObjectURL(await answer.blob()));
        known.set(path, found);
        found.catch(() => known.delete(path));
    }
    return found;
}

/**
 * Show a picture in an `<img>`; resolves once it is decoded.
 * @param {HTMLImageElement} image
 * @param {string} path
 */
export async function show(image, path) {
    image.src = await source(path);
    await image.decode().catch(() => {});
    sharpen(image);
}

/**
 * A picture that is shown at more than its own size keeps its pixels.
 * @param {HTMLImageElement} image
 */
export function sharpen(image) {
    image.classList.toggle("small", image.naturalWidth > 0 && image.naturalWidth <= 256);
}

/**
 * Take care of all pictures below an element that came from the server.
 * @param {ParentNode} root
 */
export function attend(root) {
    for (const image of root.querySelectorAll("img.picture")) {
        if (!(image instanceof HTMLImageElement) || image.dataset.attended) continue;
        image.dataset.attended = "";
        image.addEventListener("load", () => sharpen(image));
        if (image.complete) sharpen(image);
        const wanted = image.dataset.picture;
        if (wanted && key()) show(image, wanted.replace(/^.*(?=images\/)/, "/")).catch(() => image.classList.add("gone"));
    }
}
