// @ts-check
/** What a picture says of itself: signed, by the service's inspection; else the record in its text chunk `sepme`. */

import { ask, read, Refused } from "./api.js";

/** @typedef {{name: string, version?: number | null, digest: string}} Named */
/** @typedef {{state: string, reason: string, signer: string, served: boolean | null, mask: Named[], request: Record<string, unknown>}} Found */

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const TOO_LARGE = 413;
const KEPT = ["prompt", "negative_prompt", "seed", "steps", "guidance_scale", "width", "height", "scheduler", "batches"];

/**
 * What a picture says of itself: what is signed counts before its record, which anybody may have written.
 * @param {Blob} file
 * @param {{base_digest: string} | null} model What is served.
 * @returns {Promise<Found>}
 * @throws {Refused} Where the service refuses to look.
 * @throws {Error} Where it is no picture of sepme's; the message says so to the reader.
 */
export async function inspect(file, model) {
    const own = await recordOf(file);
    const answer = await inspected(file);
    const record = answer?.record ?? own;
    if (record === null && !answer?.statement) throw new Error("This picture says nothing of how it was drawn: another program made it, or wrote it anew.");
    const said = { ...record, ...onlySaid(answer?.statement ?? {}) };
    return {
        state: answer?.state ?? "not checked",
        reason: answer?.reason ?? "",
        signer: answer?.signer ? signer(answer.signer) : "",
        served: answer ? answer.base_served : said.base_digest === model?.base_digest,
        mask: answer?.increments ?? named(said.increments),
        request: Object.fromEntries(KEPT.filter((name) => said[name] !== undefined).map((name) => [name, said[name]])),
    };
}

/** @param {{subject: string, known: boolean | null}} signer */
function signer({ subject, known }) {
    if (known) return `Signed by this service (${subject}).`;
    return `Signed by ${subject}, ${known === null ? "for which this service can say nothing" : "for which this service's authority does not vouch"}.`;
}

/** @param {Record<string, unknown>} statement */
function onlySaid(statement) {
    return Object.fromEntries(Object.entries(statement).filter(([, value]) => value !== null && value !== undefined));
}

/**
 * @param {any} increments As a record has them.
 * @returns {Named[]}
 */
function named(increments) {
    return (increments ?? []).map((/** @type {any} */ each) => ({ name: each.concept ?? each.name, version: each.version, digest: each.digest }));
}

/**
 * What the service says of it; null where it is too large to be sent.
 * @param {Blob} file
 */
async function inspected(file) {
    try {
        return await read("/inspections", { method: "POST", body: file, headers: { "Content-Type": "image/png" } });
    } catch (error) {
        if (error instanceof Refused && error.problem.status === TOO_LARGE) return null;
        throw error;
    }
}

/**
 * The JSON of a PNG's chunk `sepme` (PNG, third edition, 11.3.3: tEXt, iTXt).
 * @param {Blob} file
 * @returns {Promise<any>} Null where there is none.
 */
export async function recordOf(file) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (!SIGNATURE.every((byte, place) => bytes[place] === byte)) throw new Error("This is no PNG.");
    const view = new DataView(bytes.buffer);
    for (let at = 8; at + 12 <= bytes.length;) {
        const length = view.getUint32(at);
        const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
        const text = kind === "tEXt" || kind === "iTXt" ? entry(kind, bytes.subarray(at + 8, at + 8 + length)) : null;
        if (text !== null) return JSON.parse(text);
        at += 12 + length;
    }
    return null;
}

/**
 * @param {string} kind
 * @param {Uint8Array} data
 * @returns {string | null} The text, where the chunk is called `sepme`.
 */
function entry(kind, data) {
    const end = data.indexOf(0);
    if (new TextDecoder("latin1").decode(data.subarray(0, end)) !== "sepme") return null;
    if (kind === "tEXt") return new TextDecoder("latin1").decode(data.subarray(end + 1));
    if (data[end + 1] !== 0) return null; // compressed, which sepme never writes
    const language = data.indexOf(0, end + 3);
    return new TextDecoder().decode(data.subarray(data.indexOf(0, language + 1) + 1));
}

/**
 * Whether the version of a concept that a picture names still stands, in words.
 * @param {Named} named
 * @returns {Promise<{text: string, stands: boolean}>}
 */
export async function standing(named) {
    let concept;
    try {
        concept = await (await ask(`/concepts/${encodeURIComponent(named.name)}`)).json();
    } catch (error) {
        if (error instanceof Refused && error.problem.status === 404) return { text: "not known here: purged, or of another service", stands: false };
        throw error;
    }
    const made = concept.versions.find((/** @type {any} */ each) => each.digest === named.digest);
    if (!made) return { text: `a version that this service does not have; it serves version ${concept.version ?? "none"}`, stands: false };
    if (concept.digest !== named.digest) return { text: `version ${made.version}, since replaced by version ${concept.version}`, stands: false };
    if (concept.state === "restored") return { text: `version ${made.version}, restored since: only those who name it have it`, stands: true };
    return { text: `version ${made.version}, which serves`, stands: true };
}
