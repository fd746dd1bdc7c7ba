/* Tasks: shown, added, ticked off, changed, deleted and brought back. */

import { ICONS, api, attempt, button, byId, el, iconButton, keepFocus, plural, recall, remember, toast } from './ui.js';

const PAGE = 200;
const SHOW = {
    all: () => true,
    active: (task) => !task.done,
    done: (task) => task.done,
};

const state = {
    tasks: [],
    show: Object.hasOwn(SHOW, recall('show')) ? recall('show') : 'all',
    editing: null,      /* {id, text, due}: what is being typed into a task */
    shown: PAGE,
    loaded: false,
};
const filters = [(task) => SHOW[state.show](task)];     /* each one says whether a task is shown */
let compare = (a, b) => b.createdAt.localeCompare(a.createdAt);

const parts = {
    notice: byId('notice'),
    form: byId('add-form'),
    text: byId('add-text'),
    due: byId('add-due'),
    filters: byId('filters'),
    list: byId('tasks'),
    empty: byId('empty'),
    more: byId('more'),
    foot: byId('foot'),
    progress: byId('progress'),
    left: byId('left'),
    clear: byId('clear'),
};

const dayFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const longDayFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' });

function visibleTasks() {
    return state.tasks.filter((task) => filters.every((keeps) => keeps(task))).sort(compare);
}

/* Today as YYYY-MM-DD where the person is. */
function today() {
    const now = new Date();
    return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

function dueView(task) {
    if (!task.due) return null;
    const day = new Date(`${task.due}T12:00:00`);
    const thisYear = task.due.slice(0, 4) === today().slice(0, 4);
    let text = (thisYear ? dayFormat : longDayFormat).format(day);
    let kind = 'due';
    if (!task.done && task.due === today()) {
        kind = 'due today';
        text = 'Today';
    } else if (!task.done && task.due < today()) {
        kind = 'due late';
        text = `Overdue since ${text}`;
    }
    return el('time', { class: kind, datetime: task.due, text });
}

function taskView(task) {
    const tick = el('input', { type: 'checkbox', 'aria-label': `Done: ${task.text}`, 'data-focus': `tick:${task.id}`,
                               on: { change: () => change(task, { done: tick.checked }) } });
    tick.checked = task.done;
    return el('li', { class: task.done ? 'task done' : 'task', 'data-id': task.id },
        el('label', { class: 'tick' }, tick),
        el('div', { class: 'what', on: { dblclick: () => edit(task) } },
           el('span', { class: 'text', text: task.text }), dueView(task)),
        el('div', {},
           iconButton(ICONS.edit, `Edit ${task.text}`, { 'data-focus': `edit:${task.id}` }, () => edit(task)),
           iconButton(ICONS.remove, `Delete ${task.text}`, { 'data-focus': `remove:${task.id}` }, () => remove(task))));
}

function editView(task) {
    const draft = state.editing;
    const text = el('input', { class: 'input', maxlength: 500, required: true, 'data-focus': 'edit-text',
                               on: { input: () => { draft.text = text.value; } } });
    const due = el('input', { class: 'input', type: 'date', min: '1900-01-01', max: '2099-12-31', 'data-focus': 'edit-due',
                              on: { input: () => { draft.due = due.value; } } });
    text.value = draft.text;
    due.value = draft.due;
    const submit = async (event) => {
        event.preventDefault();
        if (await change(task, { text: draft.text, due: draft.due })) endEditing(task);
    };
    return el('li', { class: 'task', 'data-id': task.id },
        el('form', { on: { submit, keydown: (event) => { if (event.key === 'Escape') endEditing(task); } } },
           el('label', { class: 'field' }, el('span', { text: 'Task' }), text),
           el('label', { class: 'field' }, el('span', { text: 'Due' }), due),
           el('div', { class: 'dialog-buttons' },
              button('Cancel', { 'data-focus': 'edit-cancel' }, () => endEditing(task)),
              el('button', { class: 'button primary', type: 'submit', text: 'Save', 'data-focus': 'edit-save' }))));
}

function showCounts() {
    const done = state.tasks.filter((task) => task.done).length;
    const counts = { all: state.tasks.length, active: state.tasks.length - done, done };
    for (const choice of parts.filters.children) {
        choice.setAttribute('aria-pressed', String(choice.dataset.show === state.show));
        choice.querySelector('.number').textContent = state.loaded ? String(counts[choice.dataset.show]) : '–';
    }
    parts.foot.hidden = state.tasks.length === 0;
    parts.progress.value = state.tasks.length === 0 ? 0 : done / state.tasks.length;
    parts.left.textContent = counts.active === 0 ? 'All done' : `${plural(counts.active, 'task', 'tasks')} left`;
    parts.clear.disabled = done === 0;
}

function showEmpty(visible) {
    parts.empty.hidden = !state.loaded || visible.length > 0;
    if (parts.empty.hidden) return;
    let words = ['Nothing to show', 'No task matches. Change the filter or what you are searching for.'];
    if (state.tasks.length === 0) words = ['A clean slate', 'Add your first task above. Press Enter to add it.'];
    else if (state.show === 'active' && !state.tasks.some(SHOW.active)) words = ['All done', 'No task is waiting. Enjoy it.'];
    else if (state.show === 'done' && !state.tasks.some(SHOW.done)) words = ['Nothing done yet', 'Tick a task off and it appears here.'];
    parts.empty.replaceChildren(el('h2', { text: words[0] }), el('p', { text: words[1] }));
}

function render() {
    const visible = visibleTasks();
    keepFocus(() => {
        parts.list.replaceChildren(...visible.slice(0, state.shown).map((task) => (
            state.editing && state.editing.id === task.id ? editView(task) : taskView(task))));
    });
    parts.more.hidden = visible.length <= state.shown;
    showCounts();
    showEmpty(visible);
}

function edit(task) {
    state.editing = { id: task.id, text: task.text, due: task.due };
    render();
    document.querySelector('[data-focus="edit-text"]').focus();
}

function endEditing(task) {
    state.editing = null;
    render();
    const opener = document.querySelector(`[data-focus="edit:${task.id}"]`);
    if (opener) opener.focus();
}

async function change(task, values) {
    const changed = await attempt(() => api('PATCH', `api/tasks/${task.id}`, values));
    if (changed) state.tasks = state.tasks.map((other) => (other.id === changed.id ? changed : other));
    render();
    return changed;
}

async function add(event) {
    event.preventDefault();
    const added = await attempt(() => api('POST', 'api/tasks', { text: parts.text.value, due: parts.due.value }));
    if (!added) return;
    state.tasks = [...state.tasks, added];
    if (state.show === 'done') setShow('all');
    parts.form.reset();
    parts.text.focus();
    render();
}

function take(records) {
    const gone = new Set(records.map((task) => task.id));
    state.tasks = state.tasks.filter((task) => !gone.has(task.id));
    render();
    const what = records.length === 1 ? 'Task deleted.' : `${records.length} tasks deleted.`;
    toast(what, { label: 'Undo', run: () => restore(records) });
}

async function remove(task) {
    const answer = await attempt(() => api('DELETE', `api/tasks/${task.id}`));
    if (answer) take(answer.records);
}

async function clearDone() {
    const answer = await attempt(() => api('POST', 'api/tasks/clear-done', {}));
    if (answer && answer.records.length > 0) take(answer.records);
}

async function restore(records) {
    const answer = await attempt(() => api('POST', 'api/tasks/restore', { records }));
    if (!answer) return;
    state.tasks = [...state.tasks, ...answer.records];
    render();
}

function setShow(show) {
    state.show = show;
    state.shown = PAGE;
    remember('show', show);
    render();
}

async function load() {
    try {
        state.tasks = (await api('GET', 'api/tasks')).records;
        state.loaded = true;
        parts.notice.hidden = true;
    } catch (error) {
        parts.notice.replaceChildren(el('p', { text: error.message }), button('Try again', {}, load));
        parts.notice.hidden = false;
    }
    render();
}

parts.form.addEventListener('submit', add);
parts.clear.addEventListener('click', clearDone);
parts.filters.addEventListener('click', (event) => {
    const choice = event.target.closest('[data-show]');
    if (choice) setShow(choice.dataset.show);
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
