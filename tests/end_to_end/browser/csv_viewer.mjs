/* csv_viewer.mjs - the CSV viewer as a person uses it, and its parser by the case. */
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { WAIT_MS, check, eventually, open, reload, shoot, token } from './harness.mjs';

export const writePath = { list: '/api/files', write: '/api/files?name=x.csv', type: 'text/csv', tooLarge: 8_400_000 };

const PEOPLE = '\ufeffName,City,Saying,Amount\r\n' +
    '"Lovelace, Ada","London, UK","She said ""hello""",1234.50\r\n' +
    'Grace Hopper,New York,"line one\nline two",99\r\n' +
    'Linus,Helsinki,"<img src=x onerror=alert(1)>",-7\r\n';

/* Each row: what it shows, the text, the delimiter, the rows it must give. */
const CASES = [
    ['one field', 'a', ',', [['a']]],
    ['nothing at all', '', ',', []],
    ['no row for the last line end', 'a,b\r\n', ',', [['a', 'b']]],
    ['LF, CR and CRLF', 'a\nb\rc\r\nd', ',', [['a'], ['b'], ['c'], ['d']]],
    ['empty fields at all places', ',a,\n,,', ',', [['', 'a', ''], ['', '', '']]],
    ['a quoted delimiter', '"a,b",c', ',', [['a,b', 'c']]],
    ['doubled quotes', '"a ""b"" c"', ',', [['a "b" c']]],
    ['only quotes', '"""",""', ',', [['"', '']]],
    ['a line break in quotes', '"a\r\nb",c\r\nd,e', ',', [['a\r\nb', 'c'], ['d', 'e']]],
    ['spaces stay', ' a , b ', ',', [[' a ', ' b ']]],
    ['a quote inside a plain field is text', 'a"b,c', ',', [['a"b', 'c']]],
    ['text after a closing quote is kept', '"a"b,c', ',', [['ab', 'c']]],
    ['a byte order mark is dropped', '\ufeffa,b', ',', [['a', 'b']]],
    ['a byte order mark before a quote', '\ufeff"a,b",c', ',', [['a,b', 'c']]],
    ['semicolons', 'a;"b;c"', ';', [['a', 'b;c']]],
    ['tabs', 'a\tb,c', '\t', [['a', 'b,c']]],
    ['a quote that never closes', 'a,"b\nc,d', ',', [['a', 'b\nc,d']]],
    ['blank lines are rows of one field', 'a\n\nb', ',', [['a'], [''], ['b']]],
    ['rows of unequal length', 'a,b\nc\nd,e,f', ',', [['a', 'b'], ['c'], ['d', 'e', 'f']]],
];

const DELIMITERS = [
    ['a,b\n1,2\n', ','], ['a;b\n1;2\n', ';'], ['a\tb\n1\t2\n', '\t'], ['a|b\n1|2\n', '|'],
    ['name;price\napple;1,5\npear;2,5\n', ';'], ['a\n"b;c"\n', ','], ['"x;y",b\n"z;w;v",c\n', ','], ['only', ','],
];

const NUMBERS = [['12', 12], ['-1,234.50', -1234.5], ['$ 9.99', 9.99], ['12 %', 12], ['(4.00)', -4], ['1e3', 1000],
                 ['', null], ['-', null], ['1,23', null], ['2024-01-31', null], ['abc', null]];

export async function run({ page, label, url, view, directory, hasFeatures, isFirst }) {
    const fileName = `people "1" ${view} ${token}.csv`;
    const cells = (column) => page.locator(`#grid tbody tr:not(.space) td:nth-child(${column + 2})`).allTextContents();
    const upload = (name, text) => page.locator('#file').setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });
    const shows = (name) => page.getByRole('heading', { name, exact: true }).waitFor();

    await open(page, url);
    if (isFirst) await parser({ page, label });
    await check(`${label}: a file with quoted commas is uploaded and shown`, async () => {
        await upload(fileName, PEOPLE);
        await shows(fileName);
        await eventually(() => page.locator('#grid thead th').allTextContents(), ['Row', 'Name', 'City', 'Saying', 'Amount'], 'headers');
        assert.deepEqual(await cells(0), ['Lovelace, Ada', 'Grace Hopper', 'Linus']);
        assert.deepEqual(await cells(1), ['London, UK', 'New York', 'Helsinki']);
        assert.deepEqual(await cells(2), ['She said "hello"', 'line one\nline two', '<img src=x onerror=alert(1)>']);
        assert.equal(await page.locator('#grid img').count(), 0);
    });
    await check(`${label}: search finds and counts rows`, async () => {
        await page.getByLabel('Search all columns').fill('ada london');
        await eventually(() => page.locator('#matches').textContent(), '1 of 3 rows', 'count');
        assert.deepEqual(await cells(0), ['Lovelace, Ada']);
        assert.deepEqual(await page.locator('#grid mark').allTextContents(), ['Ada', 'London']);
        await page.getByLabel('Search all columns').fill('nothing like this');
        await page.getByRole('heading', { name: 'No row matches' }).waitFor();
        await page.getByLabel('Search all columns').fill('');
        await eventually(() => cells(0), ['Lovelace, Ada', 'Grace Hopper', 'Linus'], 'rows without a search');
    });
    await check(`${label}: the table is there after a reload`, async () => {
        await reload(page);
        await shows(fileName);
        await eventually(() => cells(1), ['London, UK', 'New York', 'Helsinki'], 'cells');
    });
    await check(`${label}: a row opens in full by keyboard and closes by Escape`, async () => {
        await page.getByRole('button', { name: 'Show row 2' }).focus();
        await page.keyboard.press('Enter');
        const dialog = page.getByRole('dialog');
        await dialog.getByText('line one').waitFor();
        assert.deepEqual(await dialog.locator('dd').allTextContents(), ['Grace Hopper', 'New York', 'line one\nline two', '99']);
        await page.keyboard.press('Escape');
        await dialog.waitFor({ state: 'detached' });
    });
    await check(`${label}: the download is what was uploaded`, async () => {
        const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
        assert.equal(await fs.readFile(await download.path(), 'utf8'), PEOPLE);
    });
    await check(`${label}: without a header the first row is data`, async () => {
        await page.getByLabel('First row is a header').uncheck();
        await eventually(async () => (await cells(0))[0], 'Name', 'first cell');
        assert.equal(await page.locator('#grid thead th').nth(1).textContent(), 'Column 1');
        await page.getByLabel('First row is a header').check();
        await eventually(async () => (await cells(0))[0], 'Lovelace, Ada', 'first cell');
    });
    await shoot(page, directory, `${label.replace(/\W+/g, '-')}-small`);
    await check(`${label}: a dropped file with semicolons is opened`, async () => {
        await page.evaluate((name) => {
            const data = new DataTransfer();
            data.items.add(new File(['a;b\n"1;2";3\n'], name, { type: 'text/csv' }));
            document.getElementById('drop').dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
        }, `dropped ${token}.csv`);
        await shows(`dropped ${token}.csv`);
        await eventually(() => cells(0), ['1;2'], 'dropped cells');
    });
    await check(`${label}: pasted text is opened`, async () => {
        await page.evaluate(() => {
            document.activeElement.blur();
            const data = new DataTransfer();
            data.setData('text/plain', 'x\ty\n1, 2\t3\n');
            document.dispatchEvent(new ClipboardEvent('paste', { bubbles: true, cancelable: true, clipboardData: data }));
        });
        await page.getByRole('heading', { name: /^Pasted / }).waitFor();
        await eventually(() => cells(0), ['1, 2'], 'pasted cells');
        await page.getByRole('button', { name: 'Paste text' }).click();
        await page.getByRole('dialog').getByLabel(/^Text/).fill('k,v\n"a,b",c');
        await page.getByRole('dialog').getByLabel('Name').fill(`typed ${token}`);
        await page.getByRole('button', { name: 'Open table' }).click();
        await shows(`typed ${token}`);
        await eventually(() => cells(0), ['a,b'], 'typed cells');
    });
    if (view === 'desktop') await manyRows({ page, label, cells, upload, shows });
    if (hasFeatures && view === 'desktop') await sorting({ page, label, cells });
    await shoot(page, directory, label.replace(/\W+/g, '-'));
    await check(`${label}: an unreadable file is refused with advice`, async () => {
        await page.locator('#file').setInputFiles({ name: 'book.xlsx', mimeType: '', buffer: Buffer.from('PK\u0003\u0004workbook') });
        await page.getByText('Save the sheet as CSV').waitFor();
    });
    await check(`${label}: removed files stay removed`, async () => {
        const heading = page.locator('#name');
        for (let left = await ours(page); left > 0; left--) {
            await page.getByRole('button', { name: 'Remove', exact: true }).click();
            const removed = page.waitForEvent('requestfinished', (request) => request.method() === 'DELETE');
            await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
            await removed;      /* the server knows before the page does: a reload now would cut it off */
            await eventually(() => ours(page), left - 1, `files left beside '${await heading.textContent()}'`);
        }
        await reload(page);
        assert.equal(await ours(page), 0);
    });
}

/* What does not hang on the view is tried once. */
async function parser({ page, label }) {
    await check(`${label}: the parser reads RFC 4180`, async () => {
        const found = await page.evaluate(async (cases) => {
            const { parseCsv } = await import('/csv.js');
            return cases.map(([, text, delimiter]) => parseCsv(text, delimiter).rows);
        }, CASES);
        CASES.forEach(([what, , , rows], index) => assert.deepEqual(found[index], rows, what));
    });
    await check(`${label}: delimiters, numbers and limits are found`, async () => {
        const found = await page.evaluate(async ([texts, numbers]) => {
            const { detectDelimiter, parseCsv, toNumber } = await import('/csv.js');
            const refusal = (text) => {
                try {
                    return parseCsv(text).rows.length;
                } catch (error) {
                    return error.message;
                }
            };
            return {
                delimiters: texts.map(detectDelimiter),
                numbers: numbers.map((text) => (Number.isNaN(toNumber(text)) ? null : toNumber(text))),
                wide: refusal(','.repeat(500)),
                cut: [parseCsv('a\nb\nc', ',', 2).isCut, parseCsv('a\nb', ',', 2).isCut, parseCsv('a,"b', ',').unclosedRow],
            };
        }, [DELIMITERS.map(([text]) => text), NUMBERS.map(([text]) => text)]);
        assert.deepEqual(found.delimiters, DELIMITERS.map(([, delimiter]) => delimiter));
        assert.deepEqual(found.numbers, NUMBERS.map(([, number]) => number));
        assert.match(String(found.wide), /more than 500 columns/);
        assert.deepEqual(found.cut, [true, false, 1]);
    });
}

async function manyRows({ page, label, cells, upload, shows }) {
    await check(`${label}: 50,000 rows stay fast`, async () => {
        const lines = Array.from({ length: 50_000 }, (_, index) => `${index + 1},"person, number ${index + 1}",${(index * 7919) % 1000}.5`);
        await upload(`big ${token}.csv`, `id,name,amount\n${lines.join('\n')}\n`);
        await shows(`big ${token}.csv`);
        await page.getByText('50,000 rows').waitFor();
        const scrolled = await page.evaluate(async () => {
            const grid = document.getElementById('grid');
            const begin = performance.now();
            for (let part = 1; part <= 20; part++) {
                grid.scrollTop = (grid.scrollHeight * part) / 20;
                await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
            }
            return { ms: performance.now() - begin, rows: grid.querySelectorAll('tr').length };
        });
        assert.ok(scrolled.rows < 150, `${scrolled.rows} rows in the page`);
        assert.ok(scrolled.ms < WAIT_MS / 2, `20 jumps took ${Math.round(scrolled.ms)} ms`);
        await page.getByRole('button', { name: 'Show row 50000' }).waitFor();
        await page.getByLabel('Search all columns').fill('number 49999');
        await eventually(() => page.locator('#matches').textContent(), '1 of 50,000 rows', 'count');
        assert.deepEqual(await cells(1), ['person, number 49999']);
        await page.getByLabel('Search all columns').fill('');
    });
}

async function sorting({ page, label, cells }) {
    await check(`${label}: headers sort 50,000 rows, numbers as numbers`, async () => {
        const header = page.getByRole('button', { name: 'amount', exact: true });
        const first = async () => (await cells(2))[0];
        await header.click();
        await eventually(first, '0.5', 'lowest amount');
        assert.equal(await page.locator('#grid th[aria-sort]').getAttribute('aria-sort'), 'ascending');
        await header.click();
        await eventually(first, '999.5', 'highest amount');
        await header.click();
        await eventually(async () => (await cells(0))[0], '1', 'the order of the file');
        assert.equal(await page.locator('#grid th[aria-sort]').count(), 0);
        await page.getByRole('button', { name: 'name', exact: true }).click();
        await eventually(async () => (await cells(1))[1], 'person, number 2', 'names with numbers in them');
    });
}

function ours(page) {
    return page.evaluate(async () => (await (await fetch('/api/files')).json()).files.length);
}
