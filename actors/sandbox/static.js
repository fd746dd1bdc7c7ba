/* static.js - serves the files of an app that has no code of its own; runs inside the cage.
 *
 * What its pages ask for below /node_modules/ and the app does not have, the host's modules may.
 */
'use strict';

const fs = require('fs');
const http = require('http');
const path = require('path');

const root = fs.realpathSync(process.cwd());
const modules = '/node_modules/';
const types = {
    '.css': 'text/css; charset=utf-8', '.csv': 'text/csv; charset=utf-8', '.gif': 'image/gif',
    '.html': 'text/html; charset=utf-8', '.ico': 'image/x-icon', '.jpeg': 'image/jpeg',
    '.jpg': 'image/jpeg', '.js': 'text/javascript; charset=utf-8', '.json': 'application/json',
    '.md': 'text/markdown; charset=utf-8', '.mjs': 'text/javascript; charset=utf-8',
    '.png': 'image/png', '.svg': 'image/svg+xml', '.txt': 'text/plain; charset=utf-8',
    '.wasm': 'application/wasm', '.webp': 'image/webp', '.woff2': 'font/woff2',
    '.xml': 'application/xml',
};

function refuse(response, status, text) {
    response.writeHead(status, {'Content-Type': 'text/plain; charset=utf-8'});
    response.end(text + '\n');
}

/* The files that may be behind a request's path, best first; none when it would lie outside. */
function locate(target) {
    let name;
    try {
        name = decodeURIComponent(target.split('?')[0].split('#')[0]);
    } catch (error) {
        return [];
    }
    if (name.includes('\0') || name.includes('\\'))
        return [];
    const file = path.join(root, name.endsWith('/') ? name + 'index.html' : name);
    if (!file.startsWith(root + path.sep))
        return [];
    const inside = file.slice(root.length);
    return inside.startsWith(modules) ? [file, inside] : [file];
}

function send(request, response, [file, ...others]) {
    fs.stat(file, (missing, about) => {
        if (missing && others.length > 0)
            return send(request, response, others);
        if (missing)
            return refuse(response, 404, 'Not found');
        if (about.isDirectory()) {
            response.writeHead(301, {Location: request.url.split('?')[0] + '/'});
            return response.end();
        }
        const type = types[path.extname(file).toLowerCase()] || 'application/octet-stream';
        response.writeHead(200, {'Content-Type': type, 'Content-Length': about.size,
                                 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-cache'});
        if (request.method === 'HEAD')
            return response.end();
        const stream = fs.createReadStream(file, {end: Math.max(about.size - 1, 0)});
        stream.on('error', () => response.destroy());
        return about.size === 0 ? response.end() : stream.pipe(response);
    });
}

http.createServer((request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.setHeader('Allow', 'GET, HEAD');
        return refuse(response, 405, 'Only GET and HEAD');
    }
    const files = locate(request.url);
    return files.length > 0 ? send(request, response, files) : refuse(response, 400, 'Bad path');
}).listen(Number(process.env.PORT));
