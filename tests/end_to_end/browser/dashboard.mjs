/* dashboard.mjs - the dashboard as a person uses it. */
import assert from 'node:assert/strict';
import { check, eventually, open, reload, shoot, token } from './harness.mjs';

export const writePath = { list: '/api/entries', write: '/api/entries', type: 'application/json', tooLarge: 70_000 };

export async function run({ page, label, url, view, directory, hasFeatures, isFirst }) {
    const category = (text) => `${text} ${view} ${token}`;
    const row = (text) => page.locator('#entries tr', { hasText: category(text) });
    const form = page.locator('#add-form');
    const number = (text) => Math.round(Number(text.replace(/,/g, '')) * 100) / 100;
    const card = async (title) => page.locator('.card', { hasText: title }).locator('.value').textContent();
    const total = async () => number(await card('Total'));

    async function add(date, name, amount, note) {
        await form.getByLabel('Date').fill(date);
        await form.getByLabel('Category').fill(category(name));
        await form.getByLabel('Amount').fill(amount);
        await form.getByLabel('Note').fill(note);
        await form.getByRole('button', { name: 'Add entry' }).click();
        await row(name).waitFor();
    }

    await open(page, url);
    const before = await total();
    await check(`${label}: an added entry changes total, chart and table`, async () => {
        await add('2024-02-28', 'Solar', '1250.25', 'panel <b>one</b>');
        await eventually(total, number(String(before + 1250.25)), 'total');
        await add('2024-03-01', 'Wind', '-100.10', '');
        await eventually(total, number(String(before + 1150.15)), 'total');
        assert.equal(await row('Wind').locator('.amount').textContent(), '-100.10');
        assert.ok(await page.locator('#categories .bar').count() >= 2, 'no bar per category');
        assert.equal(await page.locator('#time svg[role="img"]').count(), 1);
        assert.equal(await page.locator('#entries b').count(), 0);
    });
    await check(`${label}: a reload shows the same total`, async () => {
        await reload(page);
        await row('Wind').waitFor();
        assert.equal(await total(), number(String(before + 1150.15)));
    });
    await check(`${label}: an edited amount changes the total`, async () => {
        await row('Wind').getByRole('button', { name: /^Edit/ }).click();
        await page.locator('.edit-form').getByLabel('Amount').fill('49.75');
        await page.keyboard.press('Enter');
        await eventually(total, number(String(before + 1300)), 'total');
    });
    await check(`${label}: a deleted entry comes back by undo`, async () => {
        await row('Solar').getByRole('button', { name: /^Delete/ }).click();
        await eventually(total, number(String(before + 49.75)), 'total after deleting');
        await page.getByRole('button', { name: 'Undo' }).last().click();
        await eventually(total, number(String(before + 1300)), 'total after undo');
    });
    await check(`${label}: a period leaves out what is older`, async () => {
        await page.getByLabel('Period').selectOption('7');
        await eventually(() => row('Solar').count(), 0, 'entries of 2024 in the last 7 days');
        assert.equal(await total(), before);
        await page.getByLabel('Period').selectOption('all');
        await row('Solar').waitFor();
    });
    await check(`${label}: the line tells its values to the keyboard`, async () => {
        await page.locator('#time svg').focus();
        await page.keyboard.press('ArrowRight');
        await page.waitForFunction(() => /:\s*-?[\d,]+\.\d\d$/.test(document.getElementById('time-value').textContent));
    });
    if (isFirst) await figures({ page, label });
    if (hasFeatures) await features({ page, label, view, row, total });
    await shoot(page, directory, label.replace(/\W+/g, '-'));
    await check(`${label}: tidies up after itself`, async () => {
        for (const text of ['Solar', 'Wind']) {
            await row(text).getByRole('button', { name: /^Delete/ }).click();
            await eventually(() => row(text).count(), 0, text);
        }
        await eventually(total, before, 'total at the end');
    });
}

/* What does not hang on the view is tried once. */
async function figures({ page, label }) {
    await check(`${label}: the figures add up without lost cents`, async () => {
        const found = await page.evaluate(async () => {
            const { byCategory, byTime, sum, ticks } = await import('/figures.js');
            const tenths = Array.from({ length: 10 }, () => ({ amount: 0.1, date: '2024-02-28', category: 'a' }));
            return {
                sum: sum(tenths),
                days: byTime([{ amount: 1, date: '2024-02-28' }, { amount: 2, date: '2024-03-01' }]).points,
                months: byTime([{ amount: 1, date: '2023-11-30' }, { amount: 2, date: '2024-03-01' }]),
                years: byTime([{ amount: 1, date: '1999-01-01' }, { amount: 2, date: '2024-03-01' }]).points.length,
                categories: byCategory([{ category: 'a', amount: 1 }, { category: 'B', amount: -5 }, { category: 'A', amount: 2 }]),
                ticks: [ticks(0, 0, 4), ticks(-3, 9, 4), ticks(5, 1e9, 4)].map((marks) => [marks[0], marks[marks.length - 1]]),
            };
        });
        assert.equal(found.sum, 1);
        assert.deepEqual(found.days, [{ key: '2024-02-28', amount: 1 }, { key: '2024-02-29', amount: 0 }, { key: '2024-03-01', amount: 2 }]);
        assert.equal(found.months.unit, 'month');
        assert.deepEqual(found.months.points.map((point) => point.key), ['2023-11', '2023-12', '2024-01', '2024-02', '2024-03']);
        assert.equal(found.years, 26);
        assert.deepEqual(found.categories, [{ name: 'B', amount: -5, count: 1 }, { name: 'a', amount: 3, count: 2 }]);
        for (const [low, high] of found.ticks) assert.ok(low <= 0 && high >= 0 && high > low, `${low}..${high}`);
        assert.ok(found.ticks[1][0] <= -3 && found.ticks[1][1] >= 9);
    });
}

async function features({ page, label, view, row, total }) {
    const names = async () => (await page.locator('#entries [data-field="category"]').allTextContents())
        .filter((text) => text.includes(`${view} ${token}`)).map((text) => text.split(' ')[0]);
    await check(`${label}: search narrows table and totals`, async () => {
        await page.getByLabel('Search entries').fill(`solar ${view} ${token}`);
        await eventually(total, 1250.25, 'total of what was found');
        assert.equal(await row('Wind').count(), 0);
        await page.getByLabel('Search entries').fill('');
        await row('Wind').waitFor();
    });
    await check(`${label}: headers sort the table, remembered`, async () => {
        await page.getByLabel('Search entries').fill(`${view} ${token}`);
        await page.getByRole('button', { name: 'Amount', exact: true }).click();
        assert.deepEqual(await names(), ['Solar', 'Wind']);
        await page.getByRole('button', { name: 'Amount', exact: true }).click();
        assert.deepEqual(await names(), ['Wind', 'Solar']);
        assert.equal(await page.locator('th[data-field="amount"]').getAttribute('aria-sort'), 'ascending');
        await reload(page);
        assert.equal(await page.locator('th[data-field="amount"]').getAttribute('aria-sort'), 'ascending');
    });
}
