"""The whole line over HTTP: a sentence in, a running caged app out, changed, stopped, removed."""
import gzip
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import time
import unittest

from product import BIN, Product, wait_for

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "X-XSS-Protection": "1; mode=block",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "Referrer-Policy": "no-referrer",
    "X-DNS-Prefetch-Control": "off",
    "X-Download-Options": "noopen",
    "X-Permitted-Cross-Domain-Policies": "none",
}
SERVER = """
const http = require('http');
console.log('hello from the app');
http.createServer((q, r) => { r.end('one'); }).listen(process.env.PORT);
"""


class Flow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.product = Product(settings={"apps_rate_limit": 100000, "sandbox_rate_limit": 100000})
        cls.product.start()

    @classmethod
    def tearDownClass(cls):
        cls.product.__exit__(None, None, None)

    def generate(self, prompt, **more):
        answer = self.product.http("POST", "/api/apps/generate", {"prompt": prompt, **more})
        self.assertEqual(answer.status, 201, answer)
        return answer.json()

    def execute(self, app_id, files, expect=201):
        answer = self.product.http("POST", "/api/sandbox/execute", {"appId": app_id, "files": files})
        self.assertEqual(answer.status, expect, answer)
        return answer.json()

    def test_health_is_exact(self):
        answer = self.product.http("GET", "/api/health")
        self.assertEqual(answer.status, 200)
        self.assertRegex(answer.body.decode(), re.compile(
            r'^\{"status":"ok","services":\{"backend":"ok","database":"ok","planner":"ok",'
            r'"sandbox":"ok","audit":"ok"\},"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"\}$'))

    def test_security_headers_everywhere(self):
        for method, path in [("GET", "/api/health"), ("GET", "/"), ("GET", "/api/nothing"),
                             ("DELETE", "/api/health"), ("GET", "/api/apps?limit=0")]:
            answer = self.product.http(method, path)
            for name, value in HEADERS.items():
                self.assertEqual(answer.headers[name], value, (method, path, name))
            self.assertIn("default-src 'self'", answer.headers["Content-Security-Policy"])
            self.assertIsNone(answer.headers["Server"], path)
            self.assertIsNone(answer.headers["Strict-Transport-Security"], path)

    def test_generate_preview_get_list_delete(self):
        app = self.generate("Create a CSV viewer app", context={"title": "Sales & <Costs>"})
        self.assertEqual(app["status"], "running")
        self.assertEqual(app["name"], "Sales & <Costs>")
        self.assertEqual(app["version"], 1)
        self.assertIn("server.js", app["code"]["files"])
        page = self.product.preview(app)
        self.assertEqual(page.status, 200)
        self.assertIn("Sales &amp; &lt;Costs&gt;", page.body.decode())
        self.assertNotIn("<Costs>", page.body.decode())
        self.assertEqual(page.headers["X-Content-Type-Options"], "nosniff")
        got = self.product.http("GET", f"/api/apps/{app['id']}")
        self.assertEqual(got.json(), app)
        same = self.product.http("GET", f"/api/apps/{app['id']}",
                                 headers={"If-None-Match": got.headers["ETag"]})
        self.assertEqual((same.status, same.body), (304, b""))
        listed = self.product.http("GET", "/api/apps?limit=100").json()
        mine = [row for row in listed["apps"] if row["id"] == app["id"]]
        self.assertEqual(len(mine), 1)
        self.assertNotIn("code", mine[0])
        self.assertEqual(self.product.http("DELETE", f"/api/apps/{app['id']}").status, 204)
        gone = self.product.http("GET", f"/api/apps/{app['id']}")
        self.assertEqual((gone.status, gone.json()["error"]), (404, "App not found"))
        self.assertEqual(self.product.preview(app).status, 404)
        self.assertFalse(os.path.exists(f"{self.product.data}/runtime/apps/{app['id']}"))

    def test_modify_keeps_the_rest_byte_identical(self):
        app = self.generate("Create a todo list")
        files = app["code"]["files"]
        answer = self.product.http("PATCH", f"/api/apps/{app['id']}",
                                   {"prompt": "Change the title to Foo Bar"})
        self.assertEqual(answer.status, 200, answer)
        changed = answer.json()
        self.assertEqual((changed["name"], changed["version"]), ("Foo Bar", 2))
        self.assertEqual({p for p in files if files[p] != changed["code"]["files"][p]},
                         {"public/index.html"})
        self.assertIn("<title>Foo Bar</title>", self.product.preview(app).body.decode())
        answer = self.product.http("PATCH", f"/api/apps/{app['id']}",
                                   {"changes": {"NOTES.md": "kept\n"}})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(set(answer.json()["code"]["files"]), set(files) | {"NOTES.md"})
        answer = self.product.http("PATCH", f"/api/apps/{app['id']}",
                                   {"changes": {"NOTES.md": None}})
        self.assertEqual(set(answer.json()["code"]["files"]), set(files))
        nothing = self.product.http("PATCH", f"/api/apps/{app['id']}", {})
        self.assertEqual((nothing.status, nothing.json()["version"]), (200, 4))

    def test_if_match(self):
        app = self.generate("Make a dashboard")
        path = f"/api/apps/{app['id']}"
        stale = self.product.http("PATCH", path, {"changes": {"a.txt": "1"}}, {"If-Match": '"7"'})
        self.assertEqual(stale.status, 412, stale)
        good = self.product.http("PATCH", path, {"changes": {"a.txt": "1"}}, {"If-Match": '"1"'})
        self.assertEqual(good.status, 200, good)
        for tag in ['"2x"', '"2', '"', '"2.', '".2"', '"-2"', "two"]:
            bad = self.product.http("PATCH", path, {}, {"If-Match": tag})
            self.assertEqual(bad.status, 412, tag)

    def test_an_etag_names_one_state_of_an_app(self):
        app = self.generate("Make a dashboard")
        path = f"/api/apps/{app['id']}"

        def get(etag=None, kind="application/json"):
            return self.product.http("GET", path, headers={
                "Accept": kind, **({"If-None-Match": etag} if etag else {})})
        running = get().headers["ETag"]
        self.assertRegex(running, r'^"1\.[0-9a-f]+"$')
        self.assertEqual(get(running).status, 304)
        packed = get(kind="application/msgpack").headers["ETag"]
        self.assertNotEqual(packed, running)
        self.assertEqual(get(packed, "application/msgpack").status, 304)
        stopped = self.product.http("POST", path + "/stop")
        changed = get(running)      # the version is the same, the status is not
        self.assertEqual((changed.status, changed.json()["status"]), (200, "stopped"), changed)
        self.assertEqual(changed.headers["ETag"], stopped.headers["ETag"])
        self.assertEqual(get(f'"9.1", W/{changed.headers["ETag"]}').status, 304)
        # a change that was begun on the running app is still a change of this version
        patched = self.product.http("PATCH", path, {"changes": {"a.txt": "1"}}, {"If-Match": running})
        self.assertEqual((patched.status, patched.json()["version"]), (200, 2), patched)
        for tag in [running, packed, stopped.headers["ETag"]]:
            late = self.product.http("PATCH", path, {"changes": {"a.txt": "2"}}, {"If-Match": tag})
            self.assertEqual(late.status, 412, late)
        tag = patched.headers["ETag"]
        last = self.product.http("PATCH", path, {"changes": {"a.txt": "2"}}, {"If-Match": tag})
        self.assertEqual((last.status, last.json()["version"]), (200, 3), last)

    def test_large_json_is_packed_for_those_who_accept_it(self):
        files = {"index.html": "<p>hello</p>", "big.js": "const line = 'much of the same';\n" * 400}
        made = self.product.http("POST", "/api/sandbox/execute", {"appId": "packed", "files": files})
        self.assertEqual(made.status, 201, made)
        path = "/api/apps/packed"
        plain = self.product.http("GET", path)
        packed = self.product.http("GET", path, headers={"Accept-Encoding": "br, gzip"})
        self.assertNotIn("content-encoding", plain.headers)
        self.assertEqual(packed.headers["content-encoding"], "gzip")
        self.assertIn("Accept-Encoding", packed.headers["vary"])
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        self.assertLess(len(packed.body), len(plain.body) / 4)
        self.assertNotEqual(packed.headers["etag"], plain.headers["etag"])
        again = self.product.http("GET", path, headers={"Accept-Encoding": "gzip",
                                                        "If-None-Match": packed.headers["etag"]})
        self.assertEqual(again.status, 304, again)
        other = self.product.http("GET", path, headers={"If-None-Match": packed.headers["etag"]})
        self.assertEqual((other.status, other.body), (200, plain.body))
        small = self.product.http("GET", "/api/health", headers={"Accept-Encoding": "gzip"})
        self.assertNotIn("content-encoding", small.headers)
        patched = self.product.http("PATCH", path, {}, headers={"If-Match": packed.headers["etag"]})
        self.assertEqual(patched.status, 200, patched)

    def test_add_sorting_keeps_a_csv_viewer_a_csv_viewer(self):
        app = self.generate("Create a CSV viewer app")
        changed = self.product.http("PATCH", f"/api/apps/{app['id']}", {"prompt": "Add sorting"})
        self.assertEqual(changed.status, 200, changed)
        before, after = app["code"]["files"], changed.json()["code"]["files"]
        self.assertEqual(set(before), set(after))
        differing = {p for p in before if before[p] != after[p]}
        self.assertTrue(differing and differing < set(before), differing)
        for path in differing:      # only lines added, none lost
            lines = iter(after[path].split("\n"))
            self.assertTrue(all(line in lines for line in before[path].split("\n")), path)

    def test_a_broken_change_leaves_the_old_version_serving(self):
        app_id = "broken-change"
        self.execute(app_id, {"server.js": SERVER})
        url = f"http://{app_id}.localhost:{self.product.port}/"
        self.assertEqual(self.product.preview(url).body, b"one")
        answer = self.product.http("PATCH", f"/api/apps/{app_id}", {"changes": {
            "server.js": "console.error('cannot go on'); process.exit(3)"}})
        self.assertEqual(answer.status, 422, answer)
        problem = answer.json()
        self.assertEqual(problem["code"], "start_failed")
        self.assertIn("cannot go on", json.dumps(problem["log"]))
        self.assertIn("server.js", json.dumps(problem["details"]))
        self.assertEqual(problem["diff"], "--- a/server.js\n+++ b/server.js\n@@ -1,4 +1,1 @@\n" +
                         "".join(f"-{line}\n" for line in SERVER.split("\n")[:-1]) +
                         "+console.error('cannot go on'); process.exit(3)\n"
                         "\\ No newline at end of file\n")
        self.assertEqual(self.product.preview(url).body, b"one")
        app = self.product.http("GET", f"/api/apps/{app_id}").json()
        self.assertEqual((app["status"], app["version"]), ("running", 1))
        # the next change takes the failed one's number, and nothing of its files
        mended = self.product.http("PATCH", f"/api/apps/{app_id}", {"changes": {
            "server.js": SERVER.replace("'one'", "'two'")}})
        self.assertEqual((mended.status, mended.json()["version"]), (200, 2), mended)
        self.assertEqual(self.product.preview(url).body, b"two")

    def test_an_app_that_cannot_start_is_422_with_its_log(self):
        problem = self.execute("never-up", {"server.js": "throw new Error('no luck today')"}, 422)
        self.assertEqual(problem["code"], "start_failed")
        self.assertIn("no luck today", json.dumps(problem["log"]))
        app = self.product.http("GET", "/api/apps/never-up").json()
        self.assertEqual(app["status"], "error")
        self.assertIn("metadata", app)
        self.assertEqual(self.product.preview(f"http://never-up.localhost:{self.product.port}/").status,
                         503)

    def test_stop_start_keeps_data(self):
        app = self.generate("a todo list please")
        path = f"/api/apps/{app['id']}"
        data = pathlib.Path(self.product.data, "runtime/apps", app["id"], "data")
        self.assertTrue(data.is_dir())
        (data / "kept.txt").write_text("still here")
        stopped = self.product.http("POST", path + "/stop")
        self.assertEqual((stopped.status, stopped.json()["status"]), (200, "stopped"), stopped)
        self.assertEqual(self.product.preview(app).status, 503)
        started = self.product.http("POST", path + "/start")
        self.assertEqual((started.status, started.json()["status"]), (200, "running"), started)
        self.assertEqual(self.product.preview(app).status, 200)
        self.assertEqual((data / "kept.txt").read_text(), "still here")

    def test_logs(self):
        self.execute("talker", {"server.js": SERVER})
        answer = self.product.http("GET", "/api/apps/talker/logs?tail=10")
        self.assertEqual(answer.status, 200, answer)
        self.assertIn("hello from the app", [row["line"] for row in answer.json()["logs"]])
        last = answer.json()["logs"][-1]["seq"]
        later = self.product.http("GET", f"/api/apps/talker/logs?after={last}").json()
        self.assertEqual(later["logs"], [])

    def test_sandbox_routes(self):
        self.execute("box-1", {"server.js": SERVER})
        state = self.product.http("GET", "/api/sandbox/apps/box-1").json()
        self.assertEqual((state["id"], state["status"]), ("box-1", "running"))
        self.assertGreaterEqual(state["port"], 9000)
        changed = self.product.http("PATCH", "/api/sandbox/apps/box-1",
                                    {"files": {"server.js": SERVER.replace("'one'", "'two'")}})
        self.assertEqual((changed.status, changed.json()["status"]), (200, "updated"), changed)
        self.assertEqual(self.product.preview(f"http://box-1.localhost:{self.product.port}/").body,
                         b"two")
        self.assertEqual(self.product.http("DELETE", "/api/sandbox/apps/box-1").status, 204)
        self.assertEqual(self.product.http("GET", "/api/sandbox/apps/box-1").status, 404)

    def test_static_files_are_served(self):
        self.execute("just-html", {"index.html": "<h1>plain</h1>"})
        page = self.product.preview(f"http://just-html.localhost:{self.product.port}/")
        self.assertEqual(page.status, 200)
        self.assertIn(b"<h1>plain</h1>", page.body)

    def test_suggestions(self):
        app = self.generate("a todo list")
        path = f"/api/apps/{app['id']}"
        answer = self.product.http("POST", path + "/actions", {"action": "search", "target": "tasks"})
        self.assertEqual(answer.status, 200, answer)
        suggestions = answer.json()["suggestions"]
        self.assertTrue(suggestions)
        other = self.generate("a todo list")
        again = self.product.http("POST", f"/api/apps/{other['id']}/actions", {"action": "search"})
        self.assertFalse({s["id"] for s in suggestions} &
                         {s["id"] for s in again.json()["suggestions"]})
        applied = self.product.http("POST", path + "/apply", {"suggestionId": suggestions[0]["id"]})
        self.assertEqual((applied.status, applied.json()["version"]), (200, 2), applied)
        stale = self.product.http("POST", path + "/apply", {"suggestionId": suggestions[0]["id"]})
        self.assertEqual(stale.status, 409, stale)
        unknown = self.product.http("POST", path + "/apply", {"suggestionId": "nothing"})
        self.assertEqual(unknown.status, 404, unknown)

    def test_idempotency_key(self):
        headers = {"Idempotency-Key": "key-1"}
        body = {"prompt": "Create a dashboard"}
        first = self.product.http("POST", "/api/apps/generate", body, headers)
        second = self.product.http("POST", "/api/apps/generate", body, headers)
        self.assertEqual((first.status, second.status), (201, 201), (first, second))
        self.assertEqual(first.json()["id"], second.json()["id"])
        other = self.product.http("POST", "/api/apps/generate", {"prompt": "another"}, headers)
        self.assertEqual((other.status, other.json()["code"]), (422, "key_reused"), other)
        # the answer is the first one, octet by octet, though the app has changed since
        path = f"/api/apps/{first.json()['id']}"
        changed = self.product.http("PATCH", path, {"changes": {"NOTES.md": "later\n"}})
        self.assertEqual(changed.status, 200, changed)
        self.assertEqual(self.product.http("POST", path + "/stop").status, 200)
        self.assertEqual(self.product.http("POST", "/api/apps/generate", body, headers).body,
                         first.body)
        # the app is removed: told so, and nothing is made again
        self.assertEqual(self.product.http("DELETE", path).status, 204)
        known = self.product.http("GET", "/api/apps").json()["total"]
        gone = self.product.http("POST", "/api/apps/generate", body, headers)
        self.assertEqual((gone.status, gone.json()["code"]), (404, "app_not_found"), gone)
        self.assertEqual(self.product.http("GET", "/api/apps").json()["total"], known)

    def test_idempotency_key_of_execute(self):
        headers = {"Idempotency-Key": "key-2"}
        body = {"appId": "keyed", "files": {"server.js": SERVER}}
        first = self.product.http("POST", "/api/sandbox/execute", body, headers)
        self.assertEqual(first.status, 201, first)
        again = self.product.http("POST", "/api/sandbox/execute", body, headers)
        self.assertEqual((again.status, again.body), (201, first.body))
        broken = {"appId": "keyed-badly", "files": {"server.js": "throw new Error('no')"}}
        headers = {"Idempotency-Key": "key-3"}
        answers = [self.product.http("POST", "/api/sandbox/execute", broken, headers).json()
                   for _ in range(2)]
        self.assertEqual(answers[0]["code"], "start_failed", answers)
        for answer in answers:
            del answer["requestId"]
        self.assertEqual(answers[0], answers[1])

    def test_websocket_through_the_preview(self):
        server = """
const http = require('http'), crypto = require('crypto');
const s = http.createServer((q, r) => r.end('ok'));
s.on('upgrade', (q, c) => {
  const key = crypto.createHash('sha1').update(q.headers['sec-websocket-key'] +
    '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  c.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
    'Sec-WebSocket-Accept: ' + key + '\\r\\n\\r\\n');
  c.on('data', (d) => c.write(d));
  c.on('error', () => {});
});
s.listen(process.env.PORT);
"""
        self.execute("echoes", {"server.js": server})
        with socket.create_connection(("127.0.0.1", self.product.port), 10) as client:
            client.sendall((f"GET /x HTTP/1.1\r\nHost: echoes.localhost:{self.product.port}\r\n"
                            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.assertIn(b" 101 ", head.split(b"\r\n")[0])
            self.assertIn(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", head)
            for frame in [b"\x82\x05hello", b"\x82\x03abc"]:
                client.sendall(frame)
                got = b""
                while len(got) < len(frame):
                    got += client.recv(4096)
                self.assertEqual(got, frame)

    def upgrade(self, app):
        client = socket.create_connection(("127.0.0.1", self.product.port), 10)
        self.addCleanup(client.close)
        client.sendall((f"GET /x HTTP/1.1\r\nHost: {app}.localhost:{self.product.port}\r\n"
                        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
        self.assertIn(b" 101 ", client.recv(4096).split(b"\r\n")[0])
        return client

    def under_way(self, product=None):
        text = (product or self.product).http("GET", "/metrics").body.decode()
        return int(re.search(r"^isekai_previews_under_way (\d+)$", text, re.M)[1])

    def gateway_cpu(self):
        with open(f"/proc/{self.product.role_pid('gateway')}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_a_websocket_that_lost_an_end(self):
        """One whose caller is gone ends though its app reads nothing; one whose app is gone waits for its
        caller without work."""
        silent = """
let left = () => 0;
const s = require('http').createServer((q, r) => r.end(String(left())));
s.on('upgrade', (q, c) => { c.on('error', () => {}); c.pause(); left = () => c.writableLength;
  c.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n');
  if (q.url === '/x' && process.env.FILL) c.write(Buffer.alloc(16 << 20)); });
s.listen(process.env.PORT);
"""
        self.execute("silent", {"server.js": silent})
        client = self.upgrade("silent")
        client.setblocking(False)
        with self.assertRaises(BlockingIOError):
            for _ in range(10000):
                client.send(bytes(65536))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()                                  # a reset
        wait_for(lambda: self.under_way() == 0, 10, "the connection has ended")
        self.execute("talker", {"server.js": silent.replace("process.env.FILL", "true")})
        self.upgrade("talker")                          # which reads no more
        seen = [-1]

        def is_stuck():
            seen.append(int(self.product.preview(f"http://talker.localhost:{self.product.port}/").body))
            return seen[-1] == seen[-2] > 0
        wait_for(is_stuck, 10, "what the app says goes nowhere")
        self.assertEqual(self.product.http("POST", "/api/apps/talker/stop").status, 200)
        before = self.gateway_cpu()
        time.sleep(1)                                   # what is measured is the work of a second
        self.assertLess(self.gateway_cpu() - before, 0.5)
        self.assertEqual(self.under_way(), 1)

    def test_one_app_does_not_take_all_places(self):
        """Beyond its bound an app's visitors are told to come again; other apps' are not."""
        waits = "require('http').createServer((q, r) => q.url === '/' && r.end('ok')).listen(process.env.PORT);"
        with Product(settings={"preview_requests_max": 4, "sandbox_warm_cages": 0}) as product:
            for app in ["crowded", "quiet"]:
                made = product.http("POST", "/api/sandbox/execute", {"appId": app, "files": {"server.js": waits}})
                self.assertEqual(made.status, 201, made)
            host = f"crowded.localhost:{product.port}"
            waiting = [socket.create_connection(("127.0.0.1", product.port), 10) for _ in range(4)]
            for client in waiting:
                client.sendall(f"GET /never HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            wait_for(lambda: self.under_way(product) == 4, 10, "its places are taken")
            self.assertEqual(product.preview(f"http://{host}/").status, 503)
            self.assertIn("Retry-After", product.preview(f"http://{host}/").headers)
            self.assertEqual(product.preview(f"http://quiet.localhost:{product.port}/").status, 200)
            for client in waiting:
                client.close()
            wait_for(lambda: product.preview(f"http://{host}/").status == 200, 10, "they are free again")

    def test_bodies_stream_both_ways(self):
        server = """
const http = require('http');
http.createServer((q, r) => {
  if (q.url === '/count') { let n = 0; q.on('data', d => n += d.length); q.on('end', () => r.end(String(n))); }
  else { r.writeHead(200, {'Content-Type': 'application/octet-stream'});
         const block = Buffer.alloc(65536, 120); let left = 320;
         (function more() { while (left-- > 0) if (!r.write(block)) return r.once('drain', more); r.end(); })(); }
}).listen(process.env.PORT);
"""
        self.execute("streams", {"server.js": server})
        url = f"http://streams.localhost:{self.product.port}/"
        big = b"y" * (20 << 20)
        counted = self.product.preview(url, "POST", "/count", big)
        self.assertEqual(counted.body, str(len(big)).encode())
        self.assertEqual(len(self.product.preview(url, "GET", "/down").body), 320 * 65536)

    def test_each_command_says_its_words(self):
        for command, words in [("up", ""), ("generate", "PROMPT"), ("apps", ""), ("logs", "ID"),
                               ("secrets", "ID [set NAME | remove NAME]"),
                               ("egress", "ID [allow HOST[:PORT] | revoke HOST[:PORT]]"),
                               ("runs", "ID"), ("export", "ID [-o FILE]"), ("open", "ID"),
                               ("status", ""), ("audit", "verify")]:
            helped = subprocess.run([BIN / "isekai", command, "--help"], capture_output=True, text=True,
                                    timeout=20)
            self.assertEqual((helped.returncode, helped.stderr), (0, ""), command)
            usage = " ".join(helped.stdout.split("\n\n")[0].split("[OPTION...]")[1].split("\n")[0].split())
            self.assertEqual(usage, words, helped.stdout[:200])

    def test_command_line(self):
        made = self.product.cli("generate", "Create a CSV viewer app named From The Shell")
        self.assertEqual(made.returncode, 0, made)
        app_id = made.stdout.split()[0]
        self.assertIn("From The Shell", made.stdout)
        self.assertIn(app_id, self.product.cli("apps").stdout)
        opened = self.product.cli("open", app_id)
        self.assertEqual(self.product.preview(opened.stdout.strip()).status, 200)
        self.assertEqual(self.product.cli("logs", app_id).returncode, 0)
        status = self.product.cli("status")
        self.assertEqual(status.returncode, 0, status)
        for actor in ["apps", "planner", "sandbox", "store", "audit"]:
            self.assertRegex(status.stdout, rf"(?m)^{actor} +ok")
        self.assertEqual(self.product.cli("logs", "no-such-app").returncode, 1)

    def test_audit_verifies_and_names_what_was_done(self):
        app = self.generate("Create a dashboard")
        wait_for(lambda: any(entry["event"].get("appId") == app["id"] for entry in
                             self.product.http("GET", "/api/audit?limit=100&appId=" + app["id"])
                             .json()["entries"]), 10, "the audit entry of the app")
        verified = self.product.cli("audit", "verify")
        self.assertEqual(verified.returncode, 0, verified)
        self.assertRegex(verified.stdout, r"^ok size=\d+ ")

    def test_the_cage_was_proven_before_anything_was_served(self):
        entries = wait_for(lambda: self.product.http(
            "GET", "/api/audit?limit=100&kind=sandbox_proof").json()["entries"], 10, "the proof's record")
        recorded = entries[0]["event"]["detail"]
        self.assertTrue(recorded["serves"], recorded)
        broke = [row for row in recorded["findings"]
                 if row["outcome"] != "held" and row["neededBy"] == "namespaces"]
        self.assertEqual(broke, [])
        told = self.product.bus().call("sandbox", "sandbox.proof")
        self.assertEqual((told["level"], told["floor"]), (recorded["level"], "namespaces"))
        self.assertEqual(len(told["findings"]), len(recorded["findings"]))
        self.assertRegex(self.product.cli("status").stdout,
                         rf"(?m)^sandbox +ok .*proven {told['level']}")


if __name__ == "__main__":
    unittest.main()
