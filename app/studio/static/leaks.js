// @ts-check
/** The map of who touches whom, by pointer and by arrow keys: the cell in words below it. */

class LeakMap extends HTMLElement {
    connectedCallback() {
        this.cells = /** @type {HTMLTableCellElement[]} */ ([...this.querySelectorAll("td[title]")]);
        for (const cell of this.cells) cell.tabIndex = cell === this.cells[0] ? 0 : -1;
        this.querySelector(".scroll")?.removeAttribute("tabindex");
        this.addEventListener("focusin", (event) => this.tell(/** @type {Element} */ (event.target)));
        this.addEventListener("pointerover", (event) => this.tell(/** @type {Element} */ (event.target)));
        this.addEventListener("keydown", (event) => this.move(event));
    }

    /** @param {Element} target */
    tell(target) {
        const cell = target.closest("td[title]");
        const place = this.querySelector("[data-readout]");
        if (cell && place) place.textContent = `${cell.getAttribute("title")}.`;
    }

    /** @param {KeyboardEvent} event */
    move(event) {
        const cell = /** @type {Element} */ (event.target).closest("td");
        const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
        if (!cell || !step) return;
        event.preventDefault();
        const column = cell.cellIndex + step[0];
        const row = /** @type {HTMLTableRowElement | null} */ ([cell.parentElement?.previousElementSibling, cell.parentElement, cell.parentElement?.nextElementSibling][step[1] + 1]);
        const next = row?.cells[column];
        if (!next?.hasAttribute("title")) return;
        cell.tabIndex = -1;
        next.tabIndex = 0;
        next.focus();
    }
}

customElements.define("leak-map", LeakMap);
