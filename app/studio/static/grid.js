// @ts-check
/** Prompts × masks: a table of pictures of the same noise. */

/** @typedef {{title: string, erased: string[] | "active"}} Column */
/** @typedef {{prompt: string, column: Column, figure: HTMLElement}} Cell */

export const MOST_CELLS = 60;

/**
 * Write the table; its pictures are yet to be drawn.
 * @param {HTMLElement} place
 * @param {string[]} prompts
 * @param {Column[]} columns
 * @returns {Cell[]} Its cells, row by row.
 */
export function lay(place, prompts, columns) {
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    head.append(heading("Prompt", "col"), ...columns.map((column) => heading(column.title, "col")));
    const body = table.createTBody();
    const cells = prompts.flatMap((prompt) => {
        const row = body.insertRow();
        row.append(heading(prompt, "row"));
        return columns.map((column) => ({ prompt, column, figure: cell(row) }));
    });
    place.replaceChildren(table);
    return cells;
}

/**
 * @param {string} text
 * @param {"col" | "row"} scope
 */
function heading(text, scope) {
    const cell = document.createElement("th");
    cell.scope = scope;
    cell.textContent = text;
    return cell;
}

/** @param {HTMLTableRowElement} row */
function cell(row) {
    const place = row.insertCell();
    place.className = "cell";
    const figure = /** @type {HTMLElement} */ (/** @type {HTMLTemplateElement} */ (document.getElementById("cell")).content.firstElementChild?.cloneNode(true));
    place.append(figure);
    return figure;
}
