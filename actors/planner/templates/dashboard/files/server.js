'use strict';
/* The server of the app: its files, its entries, and the addresses they are reached at. */

const path = require('node:path');
const { Records, toCsv } = require('./lib/records.js');
const { Refusal, createServer, listen, loadAssets } = require('./lib/web.js');

const FILES = ['index.html', 'style.css', 'base.css', 'app.js', 'charts.js', 'figures.js', 'ui.js', 'icon.svg'];
const COUNT_MAX = 5_000;

/* Six weeks up to today, for someone who wants to see what the charts look like. */
function exampleEntries() {
    const plan = [['Groceries', 3, 42.5], ['Transport', 4, 12.8], ['Eating out', 6, 27.9], ['Rent', 28, 640], ['Leisure', 9, 33]];
    const entries = [];
    for (const [category, every, amount] of plan) {
        for (let back = every % 5; back < 42; back += every) {
            const date = new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);
            const swing = category === 'Rent' ? 1 : 0.7 + ((back * 37) % 60) / 100;
            entries.push({ date, category, amount: Math.round(amount * swing * 100) / 100, note: 'Example' });
        }
    }
    return entries;
}

async function main() {
    const entries = await new Records({
        file: 'entries.json',
        noun: 'entry',
        countMax: COUNT_MAX,
        fields: {
            date: { kind: 'day', label: 'The date' },
            category: { kind: 'text', label: 'The category', min: 1, max: 60 },
            amount: { kind: 'money', label: 'The amount', max: 1_000_000_000 },
            note: { kind: 'text', label: 'The note', min: 0, max: 300, initial: '' },
        },
    }).load();

    async function addExamples() {
        if (entries.all.length > 0) throw new Refusal(409, 'There are entries already, so no examples were added.');
        return { status: 201, json: { records: await entries.addAll(exampleEntries()) } };
    }

    async function exportCsv() {
        return {
            text: toCsv(['date', 'category', 'amount', 'note'], entries.all),
            headers: { 'Content-Type': 'text/csv; charset=utf-8',
                       'Content-Disposition': 'attachment; filename="entries.csv"' },
        };
    }

    const routes = [
        ...entries.routes('entries'),
        { method: 'POST', path: /^\/api\/entries\/examples$/, run: addExamples },
        { method: 'POST', path: /^\/api\/entries\/clear$/, run: async () => (
            { json: { records: await entries.removeWhere(() => true) } }) },
        { method: 'GET', path: /^\/api\/entries\.csv$/, run: exportCsv },
    ];
    listen(createServer(loadAssets(path.join(__dirname, 'public'), FILES), routes));
}

main().catch((error) => {
    console.error(`not_started error=${error.message}`);
    process.exit(1);
});
