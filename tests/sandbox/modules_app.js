/* modules_app.js - an app that uses each of the host's modules, by require and by import, and answers
 * with what went wrong: `bad: []` when nothing did.
 */
'use strict';

const fs = require('fs');
const http = require('http');

const plain = module => module.default || module;

const answered = async module => {
    const app = plain(module)();
    app.get('/', (request, response) => response.send('hi'));
    const server = await new Promise(done => {
        const listening = app.listen(0, '127.0.0.1', () => done(listening));
    });
    const answer = await fetch(`http://127.0.0.1:${server.address().port}`);
    const text = await answer.text();
    server.closeAllConnections();
    server.close();
    return text === 'hi';
};

const echoed = ({WebSocket, WebSocketServer}) => new Promise((done, fail) => {
    const server = new WebSocketServer({port: 0, host: '127.0.0.1'}, () => {
        const client = new WebSocket(`ws://127.0.0.1:${server.address().port}`);
        client.on('open', () => client.send('x')).on('error', fail);
        client.on('message', data => { client.close(); server.close(); done(String(data) === 'x'); });
    });
    server.on('connection', socket => socket.on('message', data => socket.send(data)));
});

const uses = {
    'hono': async module => {
        const app = new module.Hono();
        app.get('/', context => context.text('hi'));
        return await (await app.request('/')).text() === 'hi';
    },
    '@hono/node-server': module => typeof module.serve === 'function',
    'express': answered,
    'preact': module => module.h('p').type === 'p',
    'preact/hooks': module => typeof module.useState === 'function',
    'htm': module => plain(module).bind(type => type)`<p/>` === 'p',
    'htm/preact/standalone': module => module.html`<p/>`.type === 'p',
    'marked': module => module.marked.parse('# a').trim() === '<h1>a</h1>',
    'dompurify': module => typeof plain(module) === 'function',     /* needs a browser for more */
    'papaparse': module => plain(module).parse('a,"b,c"').data[0][1] === 'b,c',
    'chart.js': module => typeof module.Chart === 'function',       /* the same */
    'dayjs': module => plain(module)('2025-02-28').add(1, 'day').format('MM-DD') === '03-01',
    'zod': module => !module.z.object({a: module.z.number()}).safeParse({a: 'x'}).success,
    'ws': echoed,
};

/* Its package.json leads require to a file that it does not have. */
const onlyImported = ['htm/preact/standalone'];

/* For browsers: the app serves them. */
const sheets = ['@picocss/pico/css/pico.min.css', 'dompurify/dist/purify.min.js'];

async function search() {
    const bad = [];
    const note = async (name, attempt) => {
        try {
            if (!await attempt())
                bad.push(`${name}: does not work`);
        } catch (error) {
            bad.push(`${name}: ${error.message}`);
        }
    };
    for (const name in uses) {
        if (!onlyImported.includes(name))
            await note(`require ${name}`, () => uses[name](require(name)));
        await note(`import ${name}`, async () => uses[name](await import(name)));
    }
    for (const name of sheets)
        await note(name, () => fs.statSync(require.resolve(name)).size > 1000);
    return `bad: [${bad.join('\n')}]`;
}

http.createServer(async (request, response) => response.end(await search()))
    .listen(process.env.PORT);
