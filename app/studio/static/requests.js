// @ts-check
/** A request for a picture, from the button to the pixels; and the same request as others would send it. */

import { Away, change, Refused } from "./api.js";
import { follow, pause } from "./events.js";
import { key } from "./key.js";

/** @typedef {{prompt: string, seed: number, erased: string[] | "active", [option: string]: unknown}} Body */
/** @typedef {{id: string, url: string, seed: number, width: number, height: number}} Picture */
/** @typedef {{digest: string, concepts: {name: string, version: number, digest: string}[]}} Mask */
/** @typedef {{job: string, picture: Picture, mask: Mask, warnings: string[]}} Drawn */

const AT_ONCE = 4; // A browser keeps six connections to a service, and each of these is followed by one.
const PATIENCE = 20;

let busy = 0;
/** @type {(() => void)[]} */
const waiting = [];

/**
 * Draw a picture: the same request in the same state of the concepts is the same job, for a day.
 * @param {Body} body
 * @param {string} state What else decides the picture: the increments that serve.
 * @param {(said: string, step: number, of: number) => void} onProgress
 * @param {AbortSignal} signal
 * @returns {Promise<Drawn>}
 * @throws {Refused} Where it is refused or fails.
 */
export async function draw(body, state, onProgress, signal) {
    onProgress("Waits for its turn", 0, 1);
    await turn();
    try {
        const key = await nameOf(JSON.stringify(body) + state);
        let job = await submitted(body, key, onProgress, signal);
        if (job.state === "failed" || job.state === "cancelled") job = await submitted(body, crypto.randomUUID?.() ?? `${key}-${Date.now()}`, onProgress, signal);
        if (job.state !== "succeeded") job = await followed(job, onProgress, signal);
        return result(job);
    } finally {
        busy -= 1;
        waiting.shift()?.();
    }
}

/** Wait until fewer than `AT_ONCE` are under way. */
async function turn() {
    while (busy >= AT_ONCE) await new Promise((resolve) => waiting.push(() => resolve(undefined)));
    busy += 1;
}

/**
 * Send it until it is taken or refused for good: a full queue, or a service that is away, passes.
 * @param {Body} body
 * @param {string} idempotencyKey
 * @param {(said: string, step: number, of: number) => void} onProgress
 * @param {AbortSignal} signal
 */
async function submitted(body, idempotencyKey, onProgress, signal) {
    for (;;) {
        signal.throwIfAborted();
        try {
            return await change("POST", "/generate", body, { idempotencyKey, signal });
        } catch (error) {
            const passes = error instanceof Away || (error instanceof Refused && error.retryAfter > 0 && error.retryAfter <= PATIENCE);
            if (!passes) throw error;
            onProgress(error instanceof Refused ? error.problem.title : "The service does not answer; this goes on by itself", 0, 1);
            await pause(1000 * (error instanceof Refused ? error.retryAfter : 2));
        }
    }
}

/**
 * @param {{id: string, state: string}} job
 * @param {(said: string, step: number, of: number) => void} onProgress
 * @param {AbortSignal} signal
 */
async function followed(job, onProgress, signal) {
    if (job.state === "queued") onProgress("Waits for a worker", 0, 1);
    return follow(job.id, ({ step, of }) => onProgress(`Step ${step} of ${of}`, step, of), signal);
}

/**
 * @param {any} job
 * @returns {Drawn}
 */
function result(job) {
    if (job.state === "failed") throw new Refused(job.problem);
    if (job.state === "cancelled") throw new Refused({ type: "/problems/job-cancelled", title: "Cancelled.", status: 409, detail: `By ${job.cancelled_by ?? "whoever asked"}.` });
    return { job: job.id, picture: job.result.images[0], mask: job.result.mask, warnings: job.result.warnings ?? [] };
}

/**
 * A name for a request that any tab gives it. Where the page came over plain HTTP from another machine there is no
 * digest, and each request is one of its own.
 * @param {string} text
 */
async function nameOf(text) {
    if (!globalThis.crypto?.subtle) return `studio-${Date.now()}-${Math.random()}`;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
    return `studio-${Array.from(digest.slice(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * @param {string} address The service's root.
 * @param {Body[]} bodies
 */
export function asCurl(address, bodies) {
    const held = key() ? ` \\\n     -H "Authorization: Bearer $SEPME_KEY"` : "";
    return bodies.map((body) => [
        `curl --fail-with-body -X POST ${address}generate \\\n`,
        `     -H 'Prefer: wait=300' -H 'Content-Type: application/json'${held} \\\n`,
        `     -d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`,
    ].join("")).join("\n\n");
}

/**
 * For the client of `import sepme`, which takes a key from `SEPME_KEY` by itself.
 * @param {string} address
 * @param {Body[]} bodies
 */
export function asPython(address, bodies) {
    return `import sepme

requests = [
${bodies.map((body) => `    ${JSON.stringify(body)},`).join("\n")}
]
with sepme.Client(${JSON.stringify(address.replace(/\/$/, ""))}) as client:
    for number, request in enumerate(requests):
        client.generate(**request).images[0].save(f"{number}.png")`;
}

/** @param {Body[]} bodies */
export function asJson(bodies) {
    return JSON.stringify(bodies.length === 1 ? bodies[0] : bodies, null, 2);
}
