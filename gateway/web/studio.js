/* studio.js - make apps, see them live, change them. Talks to the public API and nothing else. */

const LIST_EVERY_MS = 3000;
const PAGE = 50;
const LOG_LINES_MAX = 1000;
const PAGE_RELOADS_MS = 4000;

const at = id => document.getElementById(id);
const state = { apps: [], total: 0, pages: 1, chosen: null, shown: null, log: null, timer: 0,
                removing: null };

/* ---- the API ---- */

class Refusal extends Error {
    constructor(status, problem) {
        super(problem.detail || problem.error || `The server answered ${status}`);
        this.details = problem.details || [];
        this.log = problem.log || [];
        this.diff = problem.diff || '';
    }
}

async function call(verb, path, body) {
    const options = { method: verb, cache: 'no-store', headers: {} };
    if (body !== undefined) {
        options.headers['Content-Type'] = 'application/json';
        options.body = JSON.stringify(body);
    }
    let response;
    try {
        response = await fetch(path, options);
    } catch {
        throw new Refusal(0, { detail: 'The server cannot be reached.' });
    }
    if (response.status === 204)
        return null;
    const answer = await response.json().catch(() => ({}));
    if (!response.ok)
        throw new Refusal(response.status, answer);
    return answer;
}

const appPath = id => `/api/apps/${encodeURIComponent(id)}`;

/* ---- telling the user ---- */

function announce(text) {
    at('announce').textContent = text;
}

function showRefusal(what, refusal) {
    at('notice-title').textContent = `${what}: ${refusal.message}`;
    at('notice-details').replaceChildren(...(refusal.details || []).map(detail => {
        const item = document.createElement('li');
        item.textContent = `${detail.path}: ${detail.msg}`;
        return item;
    }));
    const lines = (refusal.log || []).map(line => line.line).join('\n');
    at('notice-log').textContent = lines;
    at('notice-log').hidden = lines === '';
    const diff = at('notice-diff');
    diff.querySelector('pre').textContent = refusal.diff || '';
    diff.hidden = !refusal.diff;
    diff.open = false;
    at('notice').hidden = false;
    at('notice').scrollIntoView({ block: 'nearest' });
}

function hideRefusal() {
    at('notice').hidden = true;
}

/* Run one action with its button busy; what is refused is shown. */
async function act(button, what, work) {
    if (button.disabled)
        return undefined;
    hideRefusal();
    button.disabled = true;
    button.classList.add('busy');
    button.setAttribute('aria-busy', 'true');
    announce(`${what}…`);
    try {
        const outcome = await work();
        announce(`${what}: done`);
        return outcome;
    } catch (refusal) {
        announce('');
        showRefusal(`${what} did not work`, refusal);
        return undefined;
    } finally {
        button.disabled = false;
        button.classList.remove('busy');
        button.removeAttribute('aria-busy');
        await refresh();
    }
}

/* ---- the list ---- */

function rowOf(app) {
    const item = document.createElement('li');
    const button = document.createElement('button');
    const name = document.createElement('span');
    const badge = document.createElement('span');

    button.type = 'button';
    button.dataset.id = app.id;
    name.className = 'name';
    name.textContent = app.name || app.id;
    badge.className = `badge ${app.status}`;
    badge.textContent = app.status;
    button.append(name, badge);
    button.addEventListener('click', () => choose(app.id));
    if (app.id === state.chosen)
        button.setAttribute('aria-current', 'true');
    item.append(button);
    return item;
}

/* Only when something changed, so that the keyboard's place in the list is kept. */
function showList() {
    const print = JSON.stringify([state.chosen,
                                  state.apps.map(app => [app.id, app.name, app.status])]);
    if (print === state.shown)
        return;
    state.shown = print;
    const focused = document.activeElement?.closest('#apps button')?.dataset.id;
    at('apps').replaceChildren(...state.apps.map(rowOf));
    if (focused)
        at('apps').querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
    at('apps-empty').hidden = state.apps.length > 0;
    at('count').textContent = state.total > 0 ? String(state.total) : '';
    at('more').hidden = state.apps.length >= state.total;
}

async function loadList() {
    let cursor = '', apps = [], total = 0;
    for (let page = 0; page < state.pages; page++) {
        const query = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
        const answer = await call('GET', `/api/apps?limit=${PAGE}${query}`);
        apps = apps.concat(answer.apps);
        total = answer.total;
        cursor = answer.nextCursor;
        if (!cursor)
            break;
    }
    state.apps = apps;
    state.total = total;
}

async function loadHealth() {
    const badge = at('health');
    let text = 'not reachable', name = 'degraded';
    try {
        const response = await fetch('/readyz', { cache: 'no-store' });
        name = response.ok ? 'ok' : 'degraded';
        text = response.ok ? 'all well' : 'something is down';
    } catch { /* the text above says it */ }
    badge.className = `health ${name}`;
    if (at('health-text').textContent !== text)
        at('health-text').textContent = text;
}

async function refresh() {
    try {
        await loadList();
        showList();
        showApp();
    } catch { /* the badge says that the server is away */ }
}

async function tick() {
    clearTimeout(state.timer);
    if (!document.hidden) {
        await Promise.all([loadHealth(), refresh()]);
    }
    state.timer = setTimeout(tick, LIST_EVERY_MS);
}

/* ---- the chosen app ---- */

const current = () => state.apps.find(app => app.id === state.chosen);

function choose(id) {
    state.chosen = id;
    const wanted = id ? `#${id}` : location.pathname;
    if (location.hash.slice(1) !== (id || ''))
        history.replaceState(null, '', wanted);
    at('suggestions').replaceChildren();
    hidePreview();
    followLog(id);
    showList();
    showApp();
}

function whyNotShown(app) {
    switch (app.status) {
    case 'generating': return 'The app is being made…';
    case 'stopped': return 'The app is stopped. Start it to see it here.';
    case 'error': return `The app failed. ${app.metadata?.error || 'Its log says more.'}`;
    default: return '';
    }
}

/* The app is a stranger on an origin of its own; beyond that, it may not move the studio away. */
const FRAME_MAY = 'allow-scripts allow-same-origin allow-forms allow-modals allow-popups ' +
                  'allow-downloads';

function hidePreview() {
    at('preview')?.remove();
}

/* A frame begins with its address, never empty: an empty one would be of the studio's origin. */
function showFrame(url, version) {
    const frame = document.createElement('iframe');

    hidePreview();
    frame.id = 'preview';
    frame.title = 'Live preview of the app';
    frame.setAttribute('sandbox', FRAME_MAY);
    frame.dataset.version = version;
    frame.src = url;
    at('stage').prepend(frame);
}

/* A page that says which version it came with reloads by itself. */
function hearFrame(event) {
    const frame = at('preview');
    if (frame && event.source === frame.contentWindow &&
        Number.isInteger(event.data?.isekaiVersion)) {
        frame.dataset.version = event.data.isekaiVersion;
        frame.dataset.reloads = 'itself';
    }
}

/* Has the page in the frame time left to show this version? One that does not is shown anew. */
function isLeftToPage(frame, version) {
    if (frame.dataset.awaited !== version) {
        frame.dataset.awaited = version;
        frame.dataset.since = Date.now();
    }
    return frame.dataset.reloads === 'itself' && Date.now() - frame.dataset.since < PAGE_RELOADS_MS;
}

function showPreview(app) {
    const why = whyNotShown(app);
    const frame = at('preview');
    const version = String(app.version);

    at('asleep').hidden = why === '';
    at('asleep').textContent = why;
    if (why || !app.previewUrl || app.id === state.removing)
        hidePreview();
    else if (!frame || (frame.dataset.version !== version && !isLeftToPage(frame, version)))
        showFrame(app.previewUrl, version);
}

/* Read out only when it changes: a new version may come from elsewhere. */
function showVersion(app) {
    const text = app.version > 0 ? `Version ${app.version}` : '';
    if (at('app-version').textContent !== text)
        at('app-version').textContent = text;
}

function showApp() {
    const app = current();

    at('nothing').hidden = Boolean(app);
    at('app').hidden = !app;
    if (!app)
        return;
    at('app-name').textContent = app.name || app.id;
    at('app-prompt').textContent = app.prompt;
    showVersion(app);
    at('app-status').textContent = app.status;
    at('app-status').className = `badge ${app.status}`;
    const isUp = app.status === 'running' || app.status === 'sleeping';
    const open = at('open');
    if (isUp && app.previewUrl) {
        open.href = app.previewUrl;
        open.removeAttribute('aria-disabled');
    } else {
        open.removeAttribute('href');
        open.setAttribute('aria-disabled', 'true');
    }
    at('start').hidden = isUp || app.status === 'generating';
    at('stop').hidden = !isUp;
    at('reload').disabled = !isUp;
    showPreview(app);
}

/* ---- its log ---- */

function addLine(line) {
    const list = at('log');
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 24;
    const item = document.createElement('li');

    item.className = line.stream;
    item.textContent = line.line;
    list.append(item);
    while (list.childElementCount > LOG_LINES_MAX)
        list.firstElementChild.remove();
    if (atEnd)
        list.scrollTop = list.scrollHeight;
}

function followLog(id) {
    state.log?.close();
    state.log = null;
    at('log').replaceChildren();
    if (!id)
        return;
    const source = new EventSource(`${appPath(id)}/logs?follow=true&tail=200`);
    source.addEventListener('message', event => addLine(JSON.parse(event.data)));
    source.addEventListener('end', () => source.close());
    state.log = source;
}

/* ---- what can be done ---- */

async function make(event) {
    event.preventDefault();
    const prompt = at('prompt').value.trim();
    if (!prompt)
        return;
    const app = await act(at('make-button'), 'Making the app',
                          () => call('POST', '/api/apps/generate', { prompt }));
    if (app) {
        at('prompt').value = '';
        choose(app.id);
        at('workbench').focus({ preventScroll: true });
        at('app').scrollIntoView({ block: 'start' });
    }
}

async function change(event) {
    event.preventDefault();
    const prompt = at('change-prompt').value.trim();
    const id = state.chosen;
    if (!prompt || !id)
        return;
    const app = await act(at('change-button'), 'Changing the app',
                          () => call('PATCH', appPath(id), { prompt }));
    if (app)
        at('change-prompt').value = '';
}

function suggestionItem(id, suggestion) {
    const item = document.createElement('li');
    const text = document.createElement('p');
    const title = document.createElement('strong');
    const button = document.createElement('button');

    title.textContent = suggestion.title;
    text.append(title, document.createElement('br'), suggestion.description);
    button.type = 'button';
    button.textContent = 'Apply';
    button.setAttribute('aria-label', `Apply: ${suggestion.title}`);
    button.addEventListener('click', async () => {
        const app = await act(button, 'Applying the suggestion',
                              () => call('POST', `${appPath(id)}/apply`,
                                         { suggestionId: suggestion.id }));
        if (app)
            at('suggestions').replaceChildren();
    });
    item.append(text, button);
    return item;
}

async function suggest() {
    const id = state.chosen;
    const answer = await act(at('suggest'), 'Looking for suggestions',
                             () => call('POST', `${appPath(id)}/actions`,
                                        { action: 'search', target: 'studio' }));
    if (!answer || id !== state.chosen)
        return;
    const items = answer.suggestions.map(suggestion => suggestionItem(id, suggestion));
    if (items.length === 0) {
        const none = document.createElement('li');
        none.textContent = 'Nothing to suggest now.';
        items.push(none);
    }
    at('suggestions').replaceChildren(...items);
}

function reload() {
    const app = current();
    if (app?.previewUrl)
        showFrame(app.previewUrl, app.version);
}

async function remove() {
    const id = state.chosen;
    at('confirm').returnValue = 'no';
    at('confirm').showModal();
    await new Promise(resolve => at('confirm').addEventListener('close', resolve, { once: true }));
    if (at('confirm').returnValue !== 'yes')
        return;
    state.log?.close();
    state.removing = id;        /* its page must not ask for things while they go */
    hidePreview();
    const outcome = await act(at('delete'), 'Deleting the app',
                              () => call('DELETE', appPath(id)));
    state.removing = null;
    if (outcome === null)
        choose(null);
    else
        showApp();
}

/* ---- begin ---- */

at('make').addEventListener('submit', make);
at('change').addEventListener('submit', change);
for (const [area, form] of [['prompt', 'make'], ['change-prompt', 'change']]) {
    at(area).addEventListener('keydown', event => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey))
            at(form).requestSubmit();
    });
}
for (const chip of document.querySelectorAll('.chip')) {
    chip.addEventListener('click', () => {
        at('prompt').value = chip.textContent;
        at('prompt').focus();
    });
}
at('suggest').addEventListener('click', suggest);
at('reload').addEventListener('click', reload);
at('start').addEventListener('click', () => act(at('start'), 'Starting the app',
    () => call('POST', `${appPath(state.chosen)}/start`)));
at('stop').addEventListener('click', () => act(at('stop'), 'Stopping the app',
    () => call('POST', `${appPath(state.chosen)}/stop`)));
at('delete').addEventListener('click', remove);
at('notice-close').addEventListener('click', hideRefusal);
at('more').addEventListener('click', () => { state.pages++; refresh(); });
window.addEventListener('message', hearFrame);
document.addEventListener('visibilitychange', () => { if (!document.hidden) tick(); });
window.addEventListener('hashchange', () => choose(location.hash.slice(1) || null));

await tick();
const wanted = decodeURIComponent(location.hash.slice(1));
if (wanted && state.apps.some(app => app.id === wanted))
    choose(wanted);
