/* Tables from CSV files: opened, kept on the server, shown, searched, downloaded, removed. */

import { readTable } from './csv.js';
import { TableView, marked } from './table.js';
import { PlainError, api, ask, attempt, button, byId, el, plural, recall, remember, searchWords, toast, whenQuiet } from './ui.js';

const FILE_BYTES_MAX = 8_388_608;
const SEARCH_QUIET_MS = 120;
const DELIMITER_NAMES = { ',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'pipe' };

const state = {
    files: [],
    file: null,         /* the one that is shown */
    text: '',
    table: null,
    lower: null,        /* every row as one lower-case text, made at the first search */
    words: [],
};
const headerHooks = [];                 /* each one may add to a header cell */
const openHooks = [];                   /* called when another table is shown */
let arrange = (order) => order;         /* puts row numbers into the order to show */

const parts = {
    notice: byId('notice'),
    drop: byId('drop'),
    file: byId('file'),
    paste: byId('paste'),
    files: byId('files'),
    viewer: byId('viewer'),
    name: byId('name'),
    summary: byId('summary'),
    download: byId('download'),
    remove: byId('remove'),
    search: byId('search'),
    matches: byId('matches'),
    hasHeader: byId('has-header'),
    delimiter: byId('delimiter'),
    warning: byId('warning'),
    grid: byId('grid'),
    nothing: byId('nothing'),
};

const view = new TableView(parts.grid, {
    decorateHeader: (cell, column, index) => headerHooks.forEach((hook) => hook(cell, column, index)),
    openRow: showRow,
});

function fileSize(bytes) {
    if (bytes < 1_000) return plural(bytes, 'byte', 'bytes');
    return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function fileUrl(file) {
    return `api/files/${file.id}`;
}

/* The rows to show, in the order to show them. */
function showOrder() {
    const { table, words } = state;
    let order = Array.from(table.rows.keys());
    if (words.length > 0) {
        if (!state.lower) state.lower = table.rows.map((row) => row.join('\n').toLowerCase());
        order = order.filter((at) => words.every((word) => state.lower[at].includes(word)));
    }
    view.setOrder(arrange(order), words);
    parts.matches.textContent = words.length === 0 ? ''
        : `${order.length.toLocaleString()} of ${plural(table.rows.length, 'row', 'rows')}`;
    parts.nothing.hidden = order.length > 0 || words.length === 0;
    parts.grid.hidden = !parts.nothing.hidden;
    if (!parts.grid.hidden) view.draw();
}

function warnings(table) {
    const found = [];
    if (table.isCut) found.push(`Only the first ${table.rows.length.toLocaleString()} rows are shown.`);
    if (table.unclosedRow) found.push(`A quote that opens in row ${table.unclosedRow.toLocaleString()} of the file never closes, so the rest became one field.`);
    if (table.uneven > 0 && !table.unclosedRow) {
        found.push(`${plural(table.uneven, 'row has', 'rows have')} fewer fields than the widest one; the missing ones are left empty.`);
    }
    return found.join(' ');
}

/* Reads the text of the shown file again, with the options chosen for it. */
function showTable() {
    const { file } = state;
    parts.hasHeader.checked = recall(`header:${file.id}`) !== 'no';
    parts.delimiter.value = recall(`delimiter:${file.id}`) || '';
    let table;
    try {
        table = readTable(state.text, { delimiter: parts.delimiter.value, hasHeader: parts.hasHeader.checked });
    } catch (error) {
        toast(error.message, undefined, true);
        table = { delimiter: parts.delimiter.value || ',', columns: [], rows: [], uneven: 0, unclosedRow: 0, isCut: false };
    }
    state.table = table;
    state.lower = null;
    openHooks.forEach((hook) => hook());
    parts.name.textContent = file.name;
    parts.summary.textContent = [plural(table.rows.length, 'row', 'rows'), plural(table.columns.length, 'column', 'columns'),
                                 fileSize(file.bytes), `separated by ${DELIMITER_NAMES[table.delimiter]}`].join(' · ');
    parts.warning.textContent = warnings(table);
    parts.warning.hidden = parts.warning.textContent === '';
    parts.download.href = `${fileUrl(file)}?download=1`;
    parts.download.download = file.name;
    parts.viewer.hidden = false;
    parts.grid.hidden = false;
    view.show(table);
    showOrder();
}

function showFiles() {
    parts.drop.classList.toggle('first', state.files.length === 0);
    parts.files.hidden = state.files.length < 2;
    parts.files.replaceChildren(...state.files.map((file) => (
        button(file.name, { class: 'button', 'aria-pressed': String(file === state.file), title: file.name },
               () => open(file)))));
    if (!state.file) parts.viewer.hidden = true;
}

function showRow(number) {
    const fields = state.table.rows[number];
    const dialog = el('dialog', { class: 'row-dialog', 'aria-labelledby': 'row-title' });
    const list = el('dl', { class: 'details' });
    state.table.columns.forEach((column, index) => {
        list.append(el('dt', { text: column.name }), el('dd', {}, ...marked(fields[index] || '', state.words)));
    });
    dialog.append(el('h2', { id: 'row-title', text: `Row ${(number + 1).toLocaleString()}` }), list,
                  el('div', { class: 'dialog-buttons' }, button('Close', { autofocus: true }, () => dialog.close())));
    dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
}

async function open(file) {
    const text = await attempt(() => api('GET', fileUrl(file)));
    if (text === undefined) return;
    state.file = file;
    state.text = text;
    state.words = [];
    parts.search.value = '';
    remember('file', file.id);
    showFiles();
    showTable();
}

/* Text from the bytes of a file: UTF-8, UTF-16 with its mark, else the old Windows encoding. */
function decode(bytes) {
    if (bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] < 9) {
        throw new PlainError('This is a spreadsheet workbook or an archive. Save the sheet as CSV, then open that.');
    }
    if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
    if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
    if (bytes.includes(0)) throw new PlainError('This is not a text file. Save the table as CSV, then open that.');
    try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
        return new TextDecoder('windows-1252').decode(bytes);
    }
}

async function keep(name, text) {
    if (new Blob([text]).size > FILE_BYTES_MAX) throw new PlainError(`${name} is larger than 8 MB. Split it, then open the parts.`);
    if (text.trim() === '') throw new PlainError(`${name} is empty. Choose a file with content.`);
    const file = await api('POST', `api/files?name=${encodeURIComponent(name.slice(-120))}`, text, { type: 'text/csv; charset=utf-8' });
    state.files = [...state.files, file];
    await open(file);
}

async function openChosen(files) {
    for (const file of files) {
        await attempt(async () => {
            if (file.size > 2 * FILE_BYTES_MAX) throw new PlainError(`${file.name} is larger than 8 MB. Split it, then open the parts.`);
            parts.drop.setAttribute('aria-busy', 'true');
            try {
                await keep(file.name, decode(new Uint8Array(await file.arrayBuffer())));
            } finally {
                parts.drop.removeAttribute('aria-busy');
            }
        });
    }
}

function pastedName() {
    const now = new Date();
    const two = (number) => String(number).padStart(2, '0');
    return `Pasted ${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())} ${two(now.getHours())}.${two(now.getMinutes())}.csv`;
}

function askForText() {
    const dialog = el('dialog', { class: 'row-dialog', 'aria-labelledby': 'paste-title' });
    const text = el('textarea', { id: 'paste-text', class: 'input', spellcheck: 'false', required: true, placeholder: 'name,city\nAda,London' });
    const name = el('input', { id: 'paste-name', class: 'input', maxlength: 100, required: true });
    name.value = pastedName();
    const submit = async (event) => {
        event.preventDefault();
        const done = await attempt(async () => {
            await keep(name.value, text.value);
            return true;
        });
        if (done) dialog.close();
    };
    dialog.append(el('form', { class: 'paste-form', on: { submit } },
        el('h2', { id: 'paste-title', text: 'Paste a table' }),
        el('label', { class: 'field' }, el('span', { text: 'Text, with commas, semicolons or tabs between the fields' }), text),
        el('label', { class: 'field' }, el('span', { text: 'Name' }), name),
        el('div', { class: 'dialog-buttons' },
           button('Cancel', {}, () => dialog.close()),
           el('button', { class: 'button primary', type: 'submit', text: 'Open table' }))));
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    text.focus();
}

async function remove() {
    const { file } = state;
    if (!await ask('Remove this file?', `“${file.name}” is deleted from the app. This cannot be undone.`, 'Remove')) return;
    if (!await attempt(() => api('DELETE', fileUrl(file)))) return;
    state.files = state.files.filter((other) => other.id !== file.id);
    state.file = null;
    showFiles();
    if (state.files.length > 0) await open(state.files[state.files.length - 1]);
    toast('File removed.');
}

async function load() {
    try {
        state.files = (await api('GET', 'api/files')).files;
        parts.notice.hidden = true;
    } catch (error) {
        parts.notice.replaceChildren(el('p', { text: error.message }), button('Try again', {}, load));
        parts.notice.hidden = false;
        return;
    }
    showFiles();
    const last = state.files.find((file) => file.id === recall('file')) || state.files[state.files.length - 1];
    if (last) await open(last);
}

const search = whenQuiet(SEARCH_QUIET_MS, () => {
    state.words = searchWords(parts.search.value);
    if (state.table) showOrder();
});

function isTyping(target) {
    return target instanceof Element && target.closest('input, textarea, select, dialog') !== null;
}

parts.search.addEventListener('input', search);
parts.file.addEventListener('change', async () => {
    await openChosen([...parts.file.files]);
    parts.file.value = '';
});
parts.paste.addEventListener('click', askForText);
parts.remove.addEventListener('click', remove);
parts.hasHeader.addEventListener('change', () => {
    remember(`header:${state.file.id}`, parts.hasHeader.checked ? 'yes' : 'no');
    showTable();
});
parts.delimiter.addEventListener('change', () => {
    remember(`delimiter:${state.file.id}`, parts.delimiter.value);
    showTable();
});
document.addEventListener('paste', (event) => {
    if (isTyping(event.target)) return;
    const text = event.clipboardData.getData('text/plain');
    if (event.clipboardData.files.length > 0) openChosen([...event.clipboardData.files]);
    else if (text.trim() !== '') attempt(() => keep(pastedName(), text));
});
document.addEventListener('dragover', (event) => {
    event.preventDefault();
    document.body.classList.add('dragging');
});
document.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) document.body.classList.remove('dragging');
});
document.addEventListener('drop', (event) => {
    event.preventDefault();
    document.body.classList.remove('dragging');
    openChosen([...event.dataTransfer.files]);
});

/* slot:script */

load().finally(() => document.querySelector('main').removeAttribute('aria-busy'));
