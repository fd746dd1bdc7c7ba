/* harness.mjs - what every scenario needs: a page that is watched, checks that are counted, and
 * waits that end. */
import assert from 'node:assert/strict';
import path from 'node:path';

export const WAIT_MS = 10_000;
export const CHECK_MS = 90_000;
export const VIEWPORTS = {
    desktop: { width: 1280, height: 800 },
    phone: { width: 360, height: 740 },
};

/* Text that no earlier run has left behind. */
export const token = Date.now().toString(36);

export const counts = { passed: 0, failed: 0 };

function withDeadline(work, ms) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`not done after ${ms} ms`)), ms);
    });
    return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/* Runs one check and prints one line; gives back whether it passed. */
export async function check(name, run) {
    try {
        await withDeadline(run(), CHECK_MS);
        counts.passed++;
        console.log(`ok ${name}`);
        return true;
    } catch (error) {
        counts.failed++;
        const why = String(error.message || error).replace(/\u001b\[[0-9;]*m/g, '').split('\n').slice(0, 6).join(' | ');
        console.log(`not ok ${name}: ${why}`);
        return false;
    }
}

/* Asks `value` again until it equals `expected`. */
export async function eventually(value, expected, what) {
    const end = Date.now() + WAIT_MS;
    let last;
    for (;;) {
        last = await value();
        try {
            assert.deepEqual(last, expected);
            return;
        } catch {
            if (Date.now() > end) break;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual(last, expected, `${what}: ${JSON.stringify(last)} is not ${JSON.stringify(expected)}`);
}

/* A page whose console errors, exceptions and failed requests are all kept in `page.faults`. */
export async function watchedPage(browser, options) {
    const context = await browser.newContext({ locale: 'en-US', acceptDownloads: true, ...options });
    context.setDefaultTimeout(WAIT_MS);
    context.setDefaultNavigationTimeout(2 * WAIT_MS);
    const faults = [];
    const watch = (page) => {
        page.on('console', (message) => {
            if (message.type() === 'error' || message.type() === 'warning') faults.push(`console: ${message.text()}`);
        });
        page.on('pageerror', (error) => faults.push(`exception: ${error.message}`));
        page.on('requestfailed', (request) => {
            const { errorText } = request.failure();
            const isDownload = errorText === 'net::ERR_ABORTED' && /download|\.md$|\.csv$/.test(request.url());
            /* Whoever leaves a page also ends what it listened to. */
            const isListening = errorText === 'net::ERR_ABORTED' && request.url().endsWith('/.isekai/events');
            if (!isDownload && !isListening) faults.push(`request: ${request.method()} ${request.url()} ${errorText}`);
        });
        page.on('response', (response) => {
            if (response.status() >= 400) faults.push(`answer: ${response.status()} ${response.url()}`);
        });
        page.on('dialog', (dialog) => {
            faults.push(`dialog: ${dialog.type()} ${dialog.message()}`);
            dialog.accept().catch(() => {});
        });
    };
    context.on('page', watch);
    const page = await context.newPage();
    page.faults = faults;
    return page;
}

/* Opens the app and waits until it has its data; gives back the answer for the page itself. */
export async function open(page, url) {
    const response = await page.goto(url);
    await page.waitForSelector('main:not([aria-busy])');
    return response;
}

export async function reload(page) {
    await page.reload();
    await page.waitForSelector('main:not([aria-busy])');
}

export async function shoot(page, directory, name) {
    if (directory) await page.screenshot({ path: path.join(directory, `${name}.png`), fullPage: true });
}

export async function fitsWidth(page) {
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(over <= 0, `the page is ${over} px wider than the screen`);
}

/* What holds for every app: title, policy, names for all controls, a focus one can see. */
export async function checkShell(page, label, url) {
    await check(`${label}: has a title, a strict policy and no horizontal overflow`, async () => {
        const response = await open(page, url);
        const headers = response.headers();
        const policy = headers['content-security-policy'] || '';
        for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:",
                            "connect-src 'self'", "form-action 'self'", "base-uri 'none'"]) {
            assert.ok(policy.includes(part), `${part} is missing in '${policy}'`);
        }
        assert.equal(headers['x-content-type-options'], 'nosniff');
        const title = await page.title();
        assert.ok(title.length > 0, 'no title');
        assert.equal(await page.locator('#app-title').textContent(), title);
        await fitsWidth(page);
    });
    await check(`${label}: every control has a name and a visible focus`, async () => {
        const nameless = await page.evaluate(() => [...document.querySelectorAll('button, input, select, textarea, a[href]')]
            .filter((part) => part.checkVisibility())
            .filter((part) => !(part.getAttribute('aria-label') || part.textContent.trim() ||
                                (part.labels && [...part.labels].some((one) => one.textContent.trim()))))
            .map((part) => part.outerHTML));
        assert.deepEqual(nameless, []);
        await page.keyboard.press('Tab');
        const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
        assert.notEqual(outline, 'none', 'the focused control shows no outline');
    });
}

/* What the server of every app refuses; asked from a page that is not watched. */
export async function checkRefusals(browser, label, url, writePath) {
    await check(`${label}: refuses what is unknown, too large, broken or from elsewhere`, async () => {
        const page = await browser.newPage();
        try {
            await open(page, url);
            const statuses = await page.evaluate(async (path) => {
                const ask = async (target, options) => {
                    const response = await fetch(target, options);
                    const type = response.headers.get('content-type') || '';
                    const body = type.startsWith('application/json') ? await response.json() : {};
                    return [response.status, typeof body.error === 'string' && body.error.length > 10];
                };
                const type = path.type;
                return [
                    await ask('/server.js'),
                    await ask('/%2e%2e/server.js'),
                    await ask('/..%2fserver.js'),
                    await ask('/api/nothing'),
                    await ask(path.list, { method: 'PROPFIND' }),
                    await ask(path.write, { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: 'x' }),
                    await ask(path.write, { method: 'POST', headers: { 'Content-Type': type }, body: ' ' }),
                    await ask(path.write, { method: 'POST', headers: { 'Content-Type': type }, body: 'x'.repeat(path.tooLarge) }),
                ];
            }, writePath);
            /* Of these the gateway refuses two itself when it stands before the app: an encoded
             * slash with 400, a verb that is none of HTTP's own. */
            const wanted = [[404], [404], [404, 400], [404], [405, 400, 501], [415], [400], [413]];
            const ofApp = [404, 404, 404, 404, 405, 415, 400, 413];
            const broken = statuses.map(([status, explained], i) =>
                wanted[i].includes(status) && (explained || status !== ofApp[i]) ? '' : `${i}: ${status} ${explained}`);
            assert.equal(broken.filter(Boolean).join(', '), '');
        } finally {
            await page.close();
        }
    });
}

/* The button that darkens: seen, pressed, remembered; and the system's wish without a choice. */
export async function checkDarkMode(browser, label, url, directory) {
    const brightness = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3)
        .reduce((sum, part) => sum + Number(part), 0) < 200);
    await check(`${label}: dark mode is switched and remembered`, async () => {
        const page = await watchedPage(browser, { viewport: VIEWPORTS.desktop, colorScheme: 'light' });
        try {
            await open(page, url);
            const toggle = page.getByRole('button', { name: 'Dark mode' });
            assert.equal(await toggle.getAttribute('aria-pressed'), 'false');
            assert.equal(await brightness(page), false);
            await toggle.click();
            assert.equal(await toggle.getAttribute('aria-pressed'), 'true');
            assert.equal(await brightness(page), true);
            await reload(page);
            assert.equal(await brightness(page), true);
            assert.equal(await toggle.getAttribute('aria-pressed'), 'true');
            await shoot(page, directory, `${label.replace(/\W+/g, '-')}-dark`);
            await toggle.click();
            assert.equal(await brightness(page), false);
            assert.deepEqual(page.faults, []);
        } finally {
            await page.context().close();
        }
    });
    await check(`${label}: dark mode follows the system until a choice is made`, async () => {
        const page = await watchedPage(browser, { viewport: VIEWPORTS.desktop, colorScheme: 'dark' });
        try {
            await open(page, url);
            assert.equal(await brightness(page), true);
            await page.emulateMedia({ colorScheme: 'light' });
            await eventually(() => brightness(page), false, 'dark after the system turned light');
        } finally {
            await page.context().close();
        }
    });
}
