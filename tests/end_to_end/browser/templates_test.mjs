/* templates_test.mjs - uses the app of each template in Chromium as a person would.
 *
 * usage: node templates_test.mjs APPS.json [SCREENSHOTS]
 * APPS.json maps a template's name to the address its app is served at; "<name>+features" is an
 * app with dark mode, search and sorting added. Prints one line per check and "N passed, N failed".
 */
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { chromium } from 'playwright-core';
import { VIEWPORTS, check, checkDarkMode, checkRefusals, checkShell, counts, fitsWidth, shoot, watchedPage } from './harness.mjs';
import * as csvViewer from './csv_viewer.mjs';
import * as dashboard from './dashboard.mjs';
import * as generic from './generic.mjs';
import * as markdownEditor from './markdown_editor.mjs';
import * as todoList from './todo_list.mjs';

const SCENARIOS = {
    'csv-viewer': csvViewer,
    'todo-list': todoList,
    'markdown-editor': markdownEditor,
    dashboard,
    generic,
};

const LANES = 2;        /* apps tried at the same time, each in its own browser context */
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
               '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/* Without features an app is used on both screens; with them on the large one, and looked at on the
 * small one. */
async function tryApp(browser, name, url, directory) {
    const [template, suffix] = name.split('+');
    const scenario = SCENARIOS[template];
    const hasFeatures = suffix === 'features';
    for (const [view, viewport] of Object.entries(VIEWPORTS)) {
        const label = `${name} ${view}`;
        const isFirst = !hasFeatures && view === 'desktop';
        const page = await watchedPage(browser, { viewport, hasTouch: view === 'phone' });
        await checkShell(page, label, url);
        if (hasFeatures && view === 'phone') await shoot(page, directory, label.replace(/\W+/g, '-'));
        else await check(`${label}: is used to the end`, () => scenario.run({ browser, page, label, url, view, directory, hasFeatures, isFirst }));
        await check(`${label}: still fits the screen`, () => fitsWidth(page));
        await check(`${label}: no console error, exception, dialog or failed request`, async () => assert.deepEqual(page.faults, []));
        await page.context().close();
    }
    if (hasFeatures) await checkDarkMode(browser, name, url, directory);
    else await checkRefusals(browser, name, url, scenario.writePath);
}

async function main() {
    const [mapFile, directory] = process.argv.slice(2);
    if (!mapFile) {
        console.error('usage: node templates_test.mjs APPS.json [SCREENSHOTS]');
        return 64;
    }
    const apps = JSON.parse(await fs.readFile(mapFile, 'utf8'));
    if (directory) await fs.mkdir(directory, { recursive: true });
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS, timeout: 60_000 });
    try {
        await check('every template has an app to try', async () => {
            assert.deepEqual(Object.keys(SCENARIOS).filter((name) => !apps[name]), []);
            assert.deepEqual(Object.keys(apps).filter((name) => !SCENARIOS[name.split('+')[0]]), []);
        });
        const waiting = Object.entries(apps).filter(([name]) => SCENARIOS[name.split('+')[0]]);
        const lane = async () => {
            for (let next = waiting.shift(); next; next = waiting.shift()) await tryApp(browser, ...next, directory);
        };
        await Promise.all(Array.from({ length: LANES }, lane));
    } finally {
        await browser.close();
    }
    console.log(`${counts.passed} passed, ${counts.failed} failed`);
    return counts.failed === 0 ? 0 : 1;
}

process.exitCode = await main();
