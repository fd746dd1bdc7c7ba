"""reload_test.py - how an open page learns of its app's next version: the paths below /.isekai/ of
each preview, and the one tag that the gateway puts behind a page (PREVIEW_RELOAD).

The app answers raw octets, so that what reaches the caller can be compared with what it sent.
"""
import base64
import contextlib
import gzip
import http.client
import json
import socket
import time
import unittest

from product import Product, wait_for

PAGE = "<!doctype html><title>v</title><p>\u00e4pfel %s".encode() % b"here"
TAG = b'<script src="/.isekai/reload.js?version=%d" async></script>'
PACKED = gzip.compress(PAGE)
KEEPS = "ETag: \"e\"\r\nLast-Modified: Tue, 24 Nov 2026 10:00:00 GMT\r\nCache-Control: max-age=60\r\n"
HTML = "Content-Type: text/html; charset=utf-8\r\n"


def answer(head, body, status="200 OK"):
    return (f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\n\r\n").encode() + body


def in_chunks(head, body):
    pieces = b"".join(b"1\r\n" + body[i:i + 1] + b"\r\n" for i in range(len(body)))
    return (f"HTTP/1.1 200 OK\r\n{head}Transfer-Encoding: chunked\r\n\r\n").encode() + pieces + b"0\r\n\r\n"


TAGGED = {
    "/": answer(HTML + KEEPS, PAGE),
    "/chunks": in_chunks(HTML, PAGE),
    "/close": f"HTTP/1.1 200 OK\r\n{HTML}\r\n".encode() + PAGE,
    "/no-charset": answer("Content-Type: text/html\r\n", PAGE),
    "/quoted": answer('Content-Type: Text/HTML;  charset="UTF-8"\r\nContent-Encoding: identity\r\n', PAGE),
    "/broken": answer(HTML, PAGE, "500 Oh"),
    "/missing": answer(HTML, PAGE, "404 Not Found"),
}
ALONE = {
    "/json": answer("Content-Type: application/json\r\n", b"{}"),
    "/xhtml": answer("Content-Type: application/xhtml+xml\r\n", PAGE),
    "/untyped": answer("", PAGE),
    "/latin": answer("Content-Type: text/html; charset=iso-8859-1\r\n" + KEEPS, PAGE),
    "/utf-16": answer("Content-Type: text/html; charset=utf-16\r\n", PAGE.decode().encode("utf-16")),
    "/gzip": answer(HTML + KEEPS + "Content-Encoding: gzip\r\n", PACKED),
    "/as-it-is": answer(HTML + "Cache-Control: max-age=60, No-Transform\r\nETag: \"e\"\r\n", PAGE),
    "/download": answer(HTML + "Content-Disposition: attachment; filename=a.html\r\n", PAGE),
    "/moved": answer(HTML + "Location: /\r\n", PAGE, "302 Found"),
    "/part": answer(HTML + "Content-Range: bytes 0-3/99\r\n", PAGE[:4], "206 Partial Content"),
    "/two-types": answer(HTML + "Content-Type: text/plain\r\n", PAGE),
}
MARKED = PAGE.decode().encode("utf-16-le")
OTHERS = {"/same": b"HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n",
          "/none": b"HTTP/1.1 204 No Content\r\n\r\n",
          "/bom": answer("Content-Type: text/html\r\n", b"\xff\xfe" + MARKED)}
SERVER = """
const answers = %s;
require('net').createServer((socket) => {
    let seen = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
        seen += data.toString('latin1');
        if (!seen.includes('\\r\\n\\r\\n')) return;
        const path = seen.split(' ')[1];
        if (path === '/told')
            return socket.end('HTTP/1.1 200 OK\\r\\nContent-Length: ' + seen.length + '\\r\\n\\r\\n' + seen, 'latin1');
        const said = answers[path] || answers['/'];
        const octets = Buffer.from(said, 'base64');
        socket.end(seen.startsWith('HEAD') ? octets.subarray(0, octets.indexOf('\\r\\n\\r\\n') + 4) : octets);
    });
}).listen(process.env.PORT);
// %s
"""
BROWSER = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}


def server(note="first"):
    answers = {path: base64.b64encode(octets).decode()
               for path, octets in {**TAGGED, **ALONE, **OTHERS}.items()}
    return SERVER % (json.dumps(answers), note)


def body_of(octets):
    return octets.split(b"\r\n\r\n", 1)[1]


class Listener:
    """One page's event stream: hear() gives the next event as (name, data)."""

    def __init__(self, product, host, headers=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=20)
        self.connection.request("GET", "/.isekai/events", headers={"Host": host, **(headers or {})})
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def hear(self, seconds=20):
        event, end = {}, time.monotonic() + seconds
        while time.monotonic() < end:
            line = self.response.readline().decode().rstrip("\n")
            if line.startswith(":"):
                continue
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
            elif event:
                return event.get("event", "message"), json.loads(event["data"]), event.get("id")
            else:
                return None
        raise AssertionError(f"no event within {seconds} s")

    def close(self):
        self.response.close()
        self.connection.close()


class Reload(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.product = Product(settings={"sandbox_rate_limit": 100000, "apps_rate_limit": 100000})
        cls.addClassCleanup(lambda: cls.product.__exit__(None, None, None))
        cls.product.start()
        cls.app("raw", server())

    @classmethod
    def app(cls, app_id, code, config=None):
        made = cls.product.http("POST", "/api/sandbox/execute", {
            "appId": app_id, "files": {"server.js": code}, "config": config or {}})
        assert made.status == 201, made

    def host(self, app_id):
        return f"{app_id}.localhost:{self.product.port}"

    def ask(self, path, headers=None, app_id="raw", method="GET"):
        return self.product.http(method, path, headers=headers, host=self.host(app_id))

    def listen(self, app_id, headers=None):
        listener = Listener(self.product, self.host(app_id), headers)
        self.addCleanup(listener.close)
        return listener

    # ---- the tag ----

    def test_a_page_gets_one_tag_and_keeps_every_octet(self):
        for dest in ["document", "iframe"]:
            for path, said in TAGGED.items():
                with self.subTest(path, dest=dest):
                    got = self.ask(path, {**BROWSER, "Sec-Fetch-Dest": dest})
                    body = said.split(b"\r\n\r\n", 1)[1] if path != "/chunks" else PAGE
                    self.assertEqual(got.body, body + TAG % 1)
                    self.assertEqual(got.headers.get_all("Cache-Control"), ["no-store"])
                    for name in ["ETag", "Last-Modified"]:
                        self.assertIsNone(got.headers[name])

    def test_what_is_no_plain_page_is_left_alone(self):
        for path, said in ALONE.items():
            with self.subTest(path):
                self.untouched(self.ask(path, BROWSER), said)
        for path, said in OTHERS.items():
            with self.subTest(path):
                self.assertEqual(self.ask(path, BROWSER).body, body_of(said))

    def untouched(self, got, said):
        self.assertEqual(got.body, body_of(said))
        for line in said.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]:
            name, _, value = line.partition(": ")
            self.assertIn(value, got.headers.get_all(name, []))

    def test_what_asks_for_no_page_is_left_alone(self):
        said = TAGGED["/"]
        for name, headers in {"a program": {}, "a script": {**BROWSER, "Sec-Fetch-Dest": "empty"},
                              "an image": {**BROWSER, "Sec-Fetch-Dest": "image"},
                              "a part": {**BROWSER, "Range": "bytes=0-3"}}.items():
            with self.subTest(name):
                self.untouched(self.ask("/", headers), said)
        self.untouched(self.ask("/", BROWSER, method="POST"), said)
        head = self.ask("/", BROWSER, method="HEAD")
        self.assertEqual((head.status, head.headers["Content-Length"], head.headers["ETag"]),
                         (200, str(len(PAGE)), '"e"'))
        with socket.create_connection(("127.0.0.1", self.product.port), timeout=20) as old:
            old.sendall(f"GET / HTTP/1.0\r\nHost: {self.host('raw')}\r\nSec-Fetch-Dest: document\r\n\r\n".encode())
            got = b"".join(iter(lambda: old.recv(65536), b""))
        self.assertEqual(body_of(got), PAGE)

    def test_for_a_page_the_app_is_asked_for_the_whole_and_plain(self):
        asked = {"If-None-Match": '"e"', "If-Modified-Since": "Tue, 24 Nov 2026 10:00:00 GMT",
                 "Accept-Encoding": "gzip", "Cookie": "k=v"}
        told = self.ask("/told", {**BROWSER, **asked}).body.decode().lower()
        self.assertIn("cookie: k=v", told)
        for name in ["if-none-match", "if-modified-since", "accept-encoding"]:
            self.assertNotIn(name, told)
        told = self.ask("/told", asked).body.decode().lower()
        for name in ["if-none-match", "if-modified-since", "accept-encoding: gzip"]:
            self.assertIn(name, told)

    # ---- the gateway's own paths ----

    def test_the_reserved_paths_are_the_gateways(self):
        version = self.ask("/.isekai/version")
        self.assertEqual((version.status, version.json()), (200, {"version": 1, "status": "running"}))
        self.assertEqual(version.headers["Cache-Control"], "no-store")
        script = self.ask("/.isekai/reload.js?version=1", {"Sec-Fetch-Site": "same-origin"})
        self.assertEqual(script.headers["Content-Type"], "text/javascript; charset=utf-8")
        self.assertIn(b"new EventSource('/.isekai/events')", script.body)
        for path in ["/.isekai/", "/.isekai/other", "/.isekai/version/"]:
            got = self.ask(path, BROWSER)
            self.assertEqual(got.status, 404)
            self.assertIn(b"not the app's", got.body)
        refused = self.ask("/.isekai/version", method="POST")
        self.assertEqual((refused.status, refused.headers["Allow"]), (405, "GET, HEAD"))
        self.assertEqual(self.ask("/.isekai/version", method="HEAD").body, b"")
        self.assertEqual(self.ask("/.isekai/version", app_id="nobody").status, 404)
        self.assertEqual(self.ask("/.isekai/events", app_id="nobody").status, 404)
        for site in ["same-site", "cross-site"]:
            for path in ["/.isekai/version", "/.isekai/events", "/.isekai/reload.js"]:
                self.assertEqual(self.ask(path, {"Sec-Fetch-Site": site}).status, 403)

    def test_listeners_hear_each_version_and_the_end(self):
        self.app("heard", server())
        both = [self.listen("heard"), self.listen("heard", {"Sec-Fetch-Site": "same-origin"})]
        for listener in both:
            self.assertEqual(listener.response.headers["Content-Type"], "text/event-stream")
            self.assertEqual(listener.hear(), ("version", {"version": 1}, "1"))
        changed = self.product.http("PATCH", "/api/apps/heard", {"changes": {"server.js": server("second")}})
        self.assertEqual((changed.status, changed.json()["version"]), (200, 2), changed)
        for listener in both:
            self.assertEqual(listener.hear(), ("version", {"version": 2}, "2"))
        self.assertTrue(self.ask("/", BROWSER, "heard").body.endswith(TAG % 2))
        self.assertEqual(self.product.http("DELETE", "/api/apps/heard").status, 204)
        for listener in both:
            self.assertEqual(listener.hear()[0], "end")
            self.assertIsNone(listener.hear())

    def test_a_change_that_fails_is_not_told(self):
        self.app("kept", server())
        listener = self.listen("kept")
        self.assertEqual(listener.hear()[1], {"version": 1})
        failed = self.product.http("PATCH", "/api/apps/kept", {"changes": {"server.js": "process.exit(3)"}})
        self.assertEqual(failed.status, 422, failed)
        good = self.product.http("PATCH", "/api/apps/kept", {"changes": {"server.js": server("good")}})
        self.assertEqual(good.status, 200, good)
        self.assertEqual(listener.hear()[1], {"version": good.json()["version"]})

    def test_who_listens_neither_wakes_the_app_nor_keeps_it_awake(self):
        self.app("tired", server(), {"timeoutMs": 1000})
        listener = self.listen("tired")
        self.assertEqual(listener.hear()[1], {"version": 1})
        status = lambda: self.ask("/.isekai/version", app_id="tired").json()["status"]  # noqa: E731
        wait_for(lambda: status() == "sleeping", 20, "the app falls asleep")
        late = self.listen("tired")
        self.assertEqual(late.hear()[1], {"version": 1})
        looked = self.calls()["store.route"] + 3        # seconds: nothing remembered of it is left then
        wait_for(lambda: self.calls()["store.route"] > looked, 20, "its state is looked at")
        self.assertEqual(status(), "sleeping")
        self.assertEqual(len(self.product.http("GET", "/api/apps/tired/runs").json()["runs"]), 1)

    def calls(self):
        with contextlib.closing(self.product.bus()) as bus:
            rows = bus.call("store", "isekai.stats")["methods"]
        return {row["name"]: row["calls"] for row in rows}

    def test_one_poll_for_all_who_listen(self):
        self.app("popular", server())
        listeners = [self.listen("popular") for _ in range(30)]
        for listener in listeners:
            self.assertEqual(listener.hear()[1], {"version": 1})
        before, looks = self.calls()["store.route"], 3
        wait_for(lambda: self.calls()["store.route"] >= before + looks, 20, "the store is asked")
        began = self.calls()
        changed = self.product.http("PATCH", "/api/apps/popular", {"changes": {"server.js": server("next")}})
        self.assertEqual(changed.status, 200, changed)
        for listener in listeners:
            self.assertEqual(listener.hear()[1], {"version": 2})
        asked = self.calls()["store.route"] - began["store.route"]
        self.assertLess(asked, len(listeners), "each listener asks for itself")

    def test_listeners_are_bounded_and_those_of_one_app_leave_room(self):
        self.app("crowded", server())
        crowd = [self.listen("crowded") for _ in range(64)]
        self.assertEqual({listener.status for listener in crowd}, {200})
        over = self.ask("/.isekai/events", app_id="crowded")
        self.assertEqual((over.status, "Retry-After" in over.headers), (503, True))
        self.assertEqual(self.listen("raw").hear()[1], {"version": 1})
        self.assertEqual(self.ask("/", app_id="crowded").status, 200)
        crowd[0].close()

        def again():
            listener = self.listen("crowded")
            return listener.status == 200
        wait_for(again, 10, "a place is free again")


class Off(unittest.TestCase):
    def test_off_means_every_page_is_as_the_app_wrote_it(self):
        with Product(settings={"preview_reload": "off"}) as product:
            made = product.http("POST", "/api/sandbox/execute", {"appId": "raw", "files": {"server.js": server()}})
            self.assertEqual(made.status, 201, made)
            host = f"raw.localhost:{product.port}"
            page = product.http("GET", "/", headers={**BROWSER, "If-None-Match": '"e"'}, host=host)
            self.assertEqual((page.body, page.headers["ETag"]), (PAGE, '"e"'))
            told = product.http("GET", "/told", headers={**BROWSER, "Accept-Encoding": "gzip"}, host=host)
            self.assertIn(b"ccept-encoding: gzip", told.body.lower())
            self.assertEqual(product.http("GET", "/.isekai/version", host=host).json()["version"], 1)


if __name__ == "__main__":
    unittest.main()
