/* Entries with a title and a note: shown, added, changed, deleted and brought back. */

import { ICONS, api, attempt, button, byId, el, iconButton, keepFocus, plural, toast } from './ui.js';

const PAGE = 100;

const state = {
    entries: [],
    editing: null,      /* {id, text, note}: what is being typed into an entry */
    shown: PAGE,
    loaded: false,
};
const filters = [];     /* each one says whether an entry is shown */
let compare = (a, b) => b.createdAt.localeCompare(a.createdAt);

const parts = {
    notice: byId('notice'),
    form: byId('add-form'),
    text: byId('add-text'),
    note: byId('add-note'),
    count: byId('count'),
    list: byId('entries'),
    empty: byId('empty'),
    more: byId('more'),
    exports: byId('export'),
};

const days = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

function visibleEntries() {
    return state.entries.filter((entry) => filters.every((keeps) => keeps(entry))).sort(compare);
}

function entryView(entry) {
    const changed = entry.updatedAt !== entry.createdAt;
    return el('li', { class: 'entry panel', 'data-id': entry.id },
        el('h2', { text: entry.text }),
        el('div', {},
           iconButton(ICONS.edit, `Edit ${entry.text}`, { 'data-focus': `edit:${entry.id}` }, () => edit(entry)),
           iconButton(ICONS.remove, `Delete ${entry.text}`, { 'data-focus': `remove:${entry.id}` }, () => remove(entry))),
        entry.note ? el('p', { class: 'note', text: entry.note }) : null,
        el('time', { class: 'muted small', datetime: entry.updatedAt,
                     text: (changed ? 'Changed ' : 'Added ') + days.format(new Date(entry.updatedAt)) }));
}

function editView(entry) {
    const draft = state.editing;
    const text = el('input', { class: 'input', maxlength: 300, required: true, 'data-focus': 'edit-text',
                               on: { input: () => { draft.text = text.value; } } });
    const note = el('textarea', { class: 'input', maxlength: 10_000, rows: 4, 'data-focus': 'edit-note',
                                  on: { input: () => { draft.note = note.value; } } });
    text.value = draft.text;
    note.value = draft.note;
    const form = el('form', { on: { submit: (event) => { event.preventDefault(); save(entry); },
                                    keydown: (event) => editKeys(event, entry, form) } },
        el('label', { class: 'field' }, el('span', { text: 'Title' }), text),
        el('label', { class: 'field' }, el('span', { text: 'Note' }), note),
        el('div', { class: 'form-foot' },
           button('Cancel', { 'data-focus': 'edit-cancel' }, () => endEditing(entry)),
           el('button', { class: 'button primary', type: 'submit', text: 'Save', 'data-focus': 'edit-save' })));
    return el('li', { class: 'entry panel', 'data-id': entry.id }, form);
}

function editKeys(event, entry, form) {
    if (event.key === 'Escape') endEditing(entry);
    else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
}

function showEmpty(visible) {
    parts.empty.hidden = !state.loaded || visible.length > 0;
    if (parts.empty.hidden) return;
    const [title, text] = state.entries.length === 0
        ? ['Nothing here yet', 'Add the first entry above. A title is enough; a note can hold the rest.']
        : ['No entry matches', 'Change what you are searching for to see more.'];
    parts.empty.replaceChildren(el('h2', { text: title }), el('p', { text }));
}

function render() {
    const visible = visibleEntries();
    const count = visible.length === state.entries.length
        ? plural(visible.length, 'entry', 'entries')
        : `${visible.length.toLocaleString()} of ${plural(state.entries.length, 'entry', 'entries')}`;
    keepFocus(() => {
        parts.list.replaceChildren(...visible.slice(0, state.shown).map((entry) => (
            state.editing && state.editing.id === entry.id ? editView(entry) : entryView(entry))));
    });
    parts.count.textContent = state.loaded ? count : 'Loading…';
    parts.more.hidden = visible.length <= state.shown;
    parts.exports.hidden = state.entries.length === 0;
    showEmpty(visible);
}

function edit(entry) {
    state.editing = { id: entry.id, text: entry.text, note: entry.note };
    render();
    document.querySelector('[data-focus="edit-text"]').focus();
}

function endEditing(entry) {
    state.editing = null;
    render();
    const opener = document.querySelector(`[data-focus="edit:${entry.id}"]`);
    if (opener) opener.focus();
}

async function save(entry) {
    const { text, note } = state.editing;
    const changed = await attempt(() => api('PATCH', `api/entries/${entry.id}`, { text, note }));
    if (!changed) return;
    state.entries = state.entries.map((other) => (other.id === changed.id ? changed : other));
    endEditing(changed);
}

async function add(event) {
    event.preventDefault();
    const added = await attempt(() => api('POST', 'api/entries', { text: parts.text.value, note: parts.note.value }));
    if (!added) return;
    state.entries = [...state.entries, added];
    parts.form.reset();
    parts.text.focus();
    render();
}

async function remove(entry) {
    const answer = await attempt(() => api('DELETE', `api/entries/${entry.id}`));
    if (!answer) return;
    state.entries = state.entries.filter((other) => other.id !== entry.id);
    render();
    toast('Entry deleted.', { label: 'Undo', run: () => restore(answer.records) });
}

async function restore(records) {
    const answer = await attempt(() => api('POST', 'api/entries/restore', { records }));
    if (!answer) return;
    state.entries = [...state.entries, ...answer.records];
    render();
}

async function load() {
    try {
        state.entries = (await api('GET', 'api/entries')).records;
        state.loaded = true;
        parts.notice.hidden = true;
    } catch (error) {
        parts.notice.replaceChildren(el('p', { text: error.message }), button('Try again', {}, load));
        parts.notice.hidden = false;
    }
    render();
}

parts.form.addEventListener('submit', add);
parts.note.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) parts.form.requestSubmit();
});
parts.more.addEventListener('click', () => {
    state.shown += PAGE;
    render();
});
document.addEventListener('visibilitychange', () => {
    if (!document.hidden && !state.editing) load();
});

/* slot:script */

load().finally(() => document.querySelector('main').removeAttribute('aria-busy'));
