// @ts-check
/** The public API, as any client calls it. */

import { withKey } from "./key.js";

/**
 * @typedef {{type: string, title: string, status: number, detail: string, remedy?: string, errors?: {pointer?: string, name?: string, detail: string}[], [member: string]: unknown}} ProblemDocument
 */

/** The service answered with a problem (RFC 9457). */
export class Refused extends Error {
    /**
     * @param {ProblemDocument} problem
     * @param {number} retryAfter Seconds after which it is worth another try; 0 where nothing was said.
     */
    constructor(problem, retryAfter = 0) {
        super(`${problem.title}: ${problem.detail}`);
        this.problem = problem;
        this.retryAfter = retryAfter;
    }

    /** The last part of the problem's type, such as `scope-missing`. */
    get kind() {
        return String(this.problem.type).split("/").pop() ?? "";
    }
}

/** Nothing answered. */
export class Away extends Error {}

/**
 * The address of a path of the API, wherever the service's root is.
 * @param {string} path Such as `/concepts/cat`.
 */
export function address(path) {
    const root = new URL(document.body.dataset.root ?? "./", location.href);
    return new URL(path.replace(/^\//, ""), root).href;
}

/**
 * Ask the API.
 * @param {string} path Such as `/concepts/cat`.
 * @param {{method?: string, body?: unknown, headers?: Record<string, string>, signal?: AbortSignal}} [request]
 *     A `body` is sent as JSON, but for a Blob, which is sent as it is.
 * @returns {Promise<Response>}
 * @throws {Refused} Where a problem was answered.
 * @throws {Away} Where nothing answered.
 */
export async function ask(path, { method = "GET", body, headers = {}, signal } = {}) {
    const sent = withKey({ Accept: "application/json", ...headers });
    if (body !== undefined && !(body instanceof Blob)) sent["Content-Type"] = "application/json";
    let answer;
    try {
        answer = await fetch(address(path), {
            method, signal, headers: sent,
            body: body === undefined || body instanceof Blob ? body : JSON.stringify(body),
        });
    } catch (error) {
        if (signal?.aborted) throw error;
        document.dispatchEvent(new CustomEvent("studio:away"));
        throw new Away("The service does not answer.");
    }
    if (answer.ok) return answer;
    throw new Refused(await problemOf(answer), Number(answer.headers.get("Retry-After")) || 0);
}

/**
 * Ask for a document.
 * @param {string} path
 * @param {Parameters<typeof ask>[1]} [request]
 * @returns {Promise<any>}
 */
export async function read(path, request) {
    return (await ask(path, request)).json();
}

/**
 * Change something: once, however often the request has to be sent.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {{idempotencyKey?: string, headers?: Record<string, string>, signal?: AbortSignal}} [options]
 * @returns {Promise<any>} The answer's document; null where there is none.
 */
export async function change(method, path, body, { idempotencyKey = crypto.randomUUID?.() ?? String(Math.random()), headers = {}, signal } = {}) {
    const sent = method === "DELETE" ? headers : { "Idempotency-Key": idempotencyKey, ...headers };
    const answer = await ask(path, { method, body, headers: sent, signal });
    return answer.status === 204 ? null : answer.json();
}

/**
 * @param {Response} answer
 * @returns {Promise<ProblemDocument>}
 */
async function problemOf(answer) {
    try {
        return await answer.json();
    } catch {
        return { type: "about:blank", title: "No answer of the service", status: answer.status, detail: `Something on the way answered with the status ${answer.status}.` };
    }
}
