/* markdown_editor.mjs - the Markdown editor as a person uses it, and its renderer by the case. */
import assert from 'node:assert/strict';
import { check, eventually, open, reload, shoot, token, watchedPage } from './harness.mjs';

export const writePath = { list: '/api/documents', write: '/api/documents', type: 'application/json', tooLarge: 2_200_000 };

const DOT = 'data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7';
const OUT = 'target="_blank" rel="noopener noreferrer"';

/* Each row: what it shows, the Markdown, the HTML its nodes must have. */
const CASES = [
    ['headings', '# One\n\n### Three ###\n\nTwo\n---', '<h1 id="doc-one">One</h1><h3 id="doc-three">Three</h3><h2 id="doc-two">Two</h2>'],
    ['no heading without a space', '#hash', '<p>#hash</p>'],
    ['two headings of one name', '# A\n# A', '<h1 id="doc-a">A</h1><h1 id="doc-a-1">A</h1>'],
    ['emphasis', '*a* **b** ***c*** ~~d~~ _e_ __f__', '<p><em>a</em> <strong>b</strong> <em><strong>c</strong></em> <del>d</del> <em>e</em> <strong>f</strong></p>'],
    ['emphasis within emphasis', '**a *b* c**', '<p><strong>a <em>b</em> c</strong></p>'],
    ['no emphasis within words and numbers', 'snake_case_name 2 * 3 * 4', '<p>snake_case_name 2 * 3 * 4</p>'],
    ['emphasis that does not close', '**a *b', '<p>**a *b</p>'],
    ['code spans', '`a*b*` ``c ` d`` `e', '<p><code>a*b*</code> <code>c ` d</code> `e</p>'],
    ['escapes', '\\*a\\* \\# \\q', '<p>*a* # \\q</p>'],
    ['entities', '&amp;lt; &copy; &#65; &nosuch;', '<p>&amp;lt; © A &amp;nosuch;</p>'],
    ['hard and soft breaks', 'a  \nb\\\nc\nd', '<p>a<br>b<br>c\nd</p>'],
    ['fenced code', '```js\n<b>*a*\n```\nafter', '<pre tabindex="0"><code data-language="js">&lt;b&gt;*a*\n</code></pre><p>after</p>'],
    ['a fence that never closes', '~~~\na\n\nb', '<pre tabindex="0"><code>a\n\nb\n</code></pre>'],
    ['indented code', '    a\n      b\n\nc', '<pre tabindex="0"><code>a\n  b\n</code></pre><p>c</p>'],
    ['a list', '- a\n- b', '<ul><li>a</li><li>b</li></ul>'],
    ['lists within lists', '1. a\n   - b\n     - c\n2. d', '<ol><li>a<ul><li>b<ul><li>c</li></ul></li></ul></li><li>d</li></ol>'],
    ['a nested list with two spaces', '1. a\n  - b', '<ol><li>a<ul><li>b</li></ul></li></ol>'],
    ['a list that begins at three', '3) a\n4) b', '<ol start="3"><li>a</li><li>b</li></ol>'],
    ['a loose list', '- a\n\n- b', '<ul><li><p>a</p></li><li><p>b</p></li></ul>'],
    ['tasks', '- [x] a\n- [ ] b', '<ul><li class="task-item"><input type="checkbox" disabled="" aria-label="Done"> a</li><li class="task-item"><input type="checkbox" disabled="" aria-label="Not done"> b</li></ul>'],
    ['a list ends a paragraph, a year does not begin one', 'a\n- b\n\nin\n1984. c', '<p>a</p><ul><li>b</li></ul><p>in\n1984. c</p>'],
    ['code in a list', '- a\n\n  ```\n  x\n  ```', '<ul><li><p>a</p><pre tabindex="0"><code>x\n</code></pre></li></ul>'],
    ['quotes', '> a\nb\n> > c\n\nd', '<blockquote><p>a\nb</p><blockquote><p>c</p></blockquote></blockquote><p>d</p>'],
    ['rules', '---\n***\n_ _ _', '<hr><hr><hr>'],
    ['a table', '| a | b | c |\n|:--|--:|:-:|\n| 1 | `x\\|y` | *z* |\n| 2 |\n\nend',
     '<div class="table-frame" tabindex="0"><table><thead><tr><th>a</th><th class="align-right">b</th><th class="align-center">c</th></tr></thead>' +
     '<tbody><tr><td>1</td><td class="align-right"><code>x|y</code></td><td class="align-center"><em>z</em></td></tr>' +
     '<tr><td>2</td><td class="align-right"></td><td class="align-center"></td></tr></tbody></table></div><p>end</p>'],
    ['no table without its rule', 'a | b\nc | d', '<p>a | b\nc | d</p>'],
    ['links', '[a *b*](https://x.example/y_z "t") [m](mailto:a@b.example) [r](other/page)',
     `<p><a href="https://x.example/y_z" ${OUT} title="t">a <em>b</em></a> <a href="mailto:a@b.example" ${OUT}>m</a> <a href="other/page" ${OUT}>r</a></p>`],
    ['links to headings', '[a](#Some-Heading)', '<p><a href="#doc-some-heading">a</a></p>'],
    ['parentheses in a link', '[a](https://x.example/(b))', `<p><a href="https://x.example/(b)" ${OUT}>a</a></p>`],
    ['bare links', 'see https://x.example/a_b. (http://y.example)', `<p>see <a href="https://x.example/a_b" ${OUT}>https://x.example/a_b</a>. (<a href="http://y.example" ${OUT}>http://y.example</a>)</p>`],
    ['links in angles', '<https://x.example>', `<p><a href="https://x.example" ${OUT}>https://x.example</a></p>`],
    ['no link within a link', '[a [b](https://x.example) c](y)', `<p>[a <a href="https://x.example" ${OUT}>b</a> c](y)</p>`],
    ['a script address is text', '[a](javascript:alert(1)) [b](JaVaScRiPt:x) [c](data:text/html,x) [d](vbscript:x)',
     '<p>[a](javascript:alert(1)) [b](JaVaScRiPt:x) [c](data:text/html,x) [d](vbscript:x)</p>'],
    ['an address with a control character is text', '[a](java\u0001script:x)', '<p>[a](java\u0001script:x)</p>'],
    ['a picture in the text', `![a *dot*](${DOT})`, `<p><img src="${DOT}" alt="a dot"></p>`],
    ['a picture elsewhere is linked, not fetched', '![a](https://x.example/p.png)', `<p><a href="https://x.example/p.png" ${OUT} class="picture-link">a</a></p>`],
    ['a picture that could hold a script is text', '![a](data:image/svg+xml;base64,PHN2Zz4=)', '<p>![a](data:image/svg+xml;base64,PHN2Zz4=)</p>'],
    ['markup is text', '<script>alert(1)</script>\n\n<img src=x onerror="alert(1)">', '<p>&lt;script&gt;alert(1)&lt;/script&gt;</p><p>&lt;img src=x onerror="alert(1)"&gt;</p>'],
    ['markup in an inline place is text', 'a <b onclick="x">b</b> `<i>`', '<p>a &lt;b onclick="x"&gt;b&lt;/b&gt; <code>&lt;i&gt;</code></p>'],
];

/* Texts made to keep a careless renderer busy; each must be done in time and not nest too deep. */
const HEAVY = [
    '*a '.repeat(60_000), '*a_ '.repeat(60_000), '**'.repeat(120_000), '['.repeat(200_000), '[a]('.repeat(60_000), '[a](<b'.repeat(40_000),
    '![a](b '.repeat(30_000), '`'.repeat(200_000), Array.from({ length: 600 }, (_, at) => '`'.repeat(at + 1)).join(' '),
    '> '.repeat(100_000), '- '.repeat(100_000), `${'#'.repeat(6)} ${' '.repeat(200_000)}x`, `|${'a|'.repeat(90_000)}\n|${'-|'.repeat(90_000)}`,
    '&'.repeat(200_000), '<http://a'.repeat(25_000), `http://x.example/${')'.repeat(200_000)}`, '*_'.repeat(100_000), '    \n'.repeat(50_000),
    'a\n'.repeat(120_000), '\\'.repeat(200_000), '~~a'.repeat(80_000), `${' '.repeat(200_000)}x`, '[[a](b)'.repeat(30_000),
];

export async function run({ browser, page, label, url, view, directory, hasFeatures, isFirst }) {
    const name = (text) => `${text} ${view} ${token}`;
    const isPhone = view === 'phone';
    const text = page.getByLabel('Text in Markdown');
    const preview = page.locator('#preview');
    const saved = () => eventually(() => page.locator('#save-state').textContent(), 'Saved', 'state of saving');
    const mode = (title) => page.getByRole('button', { name: title, exact: true }).click();

    async function showList() {
        const toggle = page.locator('#toggle-list');
        if (isPhone && await toggle.getAttribute('aria-expanded') === 'false') await toggle.click();
    }

    async function create(title) {
        await showList();
        await page.locator('#new:visible, #first-new:visible').first().click();
        await page.getByLabel('Name of the document').fill(name(title));
        await saved();
    }

    await open(page, url);
    if (isFirst) await renderer({ page, label });
    await check(`${label}: typed Markdown is rendered`, async () => {
        await create('Trip');
        await text.focus();
        await page.keyboard.type('# Hello\n\nsome **bold** text\n');
        if (isPhone) await mode('Preview');
        await preview.getByRole('heading', { name: 'Hello' }).waitFor();
        assert.equal(await preview.locator('strong').textContent(), 'bold');
        if (isPhone) await mode('Write');
    });
    await check(`${label}: a script and an onerror picture stay inert`, async () => {
        const hostile = '<script>window.hacked = 1</script>\n\n<img src=x onerror="window.hacked = 1">\n\n[x](javascript:window.hacked=1)';
        await text.fill(`# Hello\n\nsome **bold** text\n\n${hostile}\n`);
        await eventually(() => preview.evaluate((box) => box.textContent.includes('<script>window.hacked = 1</script>')), true, 'script as text');
        assert.equal(await preview.locator('script, img, a, iframe').count(), 0);
        assert.equal(await page.evaluate(() => window.hacked), undefined);
        await saved();
    });
    await check(`${label}: the document is there after a reload`, async () => {
        await reload(page);
        await eventually(() => page.getByLabel('Name of the document').inputValue(), name('Trip'), 'name');
        assert.match(await text.inputValue(), /some \*\*bold\*\* text/);
        assert.equal(await page.evaluate(() => window.hacked), undefined);
    });
    await check(`${label}: format buttons and shortcuts write Markdown`, async () => {
        await text.fill('word');
        await text.selectText();
        await page.keyboard.press('Control+b');
        assert.equal(await text.inputValue(), '**word**');
        await text.selectText();
        await page.getByRole('button', { name: 'Quote' }).click();
        assert.equal(await text.inputValue(), '> **word**');
        await saved();
    });
    await check(`${label}: a second document is made, renamed and chosen`, async () => {
        await create('Second');
        await text.fill('content of the second: quokka');
        await page.getByLabel('Name of the document').fill(name('Renamed'));
        await saved();
        await showList();
        await page.locator('#documents button', { hasText: name('Trip') }).click();
        await eventually(() => text.inputValue(), '> **word**', 'text of the first');
        await showList();
        await page.locator('#documents button', { hasText: name('Renamed') }).click();
        await eventually(() => text.inputValue(), 'content of the second: quokka', 'text of the second');
    });
    await check(`${label}: a change from elsewhere is not overwritten`, async () => {
        const other = await watchedPage(browser, {});
        try {
            await open(other, url);
            await other.locator('#documents button', { hasText: name('Renamed') }).click();
            await other.getByLabel('Text in Markdown').fill('from the other window: quokka');
            await eventually(() => other.locator('#save-state').textContent(), 'Saved', 'saving in the other window');
        } finally {
            await other.context().close();
        }
        const before = page.faults.length;
        await text.fill('from this window');
        await page.getByRole('button', { name: 'Load the other text' }).click();
        await eventually(() => text.inputValue(), 'from the other window: quokka', 'text after the conflict');
        const faults = page.faults.splice(before);
        assert.ok(faults.length > 0 && faults.every((fault) => fault.includes('409')), `faults beside the refusal: ${faults}`);
    });
    if (hasFeatures) await features({ page, label, view, name, showList });
    if (!isPhone) await mode('Split');
    await shoot(page, directory, label.replace(/\W+/g, '-'));
    await check(`${label}: deleted documents are gone`, async () => {
        for (const title of ['Renamed', 'Trip']) {
            await showList();
            const entry = page.locator('#documents button', { hasText: name(title) });
            await entry.click();
            await eventually(() => page.getByLabel('Name of the document').inputValue(), name(title), 'open document');
            await page.getByRole('button', { name: 'Delete', exact: true }).click();
            await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
            await eventually(() => entry.count(), 0, title);
        }
        await reload(page);
        assert.equal(await page.locator('#documents button', { hasText: name('Trip') }).count(), 0);
    });
}

/* What does not hang on the view is tried once. */
async function renderer({ page, label }) {
    await check(`${label}: the renderer makes the nodes it should`, async () => {
        const found = await page.evaluate(async (cases) => {
            const { renderMarkdown } = await import('/markdown.js');
            return cases.map(([, markdown]) => {
                const box = document.createElement('div');
                box.append(renderMarkdown(markdown));
                return box.innerHTML;
            });
        }, CASES);
        CASES.forEach(([what, , html], index) => assert.equal(found[index], html, `${what}: ${found[index]}`));
    });
    await check(`${label}: no text keeps the renderer busy`, async () => {
        const found = await page.evaluate(async (texts) => {
            const { renderMarkdown } = await import('/markdown.js');
            return texts.map((markdown) => {
                const begin = performance.now();
                const fragment = renderMarkdown(markdown);
                let depth = 0;
                let level = [...fragment.children];
                for (; level.length > 0; depth++) level = level.flatMap((node) => [...node.children]);
                return { start: markdown.slice(0, 12), ms: Math.round(performance.now() - begin), depth };
            });
        }, HEAVY);
        for (const { start, ms, depth } of found) {
            assert.ok(ms < 3_000, `'${start}' took ${ms} ms`);
            assert.ok(depth < 80, `'${start}' nests ${depth} deep`);
        }
    });
}

async function features({ page, label, view, name, showList }) {
    const listed = async () => (await page.locator('#documents button span').allTextContents()).filter((title) => title.includes(`${view} ${token}`));
    await check(`${label}: search looks into the texts of documents`, async () => {
        await showList();
        await page.getByLabel('Search documents').fill('QUOKKA window');
        await eventually(listed, [name('Renamed')], 'found documents');
        await page.getByLabel('Search documents').fill('');
        await eventually(async () => (await listed()).length, 2, 'documents without a search');
    });
    await check(`${label}: documents are sorted by name, remembered`, async () => {
        await page.getByLabel('Sort documents').selectOption('name-back');
        assert.deepEqual(await listed(), [name('Trip'), name('Renamed')]);
        await page.getByLabel('Sort documents').selectOption('name');
        assert.deepEqual(await listed(), [name('Renamed'), name('Trip')]);
        await reload(page);
        assert.equal(await page.getByLabel('Sort documents').inputValue(), 'name');
    });
}
