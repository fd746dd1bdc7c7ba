"""gvisor_test.py - the product with SANDBOX_RUNTIME=gvisor: an app's whole life behind a kernel of its own."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import unittest

import egress_test
import install_test
from product import Product, wait_for
from registry import Registry
from unprivileged_test import Ordinary

APP = "walled"
TOKEN = "a-value-that-is-nowhere-in-sight"
SERVER = """
const http = require('http'), os = require('os'), fs = require('fs');
console.log('version VERSION is up');
const starts = fs.existsSync('/data/starts') ? +fs.readFileSync('/data/starts') + 1 : 1;
fs.writeFileSync('/data/starts', String(starts));
const s = http.createServer((q, r) => {
  if (q.url === '/large') { let n = 0; q.on('data', d => n += d.length); q.on('end', () => {
    r.setHeader('X-Received', n); r.end(Buffer.alloc(n, 'y')); }); return; }
  r.end(JSON.stringify({kernel: os.release(), version: 'VERSION', starts, token: process.env.TOKEN}));
});
s.on('upgrade', (q, c) => { c.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\n' +
  'Connection: Upgrade\\r\\nSec-WebSocket-Accept: ' + require('crypto').createHash('sha1').update(
  q.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64') + '\\r\\n\\r\\n');
  c.on('data', d => c.write(d)); });
s.listen(process.env.PORT);
"""
SETTINGS = {"sandbox_runtime": "gvisor", "apps_rate_limit": 100000, "sandbox_rate_limit": 100000}


def code(version):
    return {"server.js": SERVER.replace("VERSION", version)}


def of_this(product):
    """Every process whose command line names a directory of this product's apps, and every runsc of theirs."""
    found, parents = set(), {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[entry.name] = (entry / "stat").read_text().rsplit(") ", 1)[1].split()[1]
            words = (entry / "cmdline").read_bytes()
            if words.split(b"\0")[0].endswith(b"bwrap") and product.data.encode() in words:
                found.add(entry.name)
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


@unittest.skipUnless(shutil.which("runsc"), "runsc is not installed (apt-get install runsc)")
class Gvisor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.product = Product(settings={**SETTINGS, "sandbox_warm_cages": 2})
        cls.addClassCleanup(lambda: cls.product.__exit__(None, None, None))
        cls.product.start(seconds=90)

    def setUp(self):
        self.execute("1")

    def tearDown(self):
        self.assertIn(self.product.http("DELETE", f"/api/apps/{APP}").status, (204, 404))

    def execute(self, version, **config):
        answer = self.product.http("POST", "/api/sandbox/execute",
                                   {"appId": APP, "files": code(version), "config": config})
        self.assertEqual(answer.status, 201, answer)
        self.url = answer.json()["url"]

    def see(self, path="/", **more):
        return self.product.preview(self.url, path=path, **more)

    def log(self):
        return [row["line"] for row in
                self.product.http("GET", f"/api/apps/{APP}/logs?tail=100").json()["logs"]]

    def test_a_whole_life(self):
        # what it is, is told
        self.assertRegex(self.product.cli("status").stdout, r"sandbox +ok +\w+ +gvisor .*proven")
        self.assertEqual(self.see().json()["kernel"], "4.4.0")
        self.assertNotEqual(os.uname().release, "4.4.0")
        # bodies larger than any buffer, both ways
        answer = self.see("/large", method="POST", body=b"x" * 4_000_000)
        self.assertEqual((answer.headers["X-Received"], len(answer.body)), ("4000000", 4_000_000))
        # WebSocket
        host = self.url.split("/")[2]
        with socket.create_connection(("127.0.0.1", self.product.port)) as client:
            client.settimeout(30)
            client.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                           .encode())
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.assertIn(b" 101 ", head)
            client.sendall(b"frame")
            self.assertEqual(client.recv(100), b"frame")
        # a change: the new version takes over, data stays
        self.execute("2")
        self.assertEqual(self.see().json()["version"], "2")
        self.assertEqual(self.see().json()["starts"], 2)
        self.assertIn("version 1 is up", self.log())
        self.assertIn("version 2 is up", self.log())
        # a secret is in its environment, and in no argument vector, environment or file of the host's
        answer = self.product.http("PUT", f"/api/apps/{APP}/secrets",
                                   {"secrets": [{"name": "TOKEN", "value": TOKEN}]})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.see().json()["token"], TOKEN)
        for pid in of_this(self.product):
            for name in ["cmdline", "environ"]:
                with contextlib.suppress(OSError):
                    self.assertNotIn(TOKEN.encode(), pathlib.Path("/proc", pid, name).read_bytes())
        bundle = pathlib.Path(self.product.data, "runtime/cage/bundle/config.json").read_text()
        self.assertEqual(json.loads(bundle)["process"]["args"], ["/isekai/guest"])
        # stop, delete: nothing is left
        self.assertEqual(self.product.http("POST", f"/api/apps/{APP}/stop").status, 200)
        self.assertEqual(of_this(self.product), set())
        runs = self.product.http("GET", f"/api/apps/{APP}/runs").json()["runs"]
        self.assertTrue(all(run["level"].startswith("gvisor ") for run in runs), runs)
        self.assertEqual(self.product.http("DELETE", f"/api/apps/{APP}").status, 204)
        self.assertFalse(pathlib.Path(self.product.data, "runtime/apps", APP).exists())

    def test_it_sleeps_and_wakes(self):
        self.execute("1", timeoutMs=5000)
        wait_for(lambda: self.product.http("GET", f"/api/apps/{APP}").json()["status"] == "sleeping", 60,
                 "it sleeps")
        self.assertEqual(of_this(self.product), set())
        answer = self.see()
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json()["starts"], 3)

    def test_a_killed_sandbox_leaves_no_process(self):
        before = of_this(self.product)
        self.assertGreater(len(before), 4)          # bwrap, init, runsc, its gofer and its kernel
        self.product.kill_role("sandbox")
        wait_for(lambda: not before & of_this(self.product), 20, "what was there is gone")
        wait_for(lambda: self.see().status == 200, 120, "the next sandbox runs it again")

    def test_a_killed_kernel_is_a_run_that_ended(self):
        for pid in of_this(self.product):
            with contextlib.suppress(OSError):
                if pathlib.Path("/proc", pid, "cmdline").read_bytes().startswith(b"runsc-sandbox"):
                    os.kill(int(pid), signal.SIGKILL)
        wait_for(lambda: not of_this(self.product), 20, "nothing is left of its cage")
        end = self.product.http("GET", f"/api/sandbox/apps/{APP}").json()["exit"]
        self.assertEqual((end["reason"], end["signal"]), ("signal", 9))


@unittest.skipUnless(shutil.which("runsc"), "runsc is not installed (apt-get install runsc)")
@unittest.skipUnless(os.environ.get("ISEKAI_LONG") == "1", "the long run has it: behind gVisor it takes its time")
class Egress(egress_test.Egress):
    """The way out goes through gVisor's wall by the same socket."""

    def make_product(self):
        return Product(settings={**egress_test.SETTINGS, "sandbox_runtime": "gvisor"})


@unittest.skipUnless(shutil.which("runsc"), "runsc is not installed (apt-get install runsc)")
@unittest.skipUnless(os.geteuid() == 0, "only root can become a user of no name")
class WithoutCgroups(unittest.TestCase):
    def test_what_nothing_would_limit_is_refused_in_words(self):
        product = Ordinary()
        self.addCleanup(product.remove)
        product.settings["sandbox_runtime"] = "gvisor"
        code, _, words = product.refusal()
        self.assertNotEqual(code, 0)
        self.assertRegex(words, "SANDBOX_RUNTIME=gvisor limits memory by cgroups alone: .*; delegate one, or set "
                                "SANDBOX_RUNTIME=bwrap")


@unittest.skipUnless(shutil.which("runsc"), "runsc is not installed (apt-get install runsc)")
class Installed(install_test.Installs):
    """npm runs behind the wall too, and what it installed is mounted below /app there."""

    def test_an_installed_module_is_found(self):
        registry = Registry()
        self.addCleanup(registry.close)
        registry.add("inner")
        registry.add("outer", package={"dependencies": {"inner": "^1.0.0"}})
        self.begin(registry.settings(sandbox_runtime="gvisor"))
        url = self.up("one", {"outer": "1"})
        self.assertEqual(self.ask(url, "require('outer')"), "outer")
        self.assertEqual(self.ask(url, "fs.writeFileSync('/app/node_modules/outer/index.js', '')"),
                         "threw EACCES")


if __name__ == "__main__":
    unittest.main()
