'use strict';
/* The server of the app: its files, its records, and the addresses they are reached at. */

const path = require('node:path');
const { Records, toCsv } = require('./lib/records.js');
const { createServer, listen, loadAssets } = require('./lib/web.js');

const FILES = ['index.html', 'style.css', 'base.css', 'app.js', 'ui.js', 'icon.svg'];

async function main() {
    const entries = await new Records({
        file: 'entries.json',
        noun: 'entry',
        countMax: 5_000,
        fields: {
            text: { kind: 'text', label: 'The title', min: 1, max: 300 },
            note: { kind: 'text', label: 'The note', min: 0, max: 10_000, initial: '' },
        },
    }).load();

    const routes = [
        ...entries.routes('entries'),
        {
            method: 'GET',
            path: /^\/api\/entries\.csv$/,
            run: async () => ({
                text: toCsv(['text', 'note', 'createdAt', 'updatedAt'], entries.all),
                headers: {
                    'Content-Type': 'text/csv; charset=utf-8',
                    'Content-Disposition': 'attachment; filename="entries.csv"',
                },
            }),
        },
    ];
    listen(createServer(loadAssets(path.join(__dirname, 'public'), FILES), routes));
}

main().catch((error) => {
    console.error(`not_started error=${error.message}`);
    process.exit(1);
});
