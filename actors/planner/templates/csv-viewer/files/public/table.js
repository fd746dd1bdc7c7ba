/* A table that holds only the rows in view, so that 100,000 rows scroll like 100. */

import { el } from './ui.js';

const ROW_PX = 38;
const MARGIN_ROWS = 12;
const CELL_CHARACTERS = 300;

/* The text with every occurrence of a searched word marked. */
export function marked(text, words) {
    if (words.length === 0) return [text];
    const lower = text.toLowerCase();
    if (lower.length !== text.length) return [text];
    const nodes = [];
    let at = 0;
    while (at < text.length) {
        let next = text.length;
        let length = 0;
        for (const word of words) {
            const found = lower.indexOf(word, at);
            if (found >= 0 && (found < next || (found === next && word.length > length))) {
                next = found;
                length = word.length;
            }
        }
        if (next > at) nodes.push(text.slice(at, next));
        if (length > 0) nodes.push(el('mark', { text: text.slice(next, next + length) }));
        at = next + length;
    }
    return nodes;
}

export class TableView {
    /* decorateHeader(cell, column, index) may fill a header cell in its own way;
     * openRow(row number) is called when a person asks for one row. */
    constructor(scroller, { decorateHeader, openRow }) {
        this.scroller = scroller;
        this.decorateHeader = decorateHeader;
        this.openRow = openRow;
        this.table = null;
        this.order = [];
        this.words = [];
        this.first = -1;
        scroller.addEventListener('scroll', () => this.draw(), { passive: true });
        new ResizeObserver(() => this.draw()).observe(scroller);
    }

    show(table) {
        this.data = table;
        const number = Math.max(3, String(table.rows.length).length) * 10 + 26;
        const widths = this.widths(table.columns, this.scroller.clientWidth - number);
        const cols = [number, ...widths].map((width) => {
            const col = el('col');
            col.style.width = `${width}px`;
            return col;
        });
        this.body = el('tbody');
        this.headers = table.columns.map((column, index) => this.header(column, index));
        this.table = el('table', { 'aria-rowcount': table.rows.length + 1 },
            el('colgroup', {}, ...cols),
            el('thead', {}, el('tr', { 'aria-rowindex': 1 },
                               el('th', { class: 'row-number', scope: 'col' }, el('span', { class: 'hidden-label', text: 'Row' })),
                               ...this.headers)),
            this.body);
        this.table.style.width = `${widths.reduce((sum, width) => sum + width, number)}px`;
        this.scroller.replaceChildren(this.table);
        this.scroller.scrollLeft = 0;
    }

    /* What each column needs; what is left of `room` is shared out in proportion. */
    widths(columns, room) {
        const needed = columns.map((column) => Math.round(column.characters * 8.4) + 30);
        const sum = needed.reduce((all, width) => all + width, 0);
        const share = sum > 0 && sum < room ? room / sum : 1;
        return needed.map((width) => Math.floor(width * share));
    }

    header(column, index) {
        const cell = el('th', { scope: 'col', class: column.isNumeric ? 'number' : '', title: column.name });
        cell.append(el('span', { text: column.name }));
        if (this.decorateHeader) this.decorateHeader(cell, column, index);
        return cell;
    }

    /* Shows the rows whose numbers are in `order`, from the top. */
    setOrder(order, words) {
        this.order = order;
        this.words = words;
        this.first = -1;
        this.scroller.scrollTop = 0;
        this.table.setAttribute('aria-rowcount', order.length + 1);
        this.draw();
    }

    draw() {
        if (!this.table) return;
        const visible = Math.ceil(this.scroller.clientHeight / ROW_PX) + 2 * MARGIN_ROWS;
        const top = Math.floor(this.scroller.scrollTop / ROW_PX);
        const half = Math.floor(MARGIN_ROWS / 2);
        const first = Math.max(0, Math.floor((top - MARGIN_ROWS) / half) * half);
        if (first === this.first && visible === this.visible) return;
        this.first = first;
        this.visible = visible;
        const last = Math.min(this.order.length, first + visible + half);
        const rows = [];
        for (let at = first; at < last; at++) rows.push(this.row(at));
        const focused = this.body.contains(document.activeElement) ? document.activeElement.dataset.row : undefined;
        this.body.replaceChildren(this.space(first), ...rows, this.space(this.order.length - last));
        if (focused === undefined) return;
        const again = this.body.querySelector(`[data-row="${Number(focused)}"]`);
        if (again) again.focus({ preventScroll: true });
        else this.scroller.focus({ preventScroll: true });
    }

    space(rows) {
        const cell = el('td', { colspan: this.data.columns.length + 1 });
        cell.style.height = `${rows * ROW_PX}px`;
        return el('tr', { class: 'space', 'aria-hidden': 'true' }, cell);
    }

    row(at) {
        const number = this.order[at];
        const fields = this.data.rows[number];
        const open = el('button', { type: 'button', 'data-row': number, 'aria-label': `Show row ${number + 1}`,
                                    text: (number + 1).toLocaleString(), on: { click: () => this.openRow(number) } });
        const cells = this.data.columns.map((column, index) => (
            el('td', { class: column.isNumeric ? 'number' : '' },
               ...marked((fields[index] || '').slice(0, CELL_CHARACTERS), this.words))));
        const pick = (event) => {
            if (event.target.closest('button') || String(getSelection()) !== '') return;
            this.openRow(number);
        };
        return el('tr', { 'aria-rowindex': at + 2, on: { click: pick } },
                  el('th', { class: 'row-number', scope: 'row' }, open), ...cells);
    }
}
