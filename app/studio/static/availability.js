// @ts-check
/** What is up, in words: what is away, what to do, and word to the rest of the page when it is back. */

import { address } from "./api.js";

const CALM = 15000;
const WORRIED = 2500;

/** What to do, by part.
 * @type {Record<string, string>}
 */
const REMEDIES = {
    server: "It may be restarting. If it stays away, start it on its machine: sepme serve.",
    database: "Look at its disk and its connection; what was accepted is kept.",
    broker: "Start the broker (Valkey or Redis). What is asked for meanwhile is kept and taken up then.",
    model: "A worker is loading the model, or none runs. sepme serve starts them; its logs say why one ended.",
    storage: "Make room on the service's disk: until then new work is refused.",
    erase: "Start a worker; what is asked for waits until then.",
    generate: "Start a worker; what is asked for waits until then.",
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

/** @returns {Promise<{part: string, title: string, detail: string}[]>} */
async function look() {
    /** @type {any} */
    let found;
    try {
        const answer = await fetch(address("/readyz"), { headers: { Accept: "application/json" } });
        found = await answer.json();
    } catch {
        return [{ part: "server", title: "The service does not answer.", detail: "" }];
    }
    if (!found.workers) return [{ part: "server", title: "The service cannot answer.", detail: String(found.detail ?? "") }];
    const complaints = [];
    for (const part of ["database", "model", "broker", "storage"]) {
        if (found[part].status !== "up") complaints.push({ part, title: `The ${part} is not all well:`, detail: found[part].detail });
    }
    for (const [queue, worker] of Object.entries(found.workers)) {
        if (worker.status !== "up") complaints.push({ part: queue, title: `No worker for ${queue === "erase" ? "erasures" : "pictures"}:`, detail: worker.detail });
    }
    if (found.database.status === "down") return complaints.filter((each) => each.part === "database");
    return complaints;
}

/** @param {{part: string, title: string, detail: string}[]} complaints */
function tell(complaints) {
    const place = document.getElementById("availability");
    if (!place) return;
    place.hidden = complaints.length === 0;
    place.replaceChildren(...complaints.map(({ part, title, detail }) => {
        const line = document.createElement("p");
        const strong = document.createElement("strong");
        strong.textContent = title;
        line.append(strong, ` ${detail ? `${detail}. ` : ""}${REMEDIES[part]} This page goes on by itself.`);
        return line;
    }));
}
