/* generic.mjs - the records app as a person uses it. */
import assert from 'node:assert/strict';
import { check, eventually, open, reload, shoot, token } from './harness.mjs';

export const writePath = { list: '/api/entries', write: '/api/entries', type: 'application/json', tooLarge: 70_000 };

export async function run({ page, label, url, view, directory, hasFeatures }) {
    const name = (text) => `${text} ${view} ${token}`;
    const row = (text) => page.locator('.entry', { hasText: name(text) });
    const titles = () => page.locator('.entry h2').allTextContents();
    const form = page.locator('#add-form');

    async function add(title, note) {
        await form.getByLabel('Title').fill(name(title));
        await form.getByLabel('Note').fill(note);
        await form.getByRole('button', { name: 'Add entry' }).click();
        await row(title).waitFor();
    }

    await open(page, url);
    await check(`${label}: entries are added and kept over a reload`, async () => {
        await add('Cabin wifi', 'first line\n<b>second</b> line');
        await add('Apple cake', '');
        await reload(page);
        await row('Apple cake').waitFor();
        assert.equal(await row('Cabin wifi').locator('.note').textContent(), 'first line\n<b>second</b> line');
    });
    await check(`${label}: an entry is edited and kept over a reload`, async () => {
        await row('Cabin wifi').getByRole('button', { name: /^Edit/ }).click();
        const editing = page.locator('.entry form');
        await editing.getByLabel('Title').fill(name('Cabin heating'));
        await editing.getByLabel('Note').fill('zebra stripes');
        await editing.getByRole('button', { name: 'Save' }).click();
        await row('Cabin heating').getByRole('heading').waitFor();
        await reload(page);
        assert.equal(await row('Cabin heating').locator('.note').textContent(), 'zebra stripes');
        assert.equal(await row('Cabin wifi').count(), 0);
    });
    await check(`${label}: Escape leaves an entry as it was`, async () => {
        await row('Apple cake').getByRole('button', { name: /^Edit/ }).click();
        await page.keyboard.type('changed');
        await page.keyboard.press('Escape');
        await row('Apple cake').getByRole('heading', { name: name('Apple cake'), exact: true }).waitFor();
    });
    await check(`${label}: a deleted entry comes back by undo, as it was`, async () => {
        await row('Cabin heating').getByRole('button', { name: /^Delete/ }).click();
        await eventually(() => row('Cabin heating').count(), 0, 'the deleted entry');
        await page.getByRole('button', { name: 'Undo' }).last().click();
        await row('Cabin heating').waitFor();
        assert.equal(await row('Cabin heating').locator('.note').textContent(), 'zebra stripes');
    });
    await check(`${label}: the export holds the entries`, async () => {
        const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export CSV' }).click()]);
        assert.equal(download.suggestedFilename(), 'entries.csv');
    });
    if (hasFeatures) {
        await check(`${label}: search looks into titles and notes`, async () => {
            await page.getByLabel('Search entries').fill(`ZEBRA ${token} ${view}`);
            await eventually(titles, [name('Cabin heating')], 'found entries');
            await page.getByLabel('Search entries').fill('');
            await row('Apple cake').waitFor();
        });
        await check(`${label}: sorting by title, both ways, remembered`, async () => {
            await page.getByLabel('Search entries').fill(`${view} ${token}`);
            await page.getByLabel('Sort entries').selectOption('title');
            assert.deepEqual(await titles(), [name('Apple cake'), name('Cabin heating')]);
            await page.getByLabel('Sort entries').selectOption('title-back');
            assert.deepEqual(await titles(), [name('Cabin heating'), name('Apple cake')]);
            await reload(page);
            assert.equal(await page.getByLabel('Sort entries').inputValue(), 'title-back');
        });
    }
    await shoot(page, directory, label.replace(/\W+/g, '-'));
    await check(`${label}: deleting is for good`, async () => {
        for (const text of ['Cabin heating', 'Apple cake']) {
            await row(text).getByRole('button', { name: /^Delete/ }).click();
            await eventually(() => row(text).count(), 0, text);
        }
        await reload(page);
        assert.equal(await row('Apple cake').count(), 0);
    });
}
