/* Amounts by day and category: totals, charts, and the entries they are made of. */

import { barChart, lineChart } from './charts.js';
import { PERIODS, byCategory, byTime, isInPeriod, sum, today } from './figures.js';
import { ICONS, api, ask, attempt, button, byId, el, iconButton, keepFocus, plural, recall, remember, toast, whenQuiet } from './ui.js';

const PAGE = 50;
const BARS_MAX = 7;

const state = {
    entries: [],
    period: Object.hasOwn(PERIODS, recall('period')) ? recall('period') : 'all',
    editing: null,      /* {id, date, category, amount, note}: what is being typed into an entry */
    shown: PAGE,
    loaded: false,
};
const filters = [(entry) => isInPeriod(entry.date, state.period)];  /* each one says whether an entry counts */
let compare = (a, b) => b.date.localeCompare(a.date) || b.createdAt.localeCompare(a.createdAt);

const parts = Object.fromEntries([
    'notice', 'export', 'period', 'shown', 'cards', 'time', 'time-title', 'time-value', 'categories', 'clear', 'add-form',
    'add-date', 'add-category', 'add-amount', 'add-note', 'category-names', 'table', 'entries', 'empty', 'more',
].map((id) => [id, byId(id)]));

const money = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' });
const labelFormats = {
    day: new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' }),
    month: new Intl.DateTimeFormat(undefined, { month: 'short', year: 'numeric', timeZone: 'UTC' }),
    year: new Intl.DateTimeFormat(undefined, { year: 'numeric', timeZone: 'UTC' }),
};

function dayText(day) {
    return dayFormat.format(new Date(`${day}T00:00:00Z`));
}

function labelOf(key, unit) {
    const whole = `${key}-01-01`.slice(0, 10);
    return labelFormats[unit].format(new Date(`${whole}T00:00:00Z`));
}

function countedEntries() {
    return state.entries.filter((entry) => filters.every((keeps) => keeps(entry)));
}

/* Totals */

function card(name, value, more) {
    return el('section', { class: 'panel card' },
        el('h2', { text: name }),
        el('p', { class: value.length > 12 ? 'value long' : 'value', text: value }),
        el('p', { class: 'muted small', text: more }));
}

function showCards(entries, categories) {
    const month = entries.filter((entry) => entry.date.slice(0, 7) === today().slice(0, 7));
    const days = new Set(entries.map((entry) => entry.date)).size;
    const top = categories[0];
    parts.cards.replaceChildren(
        card('Total', money.format(sum(entries)), plural(entries.length, 'entry', 'entries')),
        card('This month', money.format(sum(month)), plural(month.length, 'entry', 'entries')),
        card('Average per day', money.format(days ? sum(entries) / days : 0), `on ${plural(days, 'day', 'days')} with entries`),
        card('Largest category', top ? top.name : '–', top ? money.format(top.amount) : 'nothing yet'));
}

/* Charts */

function showTime(entries) {
    const { unit, points } = byTime(entries);
    parts['time-title'].textContent = `Per ${unit}`;
    parts['time-value'].textContent = '';
    if (points.length === 0) {
        parts.time.replaceChildren(el('p', { text: 'Entries appear here as a line over time.' }));
        return;
    }
    const labelled = points.map((point) => ({ label: labelOf(point.key, unit), amount: point.amount }));
    const label = `Line of the total per ${unit}, from ${labelled[0].label} to ${labelled[labelled.length - 1].label}`;
    parts.time.replaceChildren(lineChart(Math.max(240, parts.time.clientWidth), labelled, label, (point) => {
        parts['time-value'].textContent = point ? `${point.label}: ${money.format(point.amount)}` : '';
    }));
}

function showCategories(categories) {
    if (categories.length === 0) {
        parts.categories.replaceChildren(el('p', { text: 'Categories appear here, the largest first.' }));
        return;
    }
    const bars = categories.slice(0, categories.length > BARS_MAX ? BARS_MAX - 1 : BARS_MAX);
    const rest = categories.slice(bars.length);
    if (rest.length > 0) bars.push({ name: `${rest.length} others`, amount: sum(rest) });
    const label = bars.map((bar) => `${bar.name} ${money.format(bar.amount)}`).join(', ');
    parts.categories.replaceChildren(barChart(Math.max(200, parts.categories.clientWidth),
        bars.map((bar) => ({ ...bar, text: money.format(bar.amount) })), `Bars per category: ${label}`));
}

/* Entries */

function entryView(entry) {
    const name = `${entry.category}, ${money.format(entry.amount)}`;
    return el('tr', { 'data-id': entry.id },
        el('td', { 'data-field': 'date' }, el('time', { datetime: entry.date, text: dayText(entry.date) })),
        el('td', { 'data-field': 'category', text: entry.category }),
        el('td', { 'data-field': 'amount', class: 'amount', text: money.format(entry.amount) }),
        el('td', { 'data-field': 'note', class: 'muted', text: entry.note }),
        el('td', {},
           iconButton(ICONS.edit, `Edit ${name}`, { 'data-focus': `edit:${entry.id}` }, () => edit(entry)),
           iconButton(ICONS.remove, `Delete ${name}`, { 'data-focus': `remove:${entry.id}` }, () => remove(entry))));
}

function draftField(label, name, properties) {
    const input = el('input', { class: 'input', 'data-focus': `edit-${name}`, ...properties,
                                on: { input: () => { state.editing[name] = input.value; } } });
    input.value = state.editing[name];
    return el('label', { class: `field ${name}` }, el('span', { text: label }), input);
}

function editView(entry) {
    const submit = (event) => {
        event.preventDefault();
        save(entry);
    };
    return el('tr', { 'data-id': entry.id }, el('td', { colspan: 5, class: 'editing' },
        el('form', { class: 'add-form edit-form', on: { submit, keydown: (event) => { if (event.key === 'Escape') endEditing(entry); } } },
           draftField('Date', 'date', { type: 'date', min: '1900-01-01', max: '2099-12-31', required: true }),
           draftField('Category', 'category', { list: 'category-names', maxlength: 60, required: true }),
           draftField('Amount', 'amount', { type: 'number', inputmode: 'decimal', step: '0.01', min: -1e9, max: 1e9, required: true }),
           draftField('Note', 'note', { maxlength: 300 }),
           el('div', { class: 'actions' },
              button('Cancel', { 'data-focus': 'edit-cancel' }, () => endEditing(entry)),
              el('button', { class: 'button primary', type: 'submit', text: 'Save', 'data-focus': 'edit-save' })))));
}

function showEntries(entries) {
    const ordered = [...entries].sort(compare);
    keepFocus(() => {
        parts.entries.replaceChildren(...ordered.slice(0, state.shown).map((entry) => (
            state.editing && state.editing.id === entry.id ? editView(entry) : entryView(entry))));
    });
    parts.table.hidden = entries.length === 0;
    parts.more.hidden = entries.length <= state.shown;
    parts.clear.hidden = state.entries.length === 0;
    parts.export.hidden = state.entries.length === 0;
    parts.empty.hidden = !state.loaded || entries.length > 0;
    if (parts.empty.hidden) return;
    parts.empty.replaceChildren(...(state.entries.length === 0
        ? [el('h2', { text: 'No entries yet' }),
           el('p', { text: 'Add a date, a category and an amount above. Totals and charts follow at once.' }),
           el('div', { class: 'actions' }, button('Fill with examples', {}, addExamples))]
        : [el('h2', { text: 'No entry in view' }), el('p', { text: 'Choose a longer period, or change what you are searching for.' })]));
}

function render() {
    const entries = countedEntries();
    const categories = byCategory(entries);
    parts.shown.textContent = entries.length === state.entries.length ? ''
        : `${entries.length.toLocaleString()} of ${plural(state.entries.length, 'entry', 'entries')} counted`;
    parts['category-names'].replaceChildren(...byCategory(state.entries).slice(0, 200).map(({ name }) => el('option', { value: name })));
    showCards(entries, categories);
    showTime(entries);
    showCategories(categories);
    showEntries(entries);
}

/* Changes */

function edit(entry) {
    state.editing = { id: entry.id, date: entry.date, category: entry.category, amount: String(entry.amount), note: entry.note };
    render();
    document.querySelector('[data-focus="edit-amount"]').focus();
}

function endEditing(entry) {
    state.editing = null;
    render();
    const opener = document.querySelector(`[data-focus="edit:${entry.id}"]`);
    if (opener) opener.focus();
}

async function save(entry) {
    const { date, category, amount, note } = state.editing;
    const changed = await attempt(() => api('PATCH', `api/entries/${entry.id}`, { date, category, amount: Number(amount), note }));
    if (!changed) return;
    state.entries = state.entries.map((other) => (other.id === changed.id ? changed : other));
    endEditing(changed);
}

async function add(event) {
    event.preventDefault();
    const added = await attempt(() => api('POST', 'api/entries', {
        date: parts['add-date'].value, category: parts['add-category'].value,
        amount: Number(parts['add-amount'].value), note: parts['add-note'].value,
    }));
    if (!added) return;
    state.entries = [...state.entries, added];
    for (const name of ['add-category', 'add-amount', 'add-note']) parts[name].value = '';
    parts['add-category'].focus();
    render();
    if (!isInPeriod(added.date, state.period)) {
        toast('Added. Its date is outside the chosen period.', { label: 'Show all', run: () => setPeriod('all') });
    }
}

async function addExamples() {
    const answer = await attempt(() => api('POST', 'api/entries/examples', {}));
    if (!answer) return;
    state.entries = [...state.entries, ...answer.records];
    render();
    toast('Examples added.', { label: 'Undo', run: clearAll });
}

function take(records) {
    const gone = new Set(records.map((entry) => entry.id));
    state.entries = state.entries.filter((entry) => !gone.has(entry.id));
    render();
    toast(records.length === 1 ? 'Entry deleted.' : `${records.length} entries deleted.`,
          { label: 'Undo', run: () => restore(records) });
}

async function remove(entry) {
    const answer = await attempt(() => api('DELETE', `api/entries/${entry.id}`));
    if (answer) take(answer.records);
}

async function clearAll() {
    const answer = await attempt(() => api('POST', 'api/entries/clear', {}));
    if (answer) take(answer.records);
}

async function restore(records) {
    const answer = await attempt(() => api('POST', 'api/entries/restore', { records }));
    if (!answer) return;
    state.entries = [...state.entries, ...answer.records];
    render();
}

function setPeriod(period) {
    state.period = period;
    state.shown = PAGE;
    parts.period.value = period;
    remember('period', period);
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

parts.period.append(...Object.entries(PERIODS)
    .sort(([a], [b]) => (b === 'all') - (a === 'all'))
    .map(([value, name]) => el('option', { value, text: name })));
parts.period.value = state.period;
parts['add-date'].value = today();
parts.period.addEventListener('change', () => setPeriod(parts.period.value));
parts['add-form'].addEventListener('submit', add);
parts.clear.addEventListener('click', async () => {
    if (await ask('Delete all entries?', 'Every entry is deleted. Export them first if you may need them.', 'Delete all')) clearAll();
});
parts.more.addEventListener('click', () => {
    state.shown += PAGE;
    render();
});
document.addEventListener('visibilitychange', () => {
    if (!document.hidden && !state.editing) load();
});
let width = window.innerWidth;
window.addEventListener('resize', whenQuiet(100, () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    render();
}));

/* slot:script */

load().finally(() => document.querySelector('main').removeAttribute('aria-busy'));
