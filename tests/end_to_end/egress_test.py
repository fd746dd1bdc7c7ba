"""The way out of an app: nothing without a grant, what is granted through every door of Node.js, and
every attempt shown. The peers listen on loopback, which is allowed here under names of a test."""
import contextlib
import os
import pathlib
import signal
import socket
import threading
import unittest
import urllib.parse

from product import Product, wait_for
from unprivileged_test import Ordinary

APP = "way-out"
# Asks for `u` by the door that `by` names, and says what came of it.
SERVER = """
const http = require('http'), https = require('https'), net = require('net');
const doors = {
  http: (u) => new Promise((done, failed) => http.get(u, (r) => {
    let text = ''; r.on('data', (d) => text += d).on('end', () => done(text)); }).on('error', failed)),
  https: (u) => new Promise((done, failed) => https.get(u, {rejectUnauthorized: false}, (r) => {
    let text = ''; r.on('data', (d) => text += d).on('end', () => done(text)); }).on('error', failed)),
  fetch: async (u) => (await fetch(u)).text(),
  net: (u) => new Promise((done, failed) => { const {hostname, port} = new URL(u);
    const s = net.connect(port, hostname); s.end('GET /net HTTP/1.0\\r\\n\\r\\n');
    let text = ''; s.on('data', (d) => text += d).on('end', () => done(text)).on('error', failed); }),
  hold: (u) => new Promise((done) => { const {hostname, port} = new URL(u);
    const s = net.connect(port, hostname, () => done('held'));
    s.on('error', () => {}).on('close', () => console.log('hold ended')); }),
  raw: (u) => new Promise((done, failed) => { const s = net.connect({path: '/isekai/egress.sock'});
    s.write(u); let text = '';
    s.on('data', (d) => text += d).on('end', () => done(text)).on('error', failed); }),
};
http.createServer(async (q, r) => {
  const query = new URL(q.url, 'http://x').searchParams;
  if (!query.has('by')) return r.end('up');
  try { r.end('got ' + await doors[query.get('by')](query.get('u'))); }
  catch (e) { const c = e.cause || e; r.end(`failed ${c.code}: ${c.message}`); }
}).listen(process.env.PORT);
"""
SETTINGS = {"egress_allow_addresses": "127.0.0.1/32", "apps_rate_limit": 100000,
            "sandbox_rate_limit": 100000,
            "egress_hosts": "api.test=127.0.0.1,other.test=127.0.0.1,a.wild.test=127.0.0.1,"
                            "home.test=10.0.0.1,meta.test=169.254.169.254"}


class Peer:
    """Answers every request with its path; /away redirects to another name."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.asked = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.answer, args=(self.socket.accept()[0],),
                                 daemon=True).start()

    def answer(self, connection):
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                more = connection.recv(4096)
                if not more:
                    return
                head += more
            path = head.split(b" ")[1].decode()
            self.asked.append(path)
            body = f"hello from {path}".encode()
            extra = f"Location: http://other.test:{self.port}/there\r\n".encode() if path == "/away" else b""
            connection.sendall(b"HTTP/1.1 " + (b"302 Found" if extra else b"200 OK") + b"\r\n" + extra +
                               b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def close(self):
        self.socket.close()


def proxies(app=APP):
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = entry.joinpath("cmdline").read_bytes().split(b"\0")
            if words[0] == b"isekai-egress" and words[1] == app.encode():
                found.append(int(entry.name))
    return found


class Egress(unittest.TestCase):
    def make_product(self):
        return Product(settings=SETTINGS)

    def setUp(self):
        self.product = self.make_product()
        self.product.start()
        self.addCleanup(self.remove)
        self.peer = Peer()
        self.addCleanup(self.peer.close)
        answer = self.product.http("POST", "/api/sandbox/execute",
                                   {"appId": APP, "files": {"server.js": SERVER}})
        self.assertEqual(answer.status, 201, answer)
        self.app = answer.json()["url"]

    def remove(self):
        self.product.__exit__(None, None, None)

    def ask(self, by, host, port=None, path="/x", raw=None):
        target = raw or f"http{'s' if by == 'https' else ''}://{host}:{port or self.peer.port}{path}"
        query = urllib.parse.urlencode({"by": by, "u": target})
        return self.product.preview(self.app, path=f"/?{query}").body.decode()

    def change(self, verb, host, port=None):
        port = port or self.peer.port
        if verb == "PUT":
            answer = self.product.http("PUT", f"/api/apps/{APP}/egress", {"host": host, "port": port})
        else:
            answer = self.product.http("DELETE", f"/api/apps/{APP}/egress?host={host}&port={port}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def view(self):
        return self.product.http("GET", f"/api/apps/{APP}/egress").json()

    def log(self):
        lines = self.product.http("GET", f"/api/apps/{APP}/logs?tail=1000").json()["logs"]
        return "\n".join(line["line"] for line in lines)

    def attempts(self):
        return {(a["host"], a["port"], a["outcome"]): a["count"] for a in self.view()["attempts"]}

    def audited(self, kind):
        return [entry["event"] for entry in self.product.http(
            "GET", f"/api/audit?limit=100&appId={APP}&kind={kind}").json()["entries"]]

    def test_nothing_without_a_grant_and_all_with_one(self):
        port = self.peer.port
        for by in ["http", "https", "fetch", "net"]:
            self.assertEqual(self.ask(by, "api.test"), f"failed EGRESS_DENIED: egress to api.test:{port} "
                             f"is not granted; grant it with PUT /api/apps/{APP}/egress", by)
        self.assertEqual(self.peer.asked, [])
        self.assertEqual(self.attempts(), {("api.test", port, "denied"): 4})
        self.assertIn(f"tried api.test:{port} x1, denied: not granted", self.log())

        grants = self.change("PUT", "API.test")["grants"]
        self.assertEqual([(g["host"], g["port"]) for g in grants], [("api.test", port)])
        for by in ["http", "fetch"]:
            self.assertEqual(self.ask(by, "api.test", path=f"/{by}"), f"got hello from /{by}")
        self.assertTrue(self.ask("net", "api.test").endswith("hello from /net"))
        # Neither another port, nor another host, nor where a granted one sends us.
        self.assertIn("EGRESS_DENIED", self.ask("fetch", "api.test", port + 1))
        self.assertIn("EGRESS_DENIED", self.ask("fetch", "other.test"))
        self.assertIn(f"egress to other.test:{port} is not granted", self.ask("fetch", "api.test", path="/away"))
        self.assertNotIn("/there", self.peer.asked)
        self.assertEqual(self.attempts()[("api.test", port, "connected")], 4)
        self.assertEqual(self.attempts()[("other.test", port, "denied")], 2)

        events = wait_for(lambda: self.audited("egress_granted"), 20, "the grant is recorded")
        self.assertEqual(events[0]["detail"], {"host": "api.test", "port": port})
        tried = wait_for(lambda: self.audited("egress_tried"), 20, "the attempts are recorded")
        self.assertEqual(tried[0]["detail"]["attempts"][0]["outcome"], "denied")

    def test_private_addresses_stay_closed_though_granted(self):
        for host in ["home.test", "meta.test", "169.254.169.254", "10.0.0.1", "fd00:ec2::254"]:
            self.change("PUT", host)
            self.assertIn("EGRESS_PRIVATE", self.ask("http", f"[{host}]" if ":" in host else host), host)
        # The app talks to its way out itself: another form of an address, and no CONNECT.
        self.assertIn("EGRESS_MALFORMED", self.ask("raw", "", raw="CONNECT 2130706433:80 HTTP/1.1\r\n\r\n"))
        self.assertIn("EGRESS_MALFORMED", self.ask("raw", "", raw="GET http://api.test/ HTTP/1.1\r\n\r\n"))
        self.assertIn("EGRESS_DENIED", self.ask("raw", "", raw=f"CONNECT 127.0.0.1:{self.product.port} HTTP/1.1\r\n\r\n"))
        self.assertEqual(self.attempts()[("home.test", self.peer.port, "private")], 1)

    def test_the_proxy_has_fenced_itself_in(self):
        # Its name is in a file of this host, the only one of its kind that the proxy can still read.
        self.change("PUT", "localhost")
        answer = self.ask("raw", "", raw=f"CONNECT localhost:{self.peer.port} HTTP/1.1\r\n\r\n"
                                         "GET /named HTTP/1.0\r\n\r\n")
        self.assertTrue(answer.endswith("hello from /named"), answer)
        status = dict(line.split(":\t", 1) for line in
                      pathlib.Path(f"/proc/{proxies()[0]}/status").read_text().splitlines() if ":\t" in line)
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        self.assertEqual({name: int(status[name], 16) for name in ["CapInh", "CapPrm", "CapEff", "CapAmb"]},
                         {"CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapAmb": 0})
        self.assertNotIn("0", status["Uid"].split())
        self.assertNotIn("0", status["Gid"].split())

    def test_a_grant_holds_and_ends_at_once(self):
        self.change("PUT", "*.wild.test")
        self.assertEqual(self.ask("hold", "a.wild.test"), "got held")
        self.change("DELETE", "*.wild.test")
        wait_for(lambda: "hold ended" in self.log(), 5, "the connection ended")
        self.assertIn("EGRESS_DENIED", self.ask("fetch", "a.wild.test"))
        self.assertEqual(len(wait_for(lambda: self.audited("egress_revoked"), 20, "recorded")), 1)
        # What is granted holds for the next run, and for a proxy that was killed.
        self.change("PUT", "api.test")
        for step in ["stop", "start"]:
            self.assertEqual(self.product.http("POST", f"/api/apps/{APP}/{step}", {}).status, 200)
        self.assertIn("connections out that were denied: 1", self.log())
        wait_for(lambda: b'"egressDenied":1' in self.product.http("GET", f"/api/apps/{APP}/runs").body,
                 20, "the run's record counts it")
        self.assertEqual(self.attempts(), {})
        self.assertEqual(self.ask("fetch", "api.test"), "got hello from /x")
        os.kill(proxies()[0], signal.SIGKILL)
        self.assertEqual(self.ask("fetch", "api.test"), "got hello from /x")
        # And for a sandbox that was killed.
        self.product.kill_role("sandbox")
        wait_for(lambda: self.product.preview(self.app).body == b"up", 30, "the app is back")
        self.assertEqual(self.ask("fetch", "api.test"), "got hello from /x")
        self.assertEqual(len(proxies()), 1)

        self.assertEqual(self.product.http("POST", f"/api/apps/{APP}/stop", {}).status, 200)
        self.assertEqual(proxies(), [])
        sockets = pathlib.Path(self.product.data, "runtime", "egress")
        bus = self.product.bus()
        wait_for(lambda: len(list(sockets.iterdir())) == bus.call("sandbox", "sandbox.list", {}).get("warm", 0), 15,
                 "only warm cages have a socket left")
        bus.close()

    def test_by_command(self):
        place = f"api.test:{self.peer.port}"
        self.assertIn("EGRESS_DENIED", self.ask("http", "api.test"))
        denied = self.product.cli("egress", APP)
        self.assertRegex(denied.stdout, rf"^denied       {place}  tried x1, last \S+Z\n$")
        allowed = self.product.cli("egress", APP, "allow", place)
        self.assertRegex(allowed.stdout, rf"^allowed      {place}  since \S+Z\n")
        self.assertEqual(self.ask("http", "api.test"), "got hello from /x")
        for word, shown in [("[2001:db8::1]:8443", "[2001:db8::1]:8443"), ("2001:db8::1", "[2001:db8::1]:443"),
                            ("*.wild.test", "*.wild.test:443")]:
            self.assertIn(f"allowed      {shown}  since", self.product.cli("egress", APP, "allow", word).stdout)
        revoked = self.product.cli("egress", APP, "revoke", place)
        self.assertNotIn(f"allowed      {place}", revoked.stdout)
        for words in [["allow"], ["forbid", place], ["allow", "api.test:"], ["allow", "api.test:70000"],
                      ["allow", "[2001:db8::1"], ["allow", "api.test:80x"], ["allow", "127.1"]]:
            refused = self.product.cli("egress", APP, *words)
            self.assertEqual((refused.returncode, refused.stdout), (64, ""), refused)
            self.assertNotEqual(refused.stderr, "")

    def test_grants_are_checked_and_bounded(self):
        path = f"/api/apps/{APP}/egress"
        for body in [{"host": "a b", "port": 443}, {"host": "*.com", "port": 443}, {"host": "", "port": 443},
                     {"host": "127.1", "port": 443}, {"host": "https://a.test", "port": 443},
                     {"host": "a.test", "port": 0}, {"host": "a.test", "port": 65536}, {"host": "a.test"},
                     {"host": "a.test", "port": 443, "x": 1}, {}]:
            self.assertEqual(self.product.http("PUT", path, body).status, 400, body)
        for number in range(32):
            self.change("PUT", f"h{number}.test")
        self.change("PUT", "h1.test")               # the same again is no other
        answer = self.product.http("PUT", path, {"host": "more.test", "port": 443})
        self.assertEqual(answer.status, 409, answer)
        self.assertIn("32 hosts", answer.json()["detail"])
        self.assertEqual(self.product.http("GET", "/api/apps/nobody/egress").status, 404)
        self.assertEqual(self.product.http("PUT", "/api/apps/nobody/egress",
                                           {"host": "a.test", "port": 1}).status, 404)
        # An app made later by the same id begins without any.
        self.assertEqual(self.product.http("DELETE", f"/api/apps/{APP}").status, 204)
        self.assertEqual(self.product.http("POST", "/api/sandbox/execute",
                                           {"appId": APP, "files": {"server.js": SERVER}}).status, 201)
        self.assertEqual(self.view()["grants"], [])
        self.assertIn("EGRESS_DENIED", self.ask("fetch", "h1.test"))


class EgressByAnOrdinaryUser(Egress):
    test_grants_are_checked_and_bounded = None      # nothing in it is the user's

    def make_product(self):
        product = Ordinary()
        product.settings.update(SETTINGS)
        return product

    def remove(self):
        self.product.remove()


if __name__ == "__main__":
    unittest.main()
