/* reload_test.mjs - pages that are open in Chromium learn of their app's next version by themselves.
 *
 * usage: node reload_test.mjs APPS.json GATEWAY
 * APPS.json maps a template's name to the address its app is served at. Prints one line per check
 * and "N passed, N failed".
 */
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { chromium } from 'playwright-core';
import { VIEWPORTS, check, counts, eventually, open, token, watchedPage } from './harness.mjs';

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
               '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const [mapFile, gateway] = process.argv.slice(2);
if (!gateway) {
    console.error('usage: node reload_test.mjs APPS.json GATEWAY');
    process.exit(64);
}
const apps = JSON.parse(await fs.readFile(mapFile, 'utf8'));
const idOf = (url) => new URL(url).hostname.split('.')[0];

async function api(verb, path, body) {
    const response = await fetch(gateway + path, {
        method: verb, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
    });
    const answer = await response.json();
    assert.ok(response.ok, `${verb} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
}

const retitle = (url, title) => api('PATCH', `/api/apps/${idOf(url)}`, { prompt: `Change the title to ${title}` });

const SERVER = `
const pages = { '/': ['text/html', \`PAGE\`], '/sw.js': ['text/javascript', \`
    const keep = async (event) => {
        const cache = await caches.open('pages');
        const fresh = await event.preloadResponse;
        if (!(await cache.match('/'))) await cache.put('/', fresh);
        return cache.match('/', { ignoreVary: true });
    };
    const begin = async () => { await registration.navigationPreload.enable(); await clients.claim(); };
    addEventListener('activate', (event) => event.waitUntil(begin()));
    addEventListener('fetch', (event) => { if (event.request.mode === 'navigate') event.respondWith(keep(event)); });\`] };
require('http').createServer((q, r) => {
    const [type, body] = pages[q.url] || ['text/plain', 'no'];
    r.writeHead(200, { 'Content-Type': type }).end(body);
}).listen(process.env.PORT);`;
const withPage = (page) => ({ 'server.js': SERVER.replace('PAGE', page) });

/* The page of `browser` at `url`, with the number of times it was loaded in page.loads. */
async function countedPage(browser) {
    const page = await watchedPage(browser, { viewport: VIEWPORTS.desktop });
    page.loads = 0;
    page.on('load', () => { page.loads++; });
    return page;
}

async function reloadsInTab(browser, name, url) {
    const page = await countedPage(browser);
    const title = `Reloaded ${name.replace(/\W/g, ' ')} ${token}`;
    await check(`${name}: a page in a tab shows the next version by itself, once`, async () => {
        await open(page, url);
        await retitle(url, title);
        await page.locator('#app-title', { hasText: title }).waitFor();
        await page.waitForSelector('main:not([aria-busy])');
        assert.equal(page.loads, 2);
        assert.equal(await page.locator('script[src*=".isekai"]').count(), 0, 'the tag stays in the document');
    });
    await check(`${name}: no console error, exception or failed request`, async () => assert.deepEqual(page.faults, []));
    await page.context().close();
}

async function reloadsInFrame(browser, url) {
    const page = await countedPage(browser);
    const frame = page.frameLocator('#preview');
    const title = `Framed ${token}`;
    const shown = [];
    page.on('request', (request) => { if (request.url() === url && request.isNavigationRequest()) shown.push(request); });
    await check('the studio\'s frame shows a version made elsewhere, and the studio names it', async () => {
        await page.goto(`${gateway}/#${idOf(url)}`);
        await frame.locator('main:not([aria-busy])').waitFor();
        const before = await page.locator('#app-version').textContent();
        const { version } = await retitle(url, title);
        await frame.locator('#app-title', { hasText: title }).waitFor();
        await page.locator('#app-version', { hasText: `Version ${version}` }).waitFor();
        assert.notEqual(before, `Version ${version}`);
        await page.locator('#app-name', { hasText: title }).waitFor();
        await page.waitForResponse((response) => response.url().includes('/api/apps?'));
        await frame.locator('main:not([aria-busy])').waitFor();
        assert.equal(shown.length, 2, 'the frame was loaded more often than there are versions');
        assert.equal(await page.locator('#preview').getAttribute('data-version'), String(version));
    });
    await check('the studio: no console error, exception or failed request', async () => assert.deepEqual(page.faults, []));
    await page.context().close();
}

async function bearsServiceWorker(browser) {
    const page = await countedPage(browser);
    await check('an app whose service worker keeps its first page is not reloaded for ever', async () => {
        const app = await api('POST', '/api/sandbox/execute', { appId: `worker-${token}`, files: withPage('<p id=a>one') });
        await page.goto(app.url);
        await page.evaluate(() => navigator.serviceWorker.register('/sw.js').then(() => navigator.serviceWorker.ready));
        await page.reload();
        for (const loads of [3, 4]) {
            await api('PATCH', `/api/apps/${app.appId}`, { changes: withPage(`<p id=a>number ${loads}`) });
            await eventually(async () => page.loads, loads, 'loads');
        }
        assert.equal(await page.locator('#a').textContent(), 'one');
    });
    await page.context().close();
}

async function looksWhenSeen(browser) {
    const page = await countedPage(browser);
    await check('a page that nobody sees does not listen, and is told when it is seen again', async () => {
        const app = await api('POST', '/api/sandbox/execute', { appId: `hidden-${token}`, files: withPage('<p id=a>one') });
        await page.goto(app.url);
        const setHidden = (isHidden) => page.evaluate((value) => {
            Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
            document.dispatchEvent(new Event('visibilitychange'));
        }, isHidden);
        const ended = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/.isekai/events'));
        await setHidden(true);
        await ended;
        await api('PATCH', `/api/apps/${app.appId}`, { changes: withPage('<p id=a>two') });
        assert.equal(page.loads, 1);
        await setHidden(false);
        await page.locator('#a', { hasText: 'two' }).waitFor();
    });
    await page.context().close();
}

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS, timeout: 60_000 });
try {
    for (const [name, url] of Object.entries(apps).filter(([key]) => !key.includes('+')))
        await reloadsInTab(browser, name, url);
    await reloadsInFrame(browser, apps['todo-list']);
    await bearsServiceWorker(browser);
    await looksWhenSeen(browser);
} finally {
    await browser.close();
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;
