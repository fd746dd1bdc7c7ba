/* warm.js - makes a node that was started before anybody needed it into the node of an app.
 *
 * `node --require` runs this before its own main module, which is then the app's: what the app
 * sees of require.main, process.argv, stack traces and exit codes is node's own doing. Nothing of
 * the app is read here, and everything is as after a cold start before its first line runs,
 * except what counts from the start of the process and cannot be set: performance.timeOrigin.
 * It begins outside of /app, for node remembers that there was no package.json where it began.
 *
 * The sandbox says ENTRY NUL, then NAME=VALUE NUL for each, then NUL, and ends its half. It hears
 * '.' when this waits, and '!' when the app is about to run.
 */
'use strict';

const Module = require('module'), {isMainThread} = require('worker_threads');

const HANDOVER = 3;             /* INIT_FD_HANDOVER */

function read(fs) {
    const piece = Buffer.alloc(65536), pieces = [];

    fs.writeSync(HANDOVER, '.');
    for (let size; (size = fs.readSync(HANDOVER, piece)) > 0;)
        pieces.push(Buffer.from(piece.subarray(0, size)));
    return Buffer.concat(pieces).toString();
}

function set_environment(pairs) {
    delete process.env.NODE_OPTIONS;
    process.env.PWD = process.env.HOME;
    for (const pair of pairs) {
        const at = pair.indexOf('=');
        process.env[pair.slice(0, at)] = pair.slice(at + 1);
    }
}

/* The first look at runMain is node's, on its way to the main module. */
function set_entry(entry) {
    const run = Module.runMain;
    const look = Object.getOwnPropertyDescriptor(Module, 'runMain');

    process.argv[1] = entry;
    Object.defineProperty(Module, 'runMain', {configurable: true, enumerable: true, get() {
        Object.defineProperty(Module, 'runMain', look);
        return run.bind(Module, entry);
    }});
}

/* One request is answered here, on no network and before any is waited for: what node loads and compiles
 * for an app's first answer, and its look for the time zone, are done by then. */
function warm_up() {
    const http = require('http'), {Duplex} = require('stream');
    const server = http.createServer((request, response) => {
        response.setHeader('Content-Type', 'text/plain');
        response.end('warm');
    });
    const line = new Duplex({read() {}, write(octets, encoding, done) { done(); }});

    server.listen('\0isekai-warm');
    server.close();
    server.emit('connection', line);
    line.emit('data', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'));
    line.destroy();
    module.parent.require('/isekai/egress.js');     /* which node is told to load next */
}

function set_uptime() {
    const since_boot = process.uptime, waited = since_boot();

    process.uptime = {uptime() { return since_boot() - waited; }}.uptime;
}

function become_app() {
    const fs = require('fs');

    warm_up();
    const said = read(fs);
    if (!said.endsWith('\0\0'))
        process.reallyExit(0);  /* the sandbox is gone */
    const [entry, ...pairs] = said.slice(0, -2).split('\0');
    set_environment(pairs);
    process.chdir(process.env.HOME);
    set_entry(entry);
    set_uptime();
    fs.writeSync(HANDOVER, '!');
    fs.closeSync(HANDOVER);
}

delete require.cache[__filename];
Object.defineProperty(process, '_preload_modules',
    {value: process._preload_modules.filter(path => path !== __filename)});
if (isMainThread)               /* an app's threads are told to require this too */
    become_app();
