// @ts-check
/** What is up, in words: what is away, what to do, and word to the rest of the page when it is back. */

import { address } from "./api.js";

const CALM = 15000;
const WORRIED = 2500;
/** Milliseconds after which a service that hangs counts as one that does not answer. */
const PATIENCE = 8000;

/** What to do, by part.
 * @type {Record<string, string>}
 */
const REMEDIES = {
    server: "It may be restarting. If it stays away, start it on its machine: sepme serve.",
    database: "Look at its disk and its connection; what was accepted is kept.",
    broker: "Start the broker (Valkey or Redis). What is asked for meanwhile is kept and taken up then.",
    model: "A worker is loading it. If that takes long, the worker's log says why.",
    storage: "Make room on the service's disk: until then new work is refused.",
    workers: "Start them: sepme serve does, and their logs say why one ended. What is asked for waits until then.",
    erase: "Start one; what is asked for waits until then.",
    generate: "Start one; what is asked for waits until then.",
};

/** @type {Record<string, string>} */
const TITLES = {
    server: "The service does not answer",
    database: "The database is not all well",
    broker: "The broker is not all well",
    model: "No model is loaded yet",
    storage: "There is too little room",
    workers: "No worker runs",
    erase: "No worker erases",
    generate: "No worker draws",
};

/** @type {string} What was away when it was last looked. */
let away = "";
let timer = 0;

/** Look now, and from then on for as long as the page is seen. */
export async function watch() {
    clearTimeout(timer);
    if (document.hidden) return;
    const complaints = await look();
    const now = complaints.map((each) => each.part).join(" ");
    if (away && now !== away) document.dispatchEvent(new CustomEvent("studio:back", { detail: { away: now } }));
    away = now;
    tell(complaints);
    clearTimeout(timer); // another look may have begun meanwhile
    timer = window.setTimeout(watch, complaints.length ? WORRIED : CALM);
}

document.addEventListener("visibilitychange", () => { watch(); });

/** @returns {Promise<{part: string, detail: string}[]>} */
async function look() {
    /** @type {any} */
    let found;
    try {
        const answer = await fetch(address("/readyz"), { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(PATIENCE) });
        found = await answer.json();
    } catch {
        return [{ part: "server", detail: "" }];
    }
    if (!found.workers) return [{ part: "server", detail: String(found.detail ?? "") }];
    if (found.database.status === "down") return [{ part: "database", detail: found.database.detail }];
    const queues = Object.keys(found.workers).filter((queue) => found.workers[queue].status !== "up");
    const none = queues.length === Object.keys(found.workers).length;
    const parts = ["database", "broker", "storage", "model"].filter((part) => found[part].status !== "up");
    return [
        ...parts.map((part) => ({ part, detail: found[part].detail })),
        ...(none ? [{ part: "workers", detail: "" }] : queues.map((part) => ({ part, detail: found.workers[part].detail }))),
    ];
}

/** @param {{part: string, detail: string}[]} found */
function tell(found) {
    const none = found.some(({ part }) => part === "workers");
    const complaints = found.filter(({ part }) => !none || part !== "model"); // which no worker has, then
    const place = document.getElementById("availability");
    const said = JSON.stringify(complaints);
    if (!place || place.dataset.said === said) return;
    place.dataset.said = said;
    place.hidden = complaints.length === 0;
    const details = document.createElement("details");
    details.open = matchMedia("(min-width: 62rem)").matches;
    const summary = document.createElement("summary");
    summary.textContent = `${complaints.map(({ part }) => TITLES[part]).join(". ")}. This page goes on by itself.`;
    details.append(summary, ...complaints.map(({ part, detail }) => {
        const line = document.createElement("p");
        line.textContent = `${detail ? `${TITLES[part]}: ${detail}. ` : ""}${REMEDIES[part]}`;
        return line;
    }));
    place.replaceChildren(details);
}
