/* Building the page and talking to the server; data only ever becomes text, never markup. */

const SVG = 'http://www.w3.org/2000/svg';
const ANSWER_WAIT_MS = 30_000;
const TOAST_MS = 8_000;

function fill(node, properties, children) {
    for (const [name, value] of Object.entries(properties || {})) {
        if (value === undefined || value === null || value === false) continue;
        if (name === 'text') node.textContent = value;
        else if (name === 'on') for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
        else node.setAttribute(name, value === true ? '' : String(value));
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
}

/* el('li', {class: 'row', text: name, on: {click: run}}, child, ...) */
export function el(tag, properties, ...children) {
    return fill(document.createElement(tag), properties, children);
}

export function svg(tag, properties, ...children) {
    return fill(document.createElementNS(SVG, tag), properties, children);
}

export function byId(id) {
    return document.getElementById(id);
}

/* A picture of one or more strokes on a 24 x 24 field. */
export function icon(...strokes) {
    return svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' },
               ...strokes.map((d) => svg('path', { d })));
}

export const ICONS = {
    edit: ['M4 20h4L19 9l-4-4L4 16v4z', 'M13.5 6.5l4 4'],
    remove: ['M4 7h16', 'M9 7V4h6v3', 'M6 7l1 13h10l1-13', 'M10 11v5', 'M14 11v5'],
};

export function button(label, properties, run) {
    return el('button', { type: 'button', class: 'button', text: label, ...properties, on: { click: run } });
}

export function iconButton(strokes, label, properties, run) {
    return el('button', { type: 'button', class: 'button quiet icon', 'aria-label': label, title: label,
                          ...properties, on: { click: run } }, icon(...strokes));
}

/* What went wrong, in a sentence for the person; `status` is that of the answer, 0 without one. */
export class PlainError extends Error {
    constructor(message, status = 0, details = {}) {
        super(message);
        this.status = status;
        this.details = details;
    }
}

/* Sends JSON (or, with `type`, text) and gives the parsed answer back. */
export async function api(method, path, body, options = {}) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), ANSWER_WAIT_MS);
    let response;
    let text;
    try {
        response = await fetch(path, {
            method,
            cache: 'no-store',
            keepalive: options.keepalive === true,
            headers: body === undefined ? {} : { 'Content-Type': options.type || 'application/json' },
            body: body === undefined ? undefined : options.type ? body : JSON.stringify(body),
            signal: abort.signal,
        });
        text = await response.text();
    } catch {
        throw new PlainError('The app cannot be reached. Check the connection, then try again.');
    } finally {
        clearTimeout(timer);
    }
    let answer = text;
    if (/^application\/json/.test(response.headers.get('content-type') || '')) answer = JSON.parse(text);
    if (!response.ok) {
        throw new PlainError(answer.error || `The app answered with error ${response.status}. Try again in a moment.`,
                             response.status, answer);
    }
    return answer;
}

let toasts = null;

/* A short message at the foot of the page; `action` is {label, run}. */
export function toast(message, action, failed = false) {
    if (!toasts) {
        toasts = el('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' });
        document.body.append(toasts);
    }
    const box = el('div', { class: failed ? 'toast failed' : 'toast' }, el('span', { text: message }));
    let timer = 0;
    const close = () => {
        clearTimeout(timer);
        box.remove();
    };
    const wait = () => {
        clearTimeout(timer);
        timer = setTimeout(close, TOAST_MS);
    };
    if (action) {
        box.append(button(action.label, {}, () => {
            close();
            action.run();
        }));
    } else {
        box.append(button('Close', {}, close));
    }
    for (const event of ['pointerenter', 'focusin']) box.addEventListener(event, () => clearTimeout(timer));
    for (const event of ['pointerleave', 'focusout']) box.addEventListener(event, wait);
    toasts.replaceChildren(...[...toasts.children].slice(-2), box);
    wait();
}

/* Runs what talks to the server; a failure is told and answered with undefined. */
export async function attempt(run) {
    try {
        return await run();
    } catch (error) {
        if (!(error instanceof PlainError)) console.error(error);
        toast(error.message, undefined, true);
        return undefined;
    }
}

/* A question that is answered with true or false; leaving it is false. */
export function ask(title, text, yes) {
    return new Promise((resolve) => {
        const dialog = el('dialog', { 'aria-labelledby': 'ask-title' });
        const answer = (value) => {
            resolve(value);
            dialog.close();
        };
        dialog.append(el('h2', { id: 'ask-title', text: title }),
                      el('p', { class: 'muted', text }),
                      el('div', { class: 'dialog-buttons' },
                         button('Cancel', {}, () => answer(false)),
                         button(yes, { class: 'button danger' }, () => answer(true))));
        dialog.addEventListener('close', () => {
            resolve(false);
            dialog.remove();
        });
        document.body.append(dialog);
        dialog.showModal();
    });
}

/* Shows a list anew while the focus (and caret) stays on the part with the same data-focus. */
export function keepFocus(show) {
    const before = document.activeElement;
    const key = before && before.dataset ? before.dataset.focus : undefined;
    const caret = key && 'selectionStart' in before ? [before.selectionStart, before.selectionEnd] : null;
    show();
    if (!key || document.activeElement === before) return;
    const after = document.querySelector(`[data-focus="${CSS.escape(key)}"]`);
    if (!after) return;
    after.focus();
    if (caret && caret[0] !== null && 'setSelectionRange' in after) after.setSelectionRange(...caret);
}

/* The choices a person makes for this browser; kept for the visit where storage is barred. */
const visit = new Map();

export function recall(name) {
    try {
        return localStorage.getItem(name);
    } catch {
        return visit.has(name) ? visit.get(name) : null;
    }
}

export function remember(name, value) {
    visit.set(name, value);
    try {
        localStorage.setItem(name, value);
    } catch {
        /* The visit's own memory has it. */
    }
}

/* Calls `run` once things have been quiet for `ms`. */
export function whenQuiet(ms, run) {
    let timer = 0;
    return () => {
        clearTimeout(timer);
        timer = setTimeout(run, ms);
    };
}

/* Words of a search, lower-case; and whether a text has them all. */
export function searchWords(text) {
    return text.toLowerCase().split(/\s+/).filter(Boolean).slice(0, 20);
}

export function hasWords(text, words) {
    const lower = text.toLowerCase();
    return words.every((word) => lower.includes(word));
}

export function plural(count, one, many) {
    return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}
