/* egress.js - loaded before an app's own code: connections out go through the app's way out.
 *
 * The network of a cage ends at loopback. A socket that is asked to connect to another host connects to
 * the proxy's UNIX socket instead, says CONNECT host:port, and is handed to the app once the proxy has
 * said 200. So net, tls, http, https, fetch and what is built on them work as ever, for what is granted.
 * This is a convenience and no barrier: an app that goes around it has no network at all.
 */
'use strict';

const net = require('net');

const DOOR = '/isekai/egress.sock';
const HEAD_MAX = 8192;

function isNear(host) {
    return !host || host === 'localhost' || host === '0.0.0.0' || host === '::' || host === '::1' ||
        (net.isIPv4(host) && host.startsWith('127.')) || /^::ffff:127\./i.test(host);
}

/* What the answer means as an error that a program can test and a person can act on. */
function errorOf(answer, target) {
    const end = answer.indexOf('\r\n\r\n');
    const code = /\r\nx-egress-code: *([A-Z_]+)\r\n/i.exec(answer);
    const reason = end < 0 ? '' : answer.slice(end + 4).trim();
    const error = new Error(reason || `the way out to ${target.host}:${target.port} ended`);
    error.code = code ? code[1] : 'ECONNRESET';
    error.syscall = 'connect';
    error.hostname = error.host = target.host;
    error.port = target.port;
    return error;
}

/* Between the proxy's socket and the app stand two functions of the socket, until the proxy has answered:
 * `push`, which gets what is read, and `emit`, which would tell the app that it is connected. */
function speakFirst(socket, target) {
    const own = {emit: Object.getOwnPropertyDescriptor(socket, 'emit'),
                 push: Object.getOwnPropertyDescriptor(socket, 'push')};
    const emit = socket.emit;
    let answer = '';

    function restore() {
        for (const name of ['emit', 'push'])
            if (own[name])
                Object.defineProperty(socket, name, own[name]);
            else
                delete socket[name];
    }

    function refused() {
        restore();
        socket.destroy(errorOf(answer, target));
    }

    function accepted(rest) {
        restore();
        socket.connecting = false;
        socket.emit('connect');
        socket.emit('ready');
        if (rest.length > 0)
            socket.push(Buffer.from(rest, 'latin1'));
        if (!socket.destroyed && !socket.isPaused())
            socket.read(0);
    }

    function hear(chunk) {
        if (chunk === null) {
            refused();
            return false;
        }
        answer += chunk.toString('latin1');
        const end = answer.indexOf('\r\n\r\n');
        if (end < 0 && answer.length > HEAD_MAX)
            refused();
        else if (end >= 0 && /^HTTP\/1\.1 200 /.test(answer))
            accepted(answer.slice(end + 4));
        return true;
    }

    function speak() {
        const host = net.isIPv6(target.host) ? `[${target.host}]` : target.host;
        socket.push = hear;
        socket._writeGeneric(false, `CONNECT ${host}:${target.port} HTTP/1.1\r\n\r\n`, 'latin1',
            () => {});
        socket.connecting = true;       /* what the app writes and reads waits for `connect` */
        socket._handle.reading = true;
        socket._handle.readStart();
    }

    socket.emit = function (event, ...values) {
        if (event === 'connect') {
            speak();
            return true;
        }
        if (event === 'ready')
            return true;
        if (event === 'error' || event === 'close')
            restore();
        return emit.call(this, event, ...values);
    };
}

/* The forms of connect(): (options[, done]), (port[, host][, done]), (path[, done]), and what net makes of
 * them itself, [options, done]. */
function optionsOf(values) {
    let [first, second] = values;
    if (Array.isArray(first))
        [first, second] = first;
    if (first !== null && typeof first === 'object')
        return first;
    if (typeof first === 'number' || (typeof first === 'string' && /^\d+$/.test(first)))
        return {port: Number(first), host: typeof second === 'string' ? second : undefined};
    return {path: first};
}

function doneOf(values) {
    const last = Array.isArray(values[0]) ? values[0][1] : values[values.length - 1];
    return typeof last === 'function' ? last : undefined;
}

function isFar(options) {
    return !options.path && options.port !== undefined && !isNear(options.host);
}

/* A TLS socket has its own way to speak and may not be spoken for: it connects to a listener of its own
 * on loopback, behind which stands the socket that goes out. So tls need not be loaded for this. */
function bridge(secure, target) {
    const far = new net.Socket({allowHalfOpen: true});
    const server = net.createServer({allowHalfOpen: true}, (near) => {
        server.close();
        near.unref();
        near.on('error', () => far.destroy());
        near.on('close', () => far.destroy());
        far.on('close', () => near.destroy());
        near.pipe(far);
        far.pipe(near);
    });

    server.listen({port: 0, exclusive: true});
    server.unref();
    far.on('error', (error) => secure.destroy(error));
    secure.once('close', () => {
        far.destroy();
        server.close();
    });
    far.connect(target);
    far.unref();
    return server.address().port;
}

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...values) {
    const options = optionsOf(values);
    const done = doneOf(values);
    if (!isFar(options))
        return connect.apply(this, values);
    const target = {host: String(options.host), port: Number(options.port)};
    if (done)
        this.once('connect', done);
    if (this.encrypted)
        return connect.call(this, {host: '127.0.0.1', port: bridge(this, target)});
    speakFirst(this, target);
    return connect.call(this, {path: DOOR});
};
