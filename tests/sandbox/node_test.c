/* node_test - what templates and common programs use of Node.js works inside a cage.
 *
 * Method: one app tries each in turn and says what failed. SANDBOX_NODE_PATH chooses the Node.js;
 * `tests/end_to_end/node_test.py` runs this with each that is promised.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/sandbox/rig.h"

static const char server[] =
    "const fs = require('fs'), os = require('os'), http = require('http'), path = require('path');\n"
    "const tries = {\n"
    "  threads: () => new Promise((done, fail) => { const {Worker} = require('worker_threads');\n"
    "    const w = new Worker('require(\"worker_threads\").parentPort.postMessage(42)',"
    " {eval: true}); w.on('message', m => m === 42 ? done() : fail(m)); w.on('error', fail); }),\n"
    "  crypto: async () => { const c = require('crypto'); c.randomBytes(32);"
    " c.scryptSync('a', 'b', 32); await new Promise((d, f) => c.generateKeyPair('ed25519', {},"
    " e => e ? f(e) : d())); await c.webcrypto.subtle.digest('SHA-256', Buffer.from('x')); },\n"
    "  watch: () => new Promise((done, fail) => { const w = fs.watch('/data', () => { w.close();"
    " done(); }); w.on('error', fail); fs.writeFileSync('/data/watched', 'x'); }),\n"
    "  files: async () => { const p = fs.promises; await p.mkdir('/data/a/b', {recursive: true});"
    " await p.writeFile('/data/a/b/c', 'x'); await p.copyFile('/data/a/b/c', '/data/a/d');"
    " await p.rename('/data/a/d', '/data/a/e'); await p.truncate('/data/a/e', 100);"
    " await p.utimes('/data/a/e', 1, 2); await p.chmod('/data/a/e', 0o600);"
    " await p.symlink('e', '/data/a/l'); await p.readlink('/data/a/l'); await p.realpath('/data/a/l');"
    " for await (const d of await p.opendir('/data/a')) d.isFile(); await p.statfs?.('/data');"
    " await p.cp('/data/a', '/data/z', {recursive: true}); const h = await p.open('/data/a/e', 'r+');"
    " await h.sync(); await h.datasync(); await h.close(); await p.rm('/data/a', {recursive: true});"
    " await p.rm('/data/z', {recursive: true}); },\n"
    "  interfaces: () => { if (!os.networkInterfaces().lo) throw Error('no lo'); },\n"
    "  machine: () => { os.cpus(); os.freemem(); os.loadavg(); os.userInfo(); os.hostname();"
    " os.setPriority(5); os.availableParallelism?.(); process.memoryUsage(); process.resourceUsage();"
    " process.cpuUsage(); process.report.getReport(); },\n"
    "  http2: () => new Promise((done, fail) => { const h = require('http2');"
    " const s = h.createServer(); s.on('stream', t => { t.respond({':status': 200}); t.end('x'); });"
    " s.listen(0, '127.0.0.1', () => { const c = h.connect('http://127.0.0.1:' + s.address().port);"
    " c.on('error', fail); const r = c.request({':path': '/'}); r.on('data', () => 0);"
    " r.on('end', () => { c.close(); s.close(); done(); }); }); }),\n"
    "  fetch: async () => { const s = http.createServer((q, r) => r.end('x')); await new Promise(d =>"
    " s.listen(0, '127.0.0.1', d)); const r = await fetch('http://127.0.0.1:' + s.address().port);"
    " if (await r.text() !== 'x') throw Error('text'); s.closeAllConnections(); s.close(); },\n"
    "  websocket: () => new Promise((done, fail) => { if (!globalThis.WebSocket) return done();\n"
    "    const s = http.createServer(); s.on('upgrade', (q, c) => c.write('HTTP/1.1 101 x\\r\\n' +\n"
    "      'Upgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' +\n"
    "      require('crypto').createHash('sha1').update(q.headers['sec-websocket-key'] +\n"
    "      '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64') + '\\r\\n\\r\\n\\x81\\x02hi', 'latin1'));\n"
    "    s.listen(0, '127.0.0.1', () => { const w = new WebSocket('ws://127.0.0.1:' + s.address().port);\n"
    "      w.onerror = fail; w.onmessage = (m) => { w.close(); s.closeAllConnections(); s.close();\n"
    "        m.data === 'hi' ? done() : fail(m.data); }; }); }),\n"
    "  localhost: async () => { const r = await require('dns').promises.lookup('localhost');"
    " if (r.address !== '127.0.0.1') throw Error(r.address); },\n"
    "  udp: () => new Promise((done, fail) => { const u = require('dgram').createSocket('udp4');"
    " u.on('error', fail); u.on('message', () => { u.close(); done(); });"
    " u.bind(0, '127.0.0.1', () => u.send('x', u.address().port, '127.0.0.1')); }),\n"
    "  unix: () => new Promise((done, fail) => { const s = require('net').createServer(c => c.end());"
    " s.listen('/tmp/s', () => { const c = require('net').connect('/tmp/s'); c.on('error', fail);"
    " c.on('close', () => { s.close(); done(); }); c.resume(); }); }),\n"
    "  child: () => new Promise((done, fail) => { const c = require('child_process').fork("
    "path.join('/app', 'child.js')); c.on('message', m => m === 'hi' ? done() : fail(m));"
    " c.on('error', fail); }),\n"
    "  zlib: async () => { const z = require('zlib'); await require('util').promisify(z.gzip)("
    "Buffer.alloc(100000)); z.brotliCompressSync('x'); },\n"
    "  wasm: () => { new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)); },\n"
    "  intl: () => { new Intl.DateTimeFormat('de', {timeZone: 'Europe/Berlin'}).format(0); },\n"
    "  esm: async () => { await import('/app/module.mjs'); },\n"
    "  timers: () => new Promise(d => setTimeout(() => setImmediate(() => process.nextTick(d)), 5)),\n"
    "  streams: async () => { await require('stream/promises').pipeline(fs.createReadStream("
    "process.execPath, {end: 1 << 20}), fs.createWriteStream('/data/s')); },\n"
    "};\n"
    "http.createServer(async (q, r) => { const bad = [];\n"
    "  for (const name in tries) try { await Promise.race([tries[name](), new Promise((d, f) =>"
    " setTimeout(() => f(Error('timeout')), 15000).unref())]); }\n"
    "  catch (e) { bad.push(name + ': ' + (e && e.stack || e)); }\n"
    "  r.end(process.version + ' bad: [' + bad.join('\\n') + ']'); }).listen(process.env.PORT);\n";

static void test_what_programs_use(void **state)
{
    static struct rig rig;
    const struct run_config config = {.cpu_percent = 100};
    const struct file files[] = {
        {.path = TEXT_OF("server.js"), .content = {server, sizeof server - 1}},
        {.path = TEXT_OF("child.js"), .content = TEXT_OF("process.send('hi');")},
        {.path = TEXT_OF("module.mjs"), .content = TEXT_OF("export default await 1;")},
    };

    (void) state;
    rig_make(&rig);
    rig_open(&rig);
    if (!rig_start_files(&rig, "app", 1, (struct files){files, 3}, &config))
        fail_msg("%s\n%s", rig.fault.reason, rig_failure_log(&rig));
    assert_true(rig_ask(&rig, "app", "/"));
    if (!strstr(rig.answer, "bad: []"))
        fail_msg("%s", rig.answer);
    rig_remove(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_programs_use)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
