/* studio_test.mjs GATEWAY - the studio used in Chromium: make an app, see it live, change it, read
 * its log, stop, start and delete it; by mouse, by keyboard and at 360 pixels, without a console
 * error.
 *
 * The last line is `N passed, N failed`.
 */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(fileURLToPath(new URL('../end_to_end/browser/', import.meta.url)));
const { chromium } = require('playwright-core');

const gateway = process.argv[2] || 'http://localhost:8000';
const counts = { passed: 0, failed: 0 };

async function check(name, run) {
    try {
        await run();
        counts.passed++;
        console.log(`ok ${name}`);
    } catch (error) {
        counts.failed++;
        console.log(`not ok ${name}: ${String(error.message).split('\n').slice(0, 8).join(' | ')}`);
    }
}

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium',
                                        args: ['--no-sandbox'] });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const page = await context.newPage();
const faults = [];
page.setDefaultTimeout(20_000);
/* Of the studio itself: an app that is stopped in the middle of its own requests may complain. */
const isOurs = url => url.startsWith(gateway);
page.on('console', message => {
    if (['error', 'warning'].includes(message.type()) && isOurs(message.location().url || gateway))
        faults.push(message.text());
});
page.on('response', response => {
    if (response.status() >= 400 && isOurs(response.url()))
        faults.push(`${response.status()} ${response.url()}`);
});
page.on('pageerror', error => faults.push(String(error)));

await check('the page opens and all is well', async () => {
    await page.goto(gateway);
    await page.getByText('all well').waitFor();
});
await check('an app is made from a sentence and seen live', async () => {
    await page.getByLabel('What should the app do?').fill('Create a to-do list');
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.locator('#app-status', { hasText: 'running' }).waitFor();
    await page.frameLocator('#preview').locator('h1').first().waitFor();
    assert.match(await page.frameLocator('#preview').locator('h1').first().textContent(), /\S/);
});
await check('its log is followed', async () => {
    await page.locator('#log li', { hasText: 'listening' }).first().waitFor();
});
await check('it is changed by words', async () => {
    await page.getByLabel('What to change').fill('Change the title to Studio Tasks');
    await page.getByRole('button', { name: 'Change', exact: true }).click();
    await page.frameLocator('#preview').locator('h1', { hasText: 'Studio Tasks' }).waitFor();
    await page.locator('#app-name', { hasText: 'Studio Tasks' }).waitFor();
});
await check('suggestions come and can be applied', async () => {
    await page.getByRole('button', { name: 'Suggest something' }).click();
    await page.locator('#suggestions li').first().waitFor();
    const apply = page.getByRole('button', { name: /^Apply:/ }).first();
    if (await apply.count()) {
        await apply.click();
        await page.waitForFunction(() => !document.querySelector('#suggestions li'));
    }
});
await check('stopping shows why nothing is seen, starting brings it back', async () => {
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await page.getByText('The app is stopped. Start it to see it here.').waitFor();
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.frameLocator('#preview').locator('h1').first().waitFor();
});
await check('a reload of the page comes back to the same app', async () => {
    await page.reload();
    await page.locator('#app-name', { hasText: 'Studio Tasks' }).waitFor();
});
await check('a change that does not come up is told with its log and its diff', async () => {
    const server = `const http = require('http');
const page = require('fs').readFileSync('index.html', 'utf8');
if (page.includes('Fragile no more')) { console.log('the old title was dear to me'); process.exit(3); }
const head = { 'Content-Type': 'text/html' };
http.createServer((q, r) => r.writeHead(200, head).end(page)).listen(process.env.PORT);`;
    const made = await page.request.post(`${gateway}/api/sandbox/execute`, { data: { appId: 'fragile', files: {
        'server.js': server, 'index.html': '<title>Fragile</title><h1>Fragile</h1>' } } });
    assert.equal(made.status(), 201, await made.text());
    await page.goto(`${gateway}/#fragile`);
    await page.locator('#app-name', { hasText: 'fragile' }).waitFor();
    await page.getByLabel('What to change').fill('Change the title to Fragile no more');
    await page.getByRole('button', { name: 'Change', exact: true }).click();
    await page.locator('#notice-log', { hasText: 'the old title was dear to me' }).waitFor();
    await page.getByText('What was tried').focus();
    await page.keyboard.press('Enter');
    await page.locator('#notice-diff pre', { hasText: '+<title>Fragile no more</title>' }).waitFor();
    if (process.env.SCREENSHOTS)
        await page.screenshot({ path: `${process.env.SCREENSHOTS}/studio-diff.png` });
    await page.locator('#notice-close').click();
    await page.frameLocator('#preview').locator('h1', { hasText: 'Fragile' }).waitFor();
    const told = faults.splice(0);       /* the browser tells of the 422 itself */
    assert.ok(told.every(fault => /422/.test(fault)), told.join());
    await page.locator('#apps button', { hasText: 'Studio Tasks' }).first().click();
    await page.locator('#app-name', { hasText: 'Studio Tasks' }).waitFor();
});
await check('at 360 pixels nothing is wider than the screen', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `the page is ${width} pixels wide`);
    if (process.env.SCREENSHOTS)
        await page.screenshot({ path: `${process.env.SCREENSHOTS}/studio-phone.png`,
                                fullPage: true });
    await page.setViewportSize({ width: 1280, height: 900 });
    if (process.env.SCREENSHOTS)
        await page.screenshot({ path: `${process.env.SCREENSHOTS}/studio.png` });
});
await check('every control has a name', async () => {
    const nameless = await page.evaluate(() => 
        [...document.querySelectorAll('button, a, textarea, iframe')]
        .filter(node => node.checkVisibility() && !(node.textContent.trim() || node.title ||
            node.getAttribute('aria-label') || node.labels?.length))
        .map(node => node.outerHTML));
    assert.deepEqual(nameless, []);
});
await check('by keyboard alone: an app is made, and deleted', async () => {
    await page.getByLabel('What should the app do?').focus();
    await page.keyboard.type('Create a Markdown editor');
    await page.keyboard.press('Control+Enter');
    await page.locator('#app-name', { hasText: /markdown/i }).waitFor();
    await page.getByRole('button', { name: 'Delete', exact: true }).first().focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByText('Say what you need, get a running app').waitFor();
});
await check('keeping the app when asked', async () => {
    await page.locator('#apps button', { hasText: 'Studio Tasks' }).first().click();
    await page.getByRole('button', { name: 'Delete', exact: true }).first().click();
    await page.getByRole('button', { name: 'Keep it' }).click();
    await page.locator('#app-name', { hasText: 'Studio Tasks' }).waitFor();
});
await check('no console error appeared', async () => {
    assert.deepEqual(faults, []);
});

await browser.close();
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 ? 1 : 0;
