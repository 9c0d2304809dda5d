// @ts-check
/** The events of a job. EventSource cannot send a key, so the stream is read here, and taken up where it broke off. */

import { ask, Away, Refused } from "./api.js";

const FINISHED = new Set(["succeeded", "failed", "cancelled"]);
const PAUSE = 1000;

/**
 * Follow a job until it has finished, over broken lines and restarts of the service.
 * @param {string} job Its id.
 * @param {(progress: {step: number, of: number, message: string}) => void} onProgress
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>} The job as it ended.
 * @throws {Refused} Where there is no such job for this key.
 */
export async function follow(job, onProgress, signal) {
    let last = "0";
    for (;;) {
        signal?.throwIfAborted();
        try {
            const answer = await ask(`/jobs/${job}/events`, { headers: { Accept: "text/event-stream", "Last-Event-ID": last }, signal });
            if (answer.status === 204 || !answer.body) return await finished(job, signal);
            for await (const event of events(answer.body)) {
                last = event.id || last;
                if (FINISHED.has(event.kind)) return JSON.parse(event.data);
                if (event.kind === "progress") onProgress(JSON.parse(event.data));
            }
        } catch (error) {
            if (signal?.aborted || (error instanceof Refused && error.problem.status < 500)) throw error;
            if (!(error instanceof Away || error instanceof Refused || error instanceof TypeError)) throw error;
        }
        await pause(PAUSE);
    }
}

/**
 * @param {string} job
 * @param {AbortSignal} [signal]
 */
async function finished(job, signal) {
    return (await ask(`/jobs/${job}`, { signal })).json();
}

/**
 * The events of a stream (HTML Living Standard, 9.2.6).
 * @param {ReadableStream<Uint8Array>} body
 */
async function* events(body) {
    /** @type {TransformStream<any, string>} */
    const decoder = new TextDecoderStream();
    const reader = body.pipeThrough(decoder).getReader();
    let rest = "";
    try {
        for (;;) {
            const { value, done } = await reader.read();
            if (done) return;
            rest += value;
            const blocks = rest.split(/\r?\n\r?\n/);
            rest = blocks.pop() ?? "";
            for (const block of blocks) {
                const event = parsed(block);
                if (event.data) yield event;
            }
        }
    } finally {
        await reader.cancel().catch(() => {});
    }
}

/** @param {string} block */
function parsed(block) {
    const event = { id: "", kind: "message", data: "" };
    for (const line of block.split(/\r?\n/)) {
        const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
        if (name === "id") event.id = value;
        if (name === "event") event.kind = value;
        if (name === "data") event.data += event.data ? `\n${value}` : value;
    }
    return event;
}

/** @param {number} milliseconds */
export function pause(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
