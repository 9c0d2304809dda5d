// @ts-check
/** The key, kept in this tab: gone when the tab is closed, never in an address, never in a cookie. */

const NAME = "sepme-key";

/** @returns {string | null} The key that was given in this tab. */
export function key() {
    return sessionStorage.getItem(NAME);
}

/** @param {string} text */
export function keep(text) {
    sessionStorage.setItem(NAME, text.trim());
}

export function forget() {
    sessionStorage.removeItem(NAME);
}

/**
 * @param {Record<string, string>} [headers]
 * @returns {Record<string, string>} The headers, and the key where there is one.
 */
export function withKey(headers = {}) {
    const held = key();
    return held ? { ...headers, Authorization: `Bearer ${held}` } : headers;
}
