/* todo_list.mjs - the to-do list as a person uses it. */
import assert from 'node:assert/strict';
import { check, eventually, open, reload, shoot, token } from './harness.mjs';

export const writePath = { list: '/api/tasks', write: '/api/tasks', type: 'application/json', tooLarge: 70_000 };

export async function run({ page, label, url, view, directory, hasFeatures }) {
    const name = (text) => `${text} ${view} ${token}`;
    const row = (text) => page.locator('.task', { hasText: name(text) });
    const tick = (text) => row(text).getByRole('checkbox');
    const texts = () => page.locator('.task .text').allTextContents();

    await open(page, url);
    await check(`${label}: a task is added with the keyboard`, async () => {
        await page.getByLabel('New task').fill(name('Water the plants'));
        await page.keyboard.press('Enter');
        await row('Water the plants').waitFor();
        assert.equal(await page.getByLabel('New task').inputValue(), '');
    });
    await check(`${label}: a task that looks like markup is text`, async () => {
        const text = `<img src=x onerror="alert(1)"> ${name('markup')}`;
        await page.getByLabel('New task').fill(text);
        await page.getByRole('button', { name: 'Add task' }).click();
        await row('markup').waitFor();
        assert.equal(await row('markup').locator('.text').textContent(), text);
        assert.equal(await page.locator('.tasks img').count(), 0);
    });
    await check(`${label}: an overdue task says so`, async () => {
        await page.getByLabel('New task').fill(name('Book tickets'));
        await page.getByLabel('Due (optional)').fill('2020-01-31');
        await page.getByRole('button', { name: 'Add task' }).click();
        await row('Book tickets').getByText('Overdue').waitFor();
    });
    await check(`${label}: a completed task is still completed after a reload`, async () => {
        await tick('Water the plants').check();
        await page.locator('.task.done', { hasText: name('Water the plants') }).waitFor();
        await reload(page);
        await row('Water the plants').waitFor();
        assert.equal(await tick('Water the plants').isChecked(), true);
        assert.equal(await tick('Book tickets').isChecked(), false);
    });
    await check(`${label}: the filters show what they name`, async () => {
        await page.getByRole('button', { name: /^Active/ }).click();
        await eventually(() => row('Water the plants').count(), 0, 'done tasks among the active');
        assert.equal(await row('Book tickets').count(), 1);
        await page.getByRole('button', { name: /^Done/ }).click();
        await eventually(() => row('Book tickets').count(), 0, 'active tasks among the done');
        assert.equal(await row('Water the plants').count(), 1);
        await page.getByRole('button', { name: /^All/ }).click();
        await row('Book tickets').waitFor();
    });
    await check(`${label}: a task is edited`, async () => {
        await row('Book tickets').getByRole('button', { name: /^Edit/ }).click();
        await page.locator('.task form').getByLabel('Task').fill(name('Book two tickets'));
        await page.keyboard.press('Enter');
        await row('Book two tickets').locator('.text').waitFor();
        await reload(page);
        await row('Book two tickets').waitFor();
    });
    await check(`${label}: a deleted task comes back by undo`, async () => {
        await row('Book two tickets').getByRole('button', { name: /^Delete/ }).click();
        await eventually(() => row('Book two tickets').count(), 0, 'the deleted task');
        await page.getByRole('button', { name: 'Undo' }).last().click();
        await row('Book two tickets').getByText('Overdue').waitFor();
    });
    if (hasFeatures) await features({ page, label, name, row, texts });
    await shoot(page, directory, label.replace(/\W+/g, '-'));
    await check(`${label}: clear done removes the done ones only`, async () => {
        await page.getByRole('button', { name: 'Clear done' }).click();
        await eventually(() => row('Water the plants').count(), 0, 'done tasks after clearing');
        assert.equal(await row('Book two tickets').count(), 1);
        await reload(page);
        await row('Book two tickets').waitFor();
        assert.equal(await row('Water the plants').count(), 0);
    });
    await check(`${label}: tidies up after itself`, async () => {
        for (const text of ['Book two tickets', 'markup']) {
            await row(text).getByRole('button', { name: /^Delete/ }).click();
            await eventually(() => row(text).count(), 0, text);
        }
    });
}

async function features({ page, label, name, row, texts }) {
    await check(`${label}: search shows matching tasks only`, async () => {
        await page.getByLabel('Search tasks').fill(`TWO ${token}`);
        await eventually(texts, [name('Book two tickets')], 'found tasks');
        await page.getByLabel('Search tasks').fill(`nothing-like-this-${token}`);
        await page.getByRole('heading', { name: 'Nothing to show' }).waitFor();
        await page.getByLabel('Search tasks').fill('');
        await row('Water the plants').waitFor();
    });
    await check(`${label}: sorting by name and by due date, remembered`, async () => {
        await page.getByLabel('Search tasks').fill(token);
        await page.getByLabel('Sort tasks').selectOption('name');
        const found = (await texts()).map((text) => text.replace(/ (?:desktop|phone).*/, ''));
        assert.deepEqual(found, ['<img src=x onerror="alert(1)"> markup', 'Book two tickets', 'Water the plants']);
        await page.getByLabel('Sort tasks').selectOption('due');
        assert.equal((await texts())[0], name('Book two tickets'));
        await reload(page);
        assert.equal(await page.getByLabel('Sort tasks').inputValue(), 'due');
        await page.getByLabel('Sort tasks').selectOption('newest');
    });
}
