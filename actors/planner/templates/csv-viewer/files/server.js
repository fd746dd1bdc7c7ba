'use strict';
/* The server of the app: its files, the tables people uploaded, and their addresses. */

const path = require('node:path');
const { FILE_BYTES_MAX, Shelf } = require('./lib/shelf.js');
const { Refusal, createServer, listen, loadAssets, readText } = require('./lib/web.js');

const FILES = ['index.html', 'style.css', 'base.css', 'app.js', 'csv.js', 'table.js', 'ui.js', 'icon.svg'];

/* A file name in a header, as RFC 6266 wants it: plain for old clients, UTF-8 for the rest. */
function attachment(name) {
    const plain = name.replace(/[^\x20-\x7e]|["%\\]/g, '_');
    const full = encodeURIComponent(Buffer.from(name).toString())
        .replace(/['()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
    return `attachment; filename="${plain}"; filename*=UTF-8''${full}`;
}

async function main() {
    const shelf = await new Shelf().load();

    async function upload({ request, query }) {
        if (!/^text\/csv\b/i.test(request.headers['content-type'] || '')) {
            throw new Refusal(415, 'Send the table with the content type text/csv.');
        }
        const text = await readText(request, FILE_BYTES_MAX);
        return { status: 201, json: await shelf.add(query.get('name'), text) };
    }

    async function read({ id, query }) {
        const text = await shelf.text(id);
        const headers = { 'Content-Type': 'text/csv; charset=utf-8' };
        if (query.has('download')) headers['Content-Disposition'] = attachment(shelf.find(id).name);
        return { text, headers };
    }

    const one = /^\/api\/files\/([0-9a-f-]{36})$/;
    const routes = [
        { method: 'GET', path: /^\/api\/files$/, run: async () => ({ json: { files: shelf.list() } }) },
        { method: 'POST', path: /^\/api\/files$/, run: upload },
        { method: 'GET', path: one, run: read },
        { method: 'DELETE', path: one, run: async ({ id }) => ({ json: await shelf.remove(id) }) },
    ];
    listen(createServer(loadAssets(path.join(__dirname, 'public'), FILES), routes));
}

main().catch((error) => {
    console.error(`not_started error=${error.message}`);
    process.exit(1);
});
