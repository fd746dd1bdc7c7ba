"""What an app keeps in /data comes back on a host that does not have it."""
import os
import pathlib
import shutil
import signal
import time
import unittest

from product import Product, wait_for

MARKER = b"what was written to "
KEEPER = """
const fs = require('fs'), http = require('http'), crypto = require('crypto');
const D = process.env.DATA_DIR + '/';
http.createServer((q, r) => {
  const [, verb, what] = q.url.split('/');
  try {
    if (verb === 'write') fs.writeFileSync(D + what, '%s' + what);
    if (verb === 'odd') {
      fs.mkdirSync(D + 'below/deeper', {recursive: true});
      fs.mkdirSync(D + 'n/'.repeat(50), {recursive: true});
      fs.writeFileSync(D + 'n/'.repeat(50) + 'f', 'fifty');
      fs.writeFileSync(D + 'below/deeper/f', 'deep', {mode: 0o700});
      fs.writeFileSync(Buffer.concat([Buffer.from(D), Buffer.from([0x66, 0xff])]), 'octets');
      fs.writeFileSync(D + 'back\\\\slash', 'b');
      fs.symlinkSync('/etc/passwd', D + 'link');
      fs.linkSync(D + 'below/deeper/f', D + 'hard');
    }
    if (verb === 'tick') setInterval(() => fs.writeFileSync(D + 'ticks', String(Date.now())), 50);
    if (verb === 'noise') fs.writeFileSync(D + 'noise', crypto.randomBytes(+what << 20));
    if (verb === 'stat') { const s = fs.statSync(D + what); return r.end([s.mode & 0o777, s.uid === process.getuid()].join(' ')); }
    const names = fs.readdirSync(D, {encoding: 'buffer'}).map(n => n.toString('latin1')).sort();
    if (verb === 'read') return r.end(fs.readFileSync(Buffer.concat([Buffer.from(D), Buffer.from(what, 'hex')])));
    r.end(JSON.stringify(names));
  } catch (e) { r.statusCode = 500; r.end(String(e)); }
}).listen(process.env.PORT);
""" % MARKER.decode()


class Data(unittest.TestCase):
    settings = {"sandbox_snapshot_ms": 1000}

    @classmethod
    def setUpClass(cls):
        cls.product = Product(settings={"sandbox_rate_limit": 100000, "apps_rate_limit": 100000,
                                        **cls.settings})
        cls.product.start()

    @classmethod
    def tearDownClass(cls):
        cls.product.__exit__(None, None, None)

    def execute(self, app_id, config=None):
        body = {"appId": app_id, "files": {"server.js": KEEPER}}
        answer = self.product.http("POST", "/api/sandbox/execute",
                                   {**body, "config": config} if config else body)
        self.assertEqual(answer.status, 201, answer)

    def ask(self, app_id, path="/"):
        answer = self.product.preview(f"http://{app_id}.localhost:{self.product.port}/", path=path)
        self.assertEqual(answer.status, 200, answer)
        return answer.body

    def read(self, app_id, name):
        return self.ask(app_id, "/read/" + name.hex())

    def kept(self, app_id):
        """When the store was given the app's data last; 0: never."""
        bus = self.product.bus()
        try:
            return bus.call("store", "store.data_get", {"appId": app_id}).get("at", 0)
        finally:
            bus.close()

    def kept_after(self, app_id, after):
        return wait_for(lambda: max(self.kept(app_id) - after, 0), 20, "a snapshot")

    def post(self, app_id, verb):
        answer = self.product.http("POST", f"/api/apps/{app_id}/{verb}", {})
        self.assertEqual(answer.status, 200, answer)

    def directory(self, app_id):
        return pathlib.Path(self.product.data, "runtime/apps", app_id)

    def lose(self, app_id):
        shutil.rmtree(self.directory(app_id))

    def log_count(self, what):
        return pathlib.Path(self.product.log_path).read_text(errors="replace").count(what)

    def test_it_comes_back(self):
        self.execute("moved")
        self.ask("moved", "/odd/")
        self.ask("moved", "/write/first")
        self.kept_after("moved", 0)             # while it runs
        self.ask("moved", "/write/second")      # and at its stop
        before = int(time.time() * 1000)
        self.post("moved", "stop")
        self.kept_after("moved", before - 1)
        self.lose("moved")
        self.post("moved", "start")
        self.assertEqual(self.read("moved", b"first"), MARKER + b"first")
        self.assertEqual(self.read("moved", b"second"), MARKER + b"second")
        self.assertEqual(self.read("moved", b"below/deeper/f"), b"deep")
        self.assertEqual(self.read("moved", b"n/" * 50 + b"f"), b"fifty")
        self.assertEqual(self.read("moved", b"f\xff"), b"octets")
        self.assertEqual(self.read("moved", b"back\\slash"), b"b")
        self.assertEqual(self.read("moved", b"hard"), b"deep")
        self.assertNotIn(b"link", self.ask("moved"))
        self.assertEqual(self.ask("moved", "/stat/hard"), b"448 true")      # 0700, its own
        self.ask("moved", "/write/third")       # and it may write there
        self.assertGreater(self.log_count("data_recovered app=moved"), 0)
        # data that is here is not touched
        self.post("moved", "stop")
        self.post("moved", "start")
        self.assertEqual(self.read("moved", b"third"), MARKER + b"third")
        self.assertEqual(self.log_count("data_recovered app=moved"), 1)

        # it goes with the app
        self.assertEqual(self.product.http("DELETE", "/api/apps/moved").status, 204)
        self.assertEqual(self.kept("moved"), 0)

    def test_only_what_changed_is_given(self):
        self.execute("still")
        self.ask("still", "/write/x")
        self.kept_after("still", 0)
        first = self.kept("still")
        self.execute("beside")                  # by its snapshots we see the rounds
        for i in range(3):
            before = self.kept("beside")
            self.ask("beside", f"/write/x{i}")
            self.kept_after("beside", before)
        self.assertLessEqual(self.kept("still"), first + 2500)  # at most what the first had missed

    def test_too_large_is_said_once(self):
        self.execute("large")
        self.ask("large", "/noise/11")
        state = lambda: self.product.http("GET", "/api/sandbox/apps/large").json()
        error = wait_for(lambda: state().get("snapshotError"), 20, "it is said")
        self.assertIn("more than a snapshot may hold: 10 MB", error)
        self.execute("pacer")
        for i in range(3):
            before = self.kept("pacer")
            self.ask("pacer", f"/write/x{i}")
            self.kept_after("pacer", before)
        self.assertEqual(self.log_count("data_not_kept app=large"), 1)
        self.ask("large", "/noise/1")
        wait_for(lambda: "snapshotError" not in state(), 20, "it is kept again")
        self.assertGreater(state()["snapshotAt"], "2025")

    def test_a_store_that_cannot_take_it(self):
        self.execute("waiting")
        self.ask("waiting", "/tick/")           # there is something new at any time
        self.kept_after("waiting", 0)
        started = self.product.http("GET", "/api/sandbox/apps/waiting").json()["startedAt"]
        pid = self.product.role_pid("store")
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_for(lambda: self.log_count("data_not_kept app=waiting"), 30, "it is said")
        finally:
            os.kill(pid, signal.SIGCONT)
        self.product.wait_ready()
        self.kept_after("waiting", int(time.time() * 1000))
        self.assertEqual(self.log_count("data_not_kept app=waiting"), 1)
        self.assertEqual(self.product.http("GET", "/api/sandbox/apps/waiting").json()["startedAt"], started)

    def test_killed_while_it_packs(self):
        self.execute("killed")
        self.ask("killed", "/noise/9")
        self.kept_after("killed", 0)
        self.ask("killed", "/noise/8")
        self.product.kill_role("sandbox")
        wait_for(lambda: self.product.role_pid("sandbox"), 15, "a new sandbox")
        self.product.wait_ready()
        wait_for(lambda: self.product.http("GET", "/api/sandbox/apps/killed").json().get("status") == "running",
                 30, "the app is back")
        before = int(time.time() * 1000)
        self.kept_after("killed", before - 5000)
        self.assertEqual(len(self.read("killed", b"noise")), 8 << 20)
        self.assertEqual(list(self.directory("killed").glob("new-*")), [])


class AtSleep(Data):
    """Nothing is kept by the clock: what is kept was at the end of a run."""
    settings = {"sandbox_snapshot_ms": 86400000}

    test_it_comes_back = test_only_what_changed_is_given = test_too_large_is_said_once = None
    test_a_store_that_cannot_take_it = test_killed_while_it_packs = None

    def test_at_sleep(self):
        self.execute("sleeper", {"timeoutMs": 1000})
        self.ask("sleeper", "/write/x")
        wait_for(lambda: self.product.http("GET", "/api/apps/sleeper").json()["status"] == "sleeping",
                 30, "it sleeps")
        self.kept_after("sleeper", 0)
        self.lose("sleeper")
        self.assertEqual(self.read("sleeper", b"x"), MARKER + b"x")     # which wakes it


if __name__ == "__main__":
    unittest.main()
