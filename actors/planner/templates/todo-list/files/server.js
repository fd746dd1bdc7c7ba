'use strict';
/* The server of the app: its files, its tasks, and the addresses they are reached at. */

const path = require('node:path');
const { Records } = require('./lib/records.js');
const { createServer, listen, loadAssets } = require('./lib/web.js');

const FILES = ['index.html', 'style.css', 'base.css', 'app.js', 'ui.js', 'icon.svg'];

async function main() {
    const tasks = await new Records({
        file: 'tasks.json',
        noun: 'task',
        countMax: 2_000,
        fields: {
            text: { kind: 'text', label: 'The task', min: 1, max: 500 },
            done: { kind: 'flag', label: 'Done', initial: false },
            due: { kind: 'day', label: 'The due date', empty: true, initial: '' },
        },
    }).load();

    const routes = [
        ...tasks.routes('tasks'),
        {
            method: 'POST',
            path: /^\/api\/tasks\/clear-done$/,
            run: async () => ({ json: { records: await tasks.removeWhere((task) => task.done) } }),
        },
    ];
    listen(createServer(loadAssets(path.join(__dirname, 'public'), FILES), routes));
}

main().catch((error) => {
    console.error(`not_started error=${error.message}`);
    process.exit(1);
});
