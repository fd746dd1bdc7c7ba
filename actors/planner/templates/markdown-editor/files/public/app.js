/* Documents in Markdown: chosen from a list, written, previewed, saved by themselves. */

import { renderMarkdown } from './markdown.js';
import { api, ask, attempt, button, byId, el, plural, recall, remember, toast, whenQuiet } from './ui.js';

const SAVE_QUIET_MS = 600;
const SHOW_QUIET_MS = 60;
const RETRY_MS = 5_000;
const TEXT_CHARACTERS_MAX = 262_144;
const KEEPALIVE_CHARACTERS_MAX = 20_000;

const EXAMPLE = `# A first document

Text is **bold**, *slanted*, ~~struck~~ or \`code\`. Links look like [this](https://commonmark.org).

## A list

- [x] Open the editor
- [ ] Write something
    - A list inside a list

> A quote, perhaps from a book.

| Month | Kilometres |
| ----- | ---------: |
| May   |         42 |
| June  |         57 |

\`\`\`js
const answer = 6 * 7;
\`\`\`
`;

const state = {
    documents: [],      /* {id, title, revision, createdAt, updatedAt} */
    current: null,      /* the open one: {id, title, text, revision, saved: {title, text}} */
    isConflict: false,
    loaded: false,
};
const filters = [];     /* each one says whether a document is listed */
let compare = (a, b) => b.updatedAt.localeCompare(a.updatedAt);

const parts = Object.fromEntries([
    'notice', 'conflict', 'side', 'new', 'documents', 'list-note', 'editor', 'title', 'save-state', 'download', 'delete',
    'format', 'modes', 'panes', 'text', 'preview', 'counts', 'empty', 'empty-words', 'first-new', 'example', 'toggle-list',
    'keep-mine', 'take-other',
].map((id) => [id, byId(id)]));

const days = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const narrow = window.matchMedia('(max-width: 60rem)');

/* The list */

function render() {
    const visible = state.documents.filter((entry) => filters.every((keeps) => keeps(entry))).sort(compare);
    parts.documents.replaceChildren(...visible.map((entry) => el('button', {
        type: 'button', 'data-id': entry.id, 'aria-current': state.current && state.current.id === entry.id ? 'true' : null,
        on: { click: () => choose(entry) },
    }, el('span', { text: entry.title }),
       el('time', { datetime: entry.updatedAt, text: days.format(new Date(entry.updatedAt)) }))));
    parts['list-note'].hidden = !state.loaded || visible.length > 0;
    parts['list-note'].textContent = state.documents.length === 0 ? 'No documents yet.' : 'No document matches.';
    parts.editor.hidden = !state.current;
    parts.empty.hidden = !state.loaded || state.current !== null;
    parts['empty-words'].textContent = state.documents.length === 0
        ? 'Start with an empty page, or with an example that shows what can be written.'
        : 'Choose one from the list, or start a new one.';
    parts['toggle-list'].textContent = `Documents (${state.documents.length})`;
}

function setListOpen(isOpen) {
    parts.side.classList.toggle('open', isOpen);
    parts['toggle-list'].setAttribute('aria-expanded', String(isOpen));
}

function updateEntry(entry) {
    state.documents = [...state.documents.filter((other) => other.id !== entry.id), entry];
    render();
}

/* Saving */

function setSaveState(text, failed = false) {
    parts['save-state'].textContent = text;
    parts['save-state'].classList.toggle('failed', failed);
}

function isDirty(entry) {
    return entry !== null && (entry.title !== entry.saved.title || entry.text !== entry.saved.text);
}

function contentOf(entry) {
    return { title: entry.title.trim() || 'Untitled', text: entry.text, revision: entry.revision };
}

let saving = null;

/* Saves until nothing is left to save; false when it could not. One saving runs at a time. */
function save() {
    saving = saving || saveAll().finally(() => { saving = null; });
    return saving;
}

async function saveAll() {
    const entry = state.current;
    while (isDirty(entry)) {
        if (state.isConflict) return false;
        const sent = { title: entry.title, text: entry.text };
        setSaveState('Saving…');
        try {
            const kept = await api('PUT', `api/documents/${entry.id}`, contentOf(entry));
            entry.revision = kept.revision;
            entry.saved = sent;
            updateEntry(kept);
        } catch (error) {
            saveFailed(entry, error);
            return false;
        }
    }
    if (entry) setSaveState('Saved');
    return true;
}

function saveFailed(entry, error) {
    if (error.status === 409 && error.details.revision !== undefined) {
        state.isConflict = true;
        parts.conflict.hidden = false;
        setSaveState('Not saved', true);
        return;
    }
    setSaveState(`Not saved. ${error.message}`, true);
    if (error.status === 0 || error.status >= 500) {
        setTimeout(() => { if (state.current === entry) save(); }, RETRY_MS);
    }
}

const saveSoon = whenQuiet(SAVE_QUIET_MS, save);

function changed() {
    setSaveState('Not saved yet');
    saveSoon();
}

async function keepMine() {
    const entry = state.current;
    const other = await attempt(() => api('GET', `api/documents/${entry.id}`));
    if (!other) return;
    entry.revision = other.revision;
    endConflict();
    save();
}

async function takeOther() {
    const other = await attempt(() => api('GET', `api/documents/${state.current.id}`));
    if (!other) return;
    endConflict();
    show(other);
}

function endConflict() {
    state.isConflict = false;
    parts.conflict.hidden = true;
}

/* The open document */

function preview() {
    parts.preview.replaceChildren(renderMarkdown(parts.text.value));
    const words = parts.text.value.split(/\s+/).filter(Boolean).length;
    parts.counts.textContent = `${plural(words, 'word', 'words')} · ${plural(parts.text.value.length, 'character', 'characters')}`;
}

const previewSoon = whenQuiet(SHOW_QUIET_MS, preview);

function show(entry) {
    state.current = { ...entry, saved: { title: entry.title, text: entry.text } };
    parts.title.value = entry.title;
    parts.text.value = entry.text;
    parts.text.scrollTop = 0;
    parts.preview.scrollTop = 0;
    parts.download.href = `api/documents/${entry.id}.md`;
    parts.download.download = `${entry.title}.md`;
    remember('document', entry.id);
    setSaveState('Saved');
    setListOpen(false);
    preview();
    render();
}

/* Leaves the open document only once its text is safe. */
async function leave() {
    if (!isDirty(state.current) || await save()) return true;
    toast('The open document is not saved yet, so it stays open.', undefined, true);
    return false;
}

async function choose(entry) {
    if (state.current && state.current.id === entry.id) {
        setListOpen(false);
        return;
    }
    if (!await leave()) return;
    const whole = await attempt(() => api('GET', `api/documents/${entry.id}`));
    if (whole) show(whole);
}

async function create(title, text) {
    if (!await leave()) return;
    const entry = await attempt(() => api('POST', 'api/documents', { title, text }));
    if (!entry) return;
    state.documents = [...state.documents, entry];
    show(entry);
    if (shownMode() === 'preview') setMode(narrow.matches ? 'write' : 'split');
    if (text === '') {
        parts.title.focus();
        parts.title.select();
    }
}

async function remove() {
    const entry = state.current;
    if (!await ask('Delete this document?', `“${entry.title}” is deleted for good. Download it first if you may need it.`, 'Delete')) return;
    if (!await attempt(() => api('DELETE', `api/documents/${entry.id}`))) return;
    state.documents = state.documents.filter((other) => other.id !== entry.id);
    state.current = null;
    endConflict();
    render();
    toast('Document deleted.');
}

/* View and format */

function shownMode() {
    const mode = recall('mode') || 'split';
    return narrow.matches && mode === 'split' ? 'write' : mode;
}

function showMode() {
    const mode = shownMode();
    parts.panes.dataset.mode = mode;
    for (const choice of parts.modes.children) choice.setAttribute('aria-pressed', String(choice.dataset.mode === mode));
}

function setMode(mode) {
    remember('mode', mode);
    showMode();
}

/* Replaces the selection; through the editing command, so that undo takes it back. */
function insert(text, from, to) {
    parts.text.focus();
    if (!document.execCommand('insertText', false, text)) {
        parts.text.setRangeText(text, parts.text.selectionStart, parts.text.selectionEnd, 'end');
        parts.text.dispatchEvent(new Event('input'));
    }
    parts.text.setSelectionRange(from, to);
}

function around(mark, sample) {
    const { selectionStart: from, selectionEnd: to, value } = parts.text;
    const inner = value.slice(from, to) || sample;
    insert(mark + inner + mark, from + mark.length, from + mark.length + inner.length);
}

function atLines(mark) {
    const { selectionStart, selectionEnd, value } = parts.text;
    const from = value.lastIndexOf('\n', selectionStart - 1) + 1;
    const next = value.indexOf('\n', selectionEnd);
    const to = next < 0 ? value.length : next;
    const text = value.slice(from, to).split('\n').map((line) => mark + line).join('\n');
    parts.text.setSelectionRange(from, to);
    insert(text, from + mark.length, from + text.length);
}

function link() {
    const { selectionStart: from, selectionEnd: to, value } = parts.text;
    const inner = value.slice(from, to) || 'text';
    insert(`[${inner}](https://)`, from + inner.length + 3, from + inner.length + 11);
}

const FORMATS = [
    ['B', 'Bold (Ctrl + B)', () => around('**', 'bold')],
    ['I', 'Italic (Ctrl + I)', () => around('*', 'italic')],
    ['H', 'Heading', () => atLines('## ')],
    ['•', 'List', () => atLines('- ')],
    ['☐', 'Task list', () => atLines('- [ ] ')],
    ['❝', 'Quote', () => atLines('> ')],
    ['</>', 'Code', () => around('`', 'code')],
    ['Link', 'Link (Ctrl + K)', link],
];
parts.format.append(...FORMATS.map(([label, name, run]) => (
    button(label, { class: 'button quiet', title: name, 'aria-label': name }, () => {
        if (shownMode() === 'preview') setMode('write');
        run();
    }))));

function shortcuts(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    const run = { b: () => around('**', 'bold'), i: () => around('*', 'italic'), k: link, s: save }[event.key.toLowerCase()];
    if (!run) return;
    event.preventDefault();
    run();
}

async function load() {
    try {
        state.documents = (await api('GET', 'api/documents')).documents;
        state.loaded = true;
        parts.notice.hidden = true;
    } catch (error) {
        parts.notice.replaceChildren(el('p', { text: error.message }), button('Try again', {}, load));
        parts.notice.hidden = false;
        return;
    }
    render();
    const last = state.documents.find((entry) => entry.id === recall('document'));
    if (last) await choose(last);
    else setListOpen(state.documents.length > 0);
}

parts.text.maxLength = TEXT_CHARACTERS_MAX;
parts.text.addEventListener('input', () => {
    state.current.text = parts.text.value;
    previewSoon();
    changed();
});
parts.text.addEventListener('keydown', shortcuts);
parts.text.addEventListener('scroll', () => {
    const room = parts.text.scrollHeight - parts.text.clientHeight;
    if (room > 0) parts.preview.scrollTop = (parts.text.scrollTop / room) * (parts.preview.scrollHeight - parts.preview.clientHeight);
});
parts.title.addEventListener('input', () => {
    state.current.title = parts.title.value;
    changed();
});
parts.title.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') parts.text.focus();
});
parts.preview.addEventListener('click', (event) => {
    const target = event.target.closest('a[href^="#doc-"]');
    if (!target) return;
    event.preventDefault();
    const goal = document.getElementById(decodeURIComponent(target.getAttribute('href').slice(1)));
    if (goal && parts.preview.contains(goal)) goal.scrollIntoView();
});
parts.new.addEventListener('click', () => create('Untitled', ''));
parts['first-new'].addEventListener('click', () => create('Untitled', ''));
parts.example.addEventListener('click', () => create('A first document', EXAMPLE));
parts.delete.addEventListener('click', remove);
parts['keep-mine'].addEventListener('click', keepMine);
parts['take-other'].addEventListener('click', takeOther);
parts['toggle-list'].addEventListener('click', () => setListOpen(!parts.side.classList.contains('open')));
parts.modes.addEventListener('click', (event) => {
    const choice = event.target.closest('[data-mode]');
    if (choice) setMode(choice.dataset.mode);
});
narrow.addEventListener('change', showMode);
window.addEventListener('beforeunload', (event) => {
    if (isDirty(state.current)) event.preventDefault();
});
window.addEventListener('pagehide', () => {
    const entry = state.current;
    if (!isDirty(entry) || state.isConflict || entry.text.length > KEEPALIVE_CHARACTERS_MAX) return;
    api('PUT', `api/documents/${entry.id}`, contentOf(entry), { keepalive: true }).catch(() => {});
});
showMode();

/* slot:script */

load().finally(() => document.querySelector('main').removeAttribute('aria-busy'));
