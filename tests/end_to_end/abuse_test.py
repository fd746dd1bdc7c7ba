"""Abuse through the public doors: queues that are full, actors that hang or are dead, disks that are
full, messages made to hurt. Every refusal has its status and the one shape; nothing else suffers."""
import concurrent.futures
import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

import msgpack

from hostile_messages import BODIES, CUT, FRAMES
from product import Product, ROLES, wait_for

ROOM = {"apps_rate_limit": 100000, "sandbox_rate_limit": 100000, "planner_rate_limit": 100000,
        "apps_lease_ms": 1000}
SHAPE = ["type", "title", "status", "detail", "code", "requestId", "error", "details"]
FAST = "require('http').createServer((q, r) => r.end('%s')).listen(process.env.PORT);"
# Fills its disk when asked: with octets, with files, with files that have no name any more.
FILLER = """
const fs = require('fs'), held = [];
const ways = {
  '/octets': (n) => fs.writeFileSync('/data/' + n, Buffer.alloc(1 << 20)),
  '/files': (n) => fs.writeFileSync('/data/' + n, ''),
  '/nameless': (n) => {
    const file = fs.openSync('/data/x', 'w');
    held.push(file);
    fs.unlinkSync('/data/x');
    fs.writeSync(file, Buffer.alloc(1 << 20));
  },
  '/running': (n) => {
    if (n > 3) return;
    const loader = ['/lib64/ld-linux-x86-64.so.2', '/lib/ld-linux-aarch64.so.1'].find(fs.existsSync);
    fs.copyFileSync(loader, '/data/p');         // the one program that is there and small
    fs.appendFileSync('/data/p', Buffer.alloc(3 << 20));
    require('child_process').spawn('/data/p', [process.execPath, '-e', 'setTimeout(() => 0, 1e6)']);
    fs.unlinkSync('/data/p');
  },
};
const fill = (way, n) => { way(n); setImmediate(fill, way, n + 1); };
require('http').createServer((q, r) => {
  r.end('here');
  if (ways[q.url]) fill(ways[q.url], 0);
}).listen(process.env.PORT);
"""
DISK_MB = 8
SLOW = "setTimeout(() => { " + FAST + " }, 400);"
QUICK_S = 5             # the deadline of the quick lane
AT_ONCE_S = 3
QUEUE_MAX = 16
CROWD = 160             # more than an actor's credit and the queue


@contextlib.contextmanager
def frozen(*pids):
    """Stopped as long as the block lasts; one that was killed meanwhile is no error."""
    def each(number):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
    each(signal.SIGSTOP)
    try:
        yield
    finally:
        each(signal.SIGCONT)


class Rig(unittest.TestCase):
    """The product as self.product, and what is asked of its answers."""

    @classmethod
    def begin(cls, **product):
        cls.product = Product(**product)
        cls.addClassCleanup(cls.product.__exit__, None, None, None)
        cls.product.start()

    def refused(self, answer, status, code=None):
        """A refusal of that status, or of one of them, in the one shape."""
        self.assertIn(answer.status, status if isinstance(status, tuple) else (status,), answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        problem = answer.json()
        self.assertEqual(list(problem)[:len(SHAPE)], SHAPE)
        self.assertEqual(problem["status"], answer.status)
        if code:
            self.assertEqual(problem["code"], code, problem)
        if answer.status == 503:
            self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
        return problem

    def health(self):
        answer = self.product.http("GET", "/api/health", seconds=5)
        return answer.status, answer.json()

    def is_degraded(self, *parts):
        def look():
            status, health = self.health()
            return status == 503 and health["status"] == "degraded" and \
                all(health["services"][part] == "error" for part in parts)
        wait_for(look, 4, f"health says that {parts} are in error")

    def timed(self, *request):
        begun = time.monotonic()
        answer = self.product.http(*request)
        return answer, time.monotonic() - begun

    def app(self, app_id):
        return self.product.http("GET", f"/api/apps/{app_id}").json()

    def of_status(self, status):
        apps = self.product.http("GET", "/api/apps?limit=100").json()["apps"]
        return {app["id"] for app in apps if app["status"] == status}

    def step(self, app_id):
        """How far the open change of the app has come; None: there is none."""
        bus = self.product.bus()
        try:
            return bus.call("store", "store.find", {"appId": app_id}).get("operation", {}).get("step")
        finally:
            bus.close()

    def runs_what_the_store_says(self, app_id):
        app = self.app(app_id)
        self.assertEqual(app["status"], "running")
        self.assertIn(f"'{self.product.preview(app).body.decode()}'", app["code"]["files"]["server.js"])


class Filled(Rig):
    """An app takes all the disk it can get: it is ended, the host and the others do not notice."""

    @classmethod
    def setUpClass(cls):
        cls.begin(settings=ROOM)

    def execute(self, app_id, code, **config):
        return self.product.http("POST", "/api/sandbox/execute", {
            "appId": app_id, "files": {"server.js": code}, "config": config})

    def test_who_takes_too_much_is_ended(self):
        self.assertEqual(self.execute("calm", FAST % "calm").status, 201)
        calm = f"http://calm.localhost:{self.product.port}/"
        for way, words in [("octets", "used more disk than its 8 MB (config.diskMb)"),
                           ("files", "made more than its 200 files and directories"),
                           ("nameless", "used more disk than its 8 MB (config.diskMb)"),
                           ("running", "used more disk than its 8 MB (config.diskMb)")]:
            with self.subTest(way=way):
                made = self.execute(way, FILLER, diskMb=DISK_MB, maxFiles=200)
                self.assertEqual(made.status, 201, made)
                path = f"/api/sandbox/apps/{way}"
                self.product.preview(f"http://{way}.localhost:{self.product.port}/", path="/" + way)
                wait_for(lambda: self.app(way)["status"] == "error", 20, "the app is ended")
                self.assertEqual(self.product.preview(calm).body, b"calm")
                end = self.product.http("GET", path).json()["exit"]
                self.assertEqual((end["reason"], end["signal"]), ("signal", 9), end)
                kept = wait_for(lambda: [run["end"] for run in self.product.http(
                    "GET", f"/api/apps/{way}/runs").json()["runs"] if "end" in run], 10, "its record")
                self.assertEqual(kept[0]["hits"]["diskRefused"], 1, kept)
                logs = self.product.http("GET", f"/api/apps/{way}/logs").json()["logs"]
                self.assertIn(words, logs[-1]["line"])

    def test_wishes(self):
        self.refused(self.execute("greedy", FAST % "x", diskMb=65537), 400, "malformed")
        refused = self.refused(self.execute("greedy", FAST % "x", diskMb=1025), 400, "malformed")
        self.assertIn("config.diskMb: at most 1024 here", refused["detail"])
        self.assertEqual(self.execute("modest", FAST % "x", diskMb=1024, pids=64).status, 201)
        path = "/api/sandbox/apps/modest"
        wait_for(lambda: self.product.http("GET", path).json().get("diskFiles", 0) == 1, 10,
                 "what it holds is told")
        self.assertGreater(self.product.http("GET", path).json()["diskBytes"], 0)


class Abuse(Rig):
    @classmethod
    def setUpClass(cls):
        cls.begin(settings={**ROOM, "queue_messages_max": QUEUE_MAX})

    # ---- more requests than may wait ----

    def flood(self, role, *request):
        """Those too many are refused at once, the others answered when the actor goes on."""
        with concurrent.futures.ThreadPoolExecutor(CROWD) as pool:
            with frozen(self.product.role_pid(role)):
                calls = [pool.submit(self.timed, *request) for _ in range(CROWD)]
                wait_for(lambda: sum(call.done() for call in calls) > CROWD // 2, AT_ONCE_S,
                         "most are refused at once")
            answers = [call.result() for call in calls]
        taken = [seconds for answer, seconds in answers if answer.status == 200]
        self.assertGreaterEqual(len(taken), QUEUE_MAX)
        self.assertLess(max(taken), QUICK_S)
        for answer, seconds in answers:
            if answer.status != 200:
                self.refused(answer, 503, "overloaded")
                self.assertLess(seconds, AT_ONCE_S)
        self.assertEqual(self.product.http(*request).status, 200)

    def test_reads_of_a_stopped_store(self):
        self.flood("store", "GET", "/api/apps")

    def test_writes_to_a_stopped_planner(self):
        self.flood("planner", "POST", "/api/planner/analyze", {"prompt": "a to-do list"})

    # ---- actors that are dead or hang ----

    def test_dead_with_a_change_in_its_hands(self):
        """Killed, and nobody starts it again: what it held is refused at once, what comes, in time."""
        product = self.product
        with concurrent.futures.ThreadPoolExecutor() as pool:
            with frozen(product.process.pid, product.role_pid("planner")):
                change = pool.submit(self.timed, "POST", "/api/apps/generate", {"prompt": "a list"})
                app_id = wait_for(lambda: self.of_status("generating"), 5, "the app's row").pop()
                killed = time.monotonic()
                product.kill_role("apps")
                self.refused(change.result()[0], 503, "unavailable")
                self.assertLess(time.monotonic() - killed, AT_ONCE_S)
                answer, seconds = self.timed("GET", f"/api/apps/{app_id}/logs")
                self.refused(answer, 503, "unavailable")
                self.assertLess(seconds, QUICK_S)
                self.is_degraded("backend", "planner")
        product.wait_ready(10)
        wait_for(lambda: app_id in self.of_status("error"), 10, "the change is settled")
        self.assertEqual(product.http("GET", f"/api/apps/{app_id}/logs").status, 200)

    def test_a_store_that_hangs_while_a_new_version_comes_up(self):
        """It hears late that the version runs; in the end it and the cage say the same again."""
        product = self.product
        product.http("POST", "/api/sandbox/execute",
                     {"appId": "hangs", "files": {"server.js": FAST % "old"}})
        with concurrent.futures.ThreadPoolExecutor() as pool:
            change = pool.submit(product.http, "PATCH", "/api/apps/hangs",
                                 {"changes": {"server.js": SLOW % "new"}})
            wait_for(lambda: self.step("hangs") == "stored", 5, "the new version is kept")
            with frozen(product.role_pid("store")):
                read = pool.submit(self.timed, "GET", "/api/apps/hangs")
                self.is_degraded("database")
                answer, seconds = read.result()
                self.refused(answer, 504, "timed_out")
                self.assertLess(seconds, QUICK_S + 1)
                # until the change has heard as much, and would say how it ended
                concurrent.futures.wait([change], timeout=2.5)
            answer = change.result()        # the store is told again, as often as there is time
            if answer.status != 200:
                self.refused(answer, (503, 504))
        product.wait_ready(10)
        wait_for(lambda: not self.step("hangs"), 10, "the change has ended")
        self.runs_what_the_store_says("hangs")

    # ---- hostile messages ----

    @contextlib.contextmanager
    def unharmed(self):
        """Nothing was made of it, nobody died of it, and none of it wrote a line into the log."""
        product = self.product

        def look():
            return [product.role_pid(role) for role in ROLES], product.http("GET", "/api/apps").json()
        before = look()
        yield
        self.assertEqual(look(), before)
        self.assertEqual(product.http("GET", "/api/health").status, 200)
        lines = pathlib.Path(product.log_path).read_bytes().splitlines()
        self.assertEqual([line for line in lines if not line.startswith(b"time=")], [])

    def test_bodies(self):
        with self.unharmed():
            for name, body, code in BODIES:
                with self.subTest(name):
                    answer = self.product.http("POST", "/api/apps/generate", body,
                                               {"Content-Type": "application/msgpack"})
                    self.refused(answer, 400, code)

    def test_frames(self):
        """All on one connection; what is dropped is told by the answers of the others."""
        bus = self.product.bus()
        self.addCleanup(bus.close)
        with self.unharmed():
            for name, frames, error in FRAMES:
                with self.subTest(name):
                    bus.socket.send_multipart(frames)
                    heard = error and bus.socket.poll(5000) and \
                        msgpack.unpackb(bus.socket.recv_multipart()[-1])
                    self.assertEqual(error, heard and heard[2]["name"], heard)
            self.assertIn("apps", bus.call("store", "store.list"))

    def test_frames_larger_than_any_may_be(self):
        with self.unharmed():
            for name, frames in CUT:
                with self.subTest(name):
                    bus = self.product.bus()
                    bus.socket.send_multipart(frames)
                    self.assertIn("apps", bus.call("store", "store.list"))     # connected again
                    bus.close()


@unittest.skipUnless(os.geteuid() == 0, "a disk of its own needs root")
class Disk(Rig):
    """A disk that is full: changes are refused and nothing is lost; afterwards all goes on."""
    OCTETS = 56 << 20

    @classmethod
    def setUpClass(cls):
        cls.disk = tempfile.mkdtemp(prefix="isekai-disk-", dir="/var/tmp")
        cls.addClassCleanup(os.rmdir, cls.disk)
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={cls.OCTETS},mode=755", "tmpfs",
                               cls.disk], capture_output=True, text=True)
        if made.returncode:
            raise unittest.SkipTest(f"no disk of its own: {made.stderr}")
        cls.addClassCleanup(subprocess.run, ["umount", cls.disk], check=True)
        cls.begin(data=cls.disk, settings=ROOM)

    @contextlib.contextmanager
    def full(self, leave=0):
        """Not an octet is left, or about so many."""
        filler = pathlib.Path(self.disk, "filler")
        room = os.statvfs(self.disk)
        try:
            with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
                if leave:
                    os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - leave)
                while not leave:
                    file.write(bytes(4096))
            yield
        finally:
            filler.unlink()

    def log_is_whole(self):
        answer = self.product.cli("audit", "verify")
        self.assertEqual(answer.returncode, 0, answer)

    def recorded(self):
        bus = self.product.bus()
        try:
            return {(row["event"]["kind"], row["event"].get("appId"))
                    for row in bus.call("audit", "audit.list", {"limit": 100})["entries"]}
        finally:
            bus.close()

    def test_full(self):
        product = self.product
        made = product.http("POST", "/api/apps/generate", {"prompt": "Create a to-do list"}).json()
        app, page = self.app(made["id"]), product.preview(made).body
        files = {"server.js": FAST % "new"}
        with self.full():
            for change in [("POST", "/api/apps/generate", {"prompt": "a dashboard"}),
                           ("PATCH", f"/api/apps/{app['id']}", {"prompt": "Change the title to Full"}),
                           ("PATCH", f"/api/sandbox/apps/{app['id']}", {"files": files}),
                           ("POST", "/api/sandbox/execute", {"appId": "new", "files": files}),
                           ("POST", f"/api/apps/{app['id']}/stop"),
                           ("DELETE", f"/api/apps/{app['id']}")]:
                with self.subTest(change=change[:2]):
                    self.refused(product.http(*change), (503, 507))
            self.is_degraded("database")
            self.assertEqual(self.app(app["id"]), app)
            self.assertEqual(product.preview(app).body, page)
            for role in ["store", "audit"]:
                product.kill_role(role)
            wait_for(lambda: product.http("GET", f"/api/apps/{app['id']}").status == 200, 10, "the store")
            self.assertEqual(self.app(app["id"]), app)
            self.log_is_whole()
        product.wait_ready(10)
        other = product.http("POST", "/api/apps/generate", {"prompt": "a dashboard"})
        self.assertEqual(other.status, 201, other)
        other = other.json()
        changed = product.http("PATCH", f"/api/apps/{app['id']}", {"prompt": "Change the title to Free"})
        self.assertEqual((changed.status, changed.json()["version"]), (200, 2))
        wait_for(lambda: {("app_generated", app["id"]), ("app_generated", other["id"]),
                          ("app_modified", app["id"])} <= self.recorded(), 5, "the audit log has it all")
        self.log_is_whole()
        product.stop()
        product.start()
        self.assertEqual(self.app(app["id"])["name"], "Free")
        self.assertEqual(self.app(other["id"])["code"], other["code"])
        self.log_is_whole()

    def test_full_in_the_middle_of_a_change(self):
        product = self.product
        made = product.http("POST", "/api/apps/generate", {"prompt": "Create a CSV viewer"}).json()
        app, page = self.app(made["id"]), product.preview(made).body
        with concurrent.futures.ThreadPoolExecutor() as pool:
            with frozen(product.role_pid("planner")):
                changes = [pool.submit(product.http, *change) for change in
                           [("POST", "/api/apps/generate", {"prompt": "a Markdown editor"}),
                            ("PATCH", f"/api/apps/{app['id']}", {"prompt": "Add dark mode"})]]
                wait_for(lambda: self.step(app["id"]), 5, "the change has begun")
                wait_for(lambda: self.of_status("generating"), 5, "the new app's row")
                full = contextlib.ExitStack()
                full.enter_context(self.full())
            with full:
                for change in changes:
                    self.refused(change.result(), (503, 507))
                self.assertEqual(product.preview(app).body, page)
        wait_for(lambda: not self.step(app["id"]) and not self.of_status("generating"), 10, "all is settled")
        self.assertEqual({**self.app(app["id"]), "updatedAt": app["updatedAt"]}, app)
        self.assertEqual(product.preview(app).body, page)
        self.assertEqual(product.http("PATCH", f"/api/apps/{app['id']}",
                                      {"prompt": "Add dark mode"}).json()["version"], 2)

    def test_full_when_the_new_version_answers(self):
        product = self.product
        product.http("POST", "/api/sandbox/execute",
                     {"appId": "late", "files": {"server.js": FAST % "old"}})
        app = self.app("late")

        def comes_up():
            logs = product.http("GET", "/api/apps/late/logs").json()["logs"]
            return any(row["line"] == "soon" for row in logs)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            change = pool.submit(product.http, "PATCH", "/api/apps/late",
                                 {"changes": {"server.js": "console.log('soon');" + SLOW % "new"}})
            wait_for(comes_up, 5, "the new version is tried out")
            with self.full():
                self.refused(change.result(), (503, 507))
                self.assertIn(product.preview(app).body, [b"old", b"new"])
        wait_for(lambda: not self.step("late"), 10, "the change is settled")
        self.runs_what_the_store_says("late")

    def test_a_change_that_does_not_fit(self):
        """Its code fits once, and the copy of the data too, but not the code a second time."""
        product, big = self.product, {f"{n}.txt": "x" * 1000000 for n in range(3)}
        fills = "require('fs').writeFileSync('/data/big', Buffer.alloc(4000000));"
        product.http("POST", "/api/sandbox/execute",
                     {"appId": "big", "files": {"server.js": fills + FAST % "old"}})
        home = pathlib.Path(self.disk, "runtime/apps/big")
        with self.full(leave=12000000):
            self.refused(product.http("PATCH", "/api/apps/big", {"changes": big}), 507, "disk_full")
            wait_for(lambda: len(list(home.iterdir())) == 5, 5, "its copies are gone")
            self.assertIsNone(self.step("big"))     # there was room to write that it failed
            self.assertEqual(self.app("big")["version"], 1)
            self.assertEqual(product.preview(self.app("big")).body, b"old")
        self.assertEqual(product.http("PATCH", "/api/apps/big", {"changes": big}).status, 200)


if __name__ == "__main__":
    unittest.main()
