'use strict';
/* A small web server: files from a fixed list, a JSON API, and refusals that say what to do. */

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const HEADERS = {
    'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self'; " +
        "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'same-origin',
};

const TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.svg': 'image/svg+xml; charset=utf-8',
};

/* An answer other than success. `message` is shown to the person, so it says what to do. */
class Refusal extends Error {
    constructor(status, message, details) {
        super(message);
        this.status = status;
        this.details = details;
    }
}

/* Reads the listed files once. A request can only ever reach a name in this map. */
function loadAssets(directory, names) {
    const assets = new Map();
    for (const name of names) {
        const content = fs.readFileSync(path.join(directory, name));
        const asset = {
            content,
            type: TYPES[path.extname(name)],
            tag: `"${crypto.createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`,
        };
        assets.set(`/${name}`, asset);
        if (name === 'index.html') assets.set('/', asset);
    }
    return assets;
}

function send(request, response, status, headers, content) {
    response.writeHead(status, { ...HEADERS, ...headers, 'Content-Length': content.length });
    response.end(request.method === 'HEAD' ? undefined : content);
}

function sendJson(request, response, status, value, headers) {
    send(request, response, status, {
        'Content-Type': 'application/json; charset=utf-8',
        'Cache-Control': 'no-store',
        ...headers,
    }, Buffer.from(JSON.stringify(value)));
}

function sendAsset(request, response, asset) {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
        throw new Refusal(405, 'This address can only be read.');
    }
    const headers = { 'Content-Type': asset.type, 'Cache-Control': 'no-cache', ETag: asset.tag };
    if (request.headers['if-none-match'] === asset.tag) {
        response.writeHead(304, { ...HEADERS, ...headers });
        response.end();
        return;
    }
    send(request, response, 200, headers, asset.content);
}

/* The whole body, never more than `limit` bytes of it. The stream itself is left open, so that
 * a refusal can still be answered on it. */
function readBytes(request, limit) {
    return new Promise((resolve, reject) => {
        const parts = [];
        let size = 0;
        const refuseSize = () => {
            request.removeAllListeners('data');
            reject(new Refusal(413, `That is too large. At most ${limit.toLocaleString('en')} bytes can be sent.`));
        };
        if (Number(request.headers['content-length']) > limit) {
            refuseSize();
            return;
        }
        request.on('data', (part) => {
            size += part.length;
            if (size > limit) refuseSize();
            else parts.push(part);
        });
        request.on('end', () => resolve(Buffer.concat(parts)));
        request.on('error', reject);
        request.on('close', () => reject(new Refusal(400, 'The request ended too early.')));
    });
}

async function readText(request, limit) {
    const bytes = await readBytes(request, limit);
    try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
        throw new Refusal(400, 'The text is not valid UTF-8.');
    }
}

async function readJson(request, limit) {
    if (!/^application\/json\b/i.test(request.headers['content-type'] || '')) {
        throw new Refusal(415, 'Send JSON with the content type application/json.');
    }
    const text = await readText(request, limit);
    let value;
    try {
        value = JSON.parse(text);
    } catch {
        throw new Refusal(400, 'The request is not valid JSON.');
    }
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
        throw new Refusal(400, 'The request must be a JSON object.');
    }
    return value;
}

/* Other sites may not write here through the browser of someone who has the app open. */
function checkSameOrigin(request) {
    const site = request.headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') {
        throw new Refusal(403, 'Only the app itself may change its data.');
    }
}

async function answer(request, response, assets, routes) {
    let url;
    try {
        url = new URL(request.url, 'http://app.invalid');
    } catch {
        throw new Refusal(400, 'The address cannot be understood.');
    }
    const asset = assets.get(url.pathname);
    if (asset) {
        sendAsset(request, response, asset);
        return;
    }
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const here = routes.filter((route) => route.path.test(url.pathname));
    if (here.length === 0) throw new Refusal(404, 'There is nothing at this address.');
    const route = here.find((candidate) => candidate.method === method);
    if (!route) throw new Refusal(405, 'This address does not know that method.');
    if (method !== 'GET') checkSameOrigin(request);

    const result = await route.run({
        request,
        id: (route.path.exec(url.pathname) || [])[1],
        query: url.searchParams,
    });
    if (result.text === undefined) {
        sendJson(request, response, result.status || 200, result.json || {});
    } else {
        send(request, response, result.status || 200,
             { 'Cache-Control': 'no-store', ...result.headers }, Buffer.from(result.text));
    }
}

function refuse(request, response, error) {
    let refusal = error;
    if (!(error instanceof Refusal)) {
        if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
            refusal = new Refusal(507, 'There is no room left to save this. Delete something first.');
        } else {
            console.error(`request_failed method=${request.method} error=${error.message}`);
            refusal = new Refusal(500, 'The app could not do that. Try again in a moment.');
        }
    }
    if (response.headersSent || response.destroyed) {
        response.destroy();
        return;
    }
    /* A body that was not read to its end leaves the connection unusable. */
    const headers = request.complete ? {} : { Connection: 'close' };
    sendJson(request, response, refusal.status,
             { error: refusal.message, ...refusal.details }, headers);
    request.resume();
}

function createServer(assets, routes) {
    const server = http.createServer((request, response) => {
        answer(request, response, assets, routes)
            .catch((error) => refuse(request, response, error));
    });
    server.headersTimeout = 10_000;
    server.requestTimeout = 60_000;
    server.keepAliveTimeout = 65_000;
    server.maxConnections = 256;
    return server;
}

/* Listens until SIGTERM or SIGINT, lets running requests end, then leaves with code 0. */
function listen(server) {
    const port = Number(process.env.PORT || 3000);
    const host = process.env.HOST || '0.0.0.0';
    const stop = () => {
        server.close(() => process.exit(0));
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), 3_000).unref();
    };
    server.on('error', (error) => {
        console.error(`not_listening port=${port} error=${error.message}`);
        process.exit(1);
    });
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    server.listen(port, host, () => console.log(`listening on http://${host}:${port}`));
}

module.exports = { Refusal, loadAssets, createServer, listen, readText, readJson };
