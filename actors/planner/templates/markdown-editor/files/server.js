'use strict';
/* The server of the app: its files, its documents, and the addresses they are reached at. */

const path = require('node:path');
const { Documents } = require('./lib/documents.js');
const { createServer, listen, loadAssets, readJson } = require('./lib/web.js');

const FILES = ['index.html', 'style.css', 'base.css', 'app.js', 'markdown.js', 'markdown-inline.js', 'ui.js', 'icon.svg'];
const BODY_BYTES_MAX = 2_097_152;

/* A file name in a header, as RFC 6266 wants it: plain for old clients, UTF-8 for the rest. */
function attachment(name) {
    const plain = name.replace(/[^\x20-\x7e]|["%\\/]/g, '_');
    const full = encodeURIComponent(Buffer.from(name).toString())
        .replace(/['()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
    return `attachment; filename="${plain}"; filename*=UTF-8''${full}`;
}

async function main() {
    const documents = await new Documents().load();

    async function download({ id }) {
        const { title, text } = documents.find(id);
        return { text, headers: { 'Content-Type': 'text/markdown; charset=utf-8',
                                  'Content-Disposition': attachment(`${title}.md`) } };
    }

    const all = /^\/api\/documents$/;
    const one = /^\/api\/documents\/([0-9a-f-]{36})$/;
    const routes = [
        { method: 'GET', path: all, run: async () => ({ json: { documents: documents.list() } }) },
        { method: 'POST', path: all, run: async ({ request }) => (
            { status: 201, json: await documents.create(await readJson(request, BODY_BYTES_MAX)) }) },
        { method: 'GET', path: one, run: async ({ id }) => ({ json: documents.find(id) }) },
        { method: 'PUT', path: one, run: async ({ request, id }) => (
            { json: await documents.change(id, await readJson(request, BODY_BYTES_MAX)) }) },
        { method: 'DELETE', path: one, run: async ({ id }) => ({ json: await documents.remove(id) }) },
        { method: 'GET', path: /^\/api\/documents\/([0-9a-f-]{36})\.md$/, run: download },
/* slot:routes */
    ];
    listen(createServer(loadAssets(path.join(__dirname, 'public'), FILES), routes));
}

main().catch((error) => {
    console.error(`not_started error=${error.message}`);
    process.exit(1);
});
