"""kill -9 of each role in the middle of changes: a defined state within seconds, nothing left over."""
import concurrent.futures
import contextlib
import glob
import http.client
import os
import pathlib
import select
import signal
import subprocess
import time
import unittest

from product import BusError, Product, ROLES, wait_for

SLOW = """
const http = require('http');
setTimeout(() => http.createServer((q, r) => r.end('slow')).listen(process.env.PORT), 1500);
"""
SOON = SLOW.replace("1500", "600")
FAST = "require('http').createServer((q, r) => r.end('fast')).listen(process.env.PORT);"
DEFINED = {"running", "stopped", "error", "sleeping"}


def freeze(pid):
    """SIGSTOP, until each thread has heard of it."""
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: all(pathlib.Path(task, "stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
                         for task in glob.glob(f"/proc/{pid}/task/*")), 5, f"{pid} stands still")


def caged_processes(product):
    """The bubblewraps of this product's cages; what is in a cage ends with its bubblewrap."""
    found = []
    for entry in glob.glob("/proc/[0-9]*"):
        try:
            cmdline = pathlib.Path(entry, "cmdline").read_bytes()
        except OSError:
            continue
        if product.data.encode() in cmdline and b"bwrap" in cmdline:
            found.append((entry, cmdline))
    return found


class Killing(unittest.TestCase):
    settings = {}

    def setUp(self):
        self.product = Product(settings={"sandbox_rate_limit": 100000, "apps_rate_limit": 100000,
                                         **self.settings})
        self.product.start()

    def tearDown(self):
        self.product.__exit__(None, None, None)

    def execute(self, app_id, server, seconds=60, key=None):
        try:
            return self.product.http("POST", "/api/sandbox/execute",
                                     {"appId": app_id, "files": {"server.js": server}},
                                     {"Idempotency-Key": key} if key else {}, seconds=seconds)
        except (OSError, http.client.HTTPException) as error:
            return error

    def settled(self, app_id):
        def look():
            try:
                answer = self.product.http("GET", f"/api/apps/{app_id}", seconds=5)
            except (OSError, http.client.HTTPException):
                return None
            if answer.status == 404:
                return "absent"
            status = answer.json().get("status")
            return status if status in DEFINED else None
        return wait_for(look, 25, f"a defined state of {app_id}")

    def serves_what_it_says(self, app_id, status):
        url = f"http://{app_id}.localhost:{self.product.port}/"
        if status == "running":
            wait_for(lambda: self.product.preview(url, seconds=10).status == 200, 15, f"{app_id} answers")
        else:
            self.assertNotEqual(self.product.preview(url, seconds=10).status, 200)

    def step_of(self, bus, app_id):
        """The open operation's step, as the store has it; None while there is none."""
        try:
            return bus.call("store", "store.find", {"appId": app_id}).get("operation", {}).get("step")
        except BusError:
            return None

    def app_ids(self):
        return {row["id"] for row in self.product.http("GET", "/api/apps?limit=100").json()["apps"]}

    def new_app(self, known):
        return wait_for(lambda: next(iter(self.app_ids() - known), None), 10, "the app's row")

    def held_at(self, step, role):
        """Begin a change, hold it at `step` by freezing whom it waits for, kill `role`, let go on."""
        frozen = self.product.role_pid("planner" if step == "begun" else "sandbox")
        known = self.app_ids()
        bus = self.product.bus()
        os.kill(frozen, signal.SIGSTOP)
        try:
            with concurrent.futures.ThreadPoolExecutor() as pool:
                call = pool.submit(self.generate)
                app_id = self.new_app(known)
                wait_for(lambda: self.step_of(bus, app_id) == step, 10, f"step {step}")
                self.product.kill_role(role)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(frozen, signal.SIGCONT)
                return app_id, call.result()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(frozen, signal.SIGCONT)
            bus.close()

    def take_turns(self, app_id, step):
        """apps and store run by turns from step "stored" on, never both at once, until the store has
        `step`: then apps, which has not heard of that, is left frozen. Its pid."""
        apps, store = self.product.role_pid("apps"), self.product.role_pid("store")
        bus = self.product.bus()
        try:
            wait_for(lambda: self.step_of(bus, app_id) == "stored", 10, "step stored")
            deadline = time.monotonic() + 20
            while True:
                freeze(store)
                os.kill(apps, signal.SIGCONT)
                select.select([], [], [], 0.05)
                freeze(apps)
                os.kill(store, signal.SIGCONT)
                bus.call("store", "store.probe")        # written after what had come before it
                if self.step_of(bus, app_id) == step:
                    return apps
                self.assertLess(time.monotonic(), deadline, f"step {step}")
        except BaseException:
            os.kill(apps, signal.SIGCONT)
            os.kill(store, signal.SIGCONT)
            raise
        finally:
            bus.close()

    def killed_at_started(self, app_id, role):
        """The answer, if one came, of an execute whose role died between "started" and the end."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            call = pool.submit(self.execute, app_id, SOON, key=f"at-{role}")
            apps = self.take_turns(app_id, "started")
            try:
                dead = self.product.kill_role(role)
                restored = self.times_restored()
                wait_for(lambda: self.product.role_pid(role) not in (None, dead), 10,
                         f"{role} is started again")
                if role == "sandbox":       # and has asked what should run, while this is open
                    wait_for(lambda: self.times_restored() > restored, 10, "the sandbox asked")
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(apps, signal.SIGCONT)
            return time.monotonic(), call.result()

    def times_restored(self):
        """How often a sandbox of this product has asked the store what should run."""
        return pathlib.Path(self.product.data, "up.log").read_bytes().count(b"sandbox_restored")

    def outcome(self, app_id, role):
        """What a repeat with the same key is told, once the first has come to its end."""
        answer = self.execute(app_id, SOON, key=f"at-{role}")
        return answer if getattr(answer, "status", 503) not in (409, 503) else None

    def generate(self):
        try:
            return self.product.http("POST", "/api/apps/generate", {"prompt": "a dashboard"})
        except (OSError, http.client.HTTPException) as error:
            return error

    def is_starting(self, app_id):
        bus = self.product.bus()
        try:
            return bus.call("sandbox", "sandbox.logs", {"appId": app_id})["logs"]
        except BusError:
            return None
        finally:
            bus.close()

    def cages(self):
        """The apps whose cages the sandbox has, by its own list."""
        bus = self.product.bus()
        try:
            return {row["id"] for row in bus.call("sandbox", "sandbox.list")["runs"]
                    if row["status"] in ("generating", "running")}
        finally:
            bus.close()

    def named(self):
        return {row["id"] for row in self.product.http("GET", "/api/apps?limit=100").json()["apps"]
                if row["status"] == "running"}

    def check_defined(self, app_id, answer):
        self.product.wait_ready()
        status = self.settled(app_id)
        self.serves_what_it_says(app_id, status)
        wait_for(lambda: self.cages() <= self.named(), 15, "no cage that the store does not name")
        if getattr(answer, "status", 0) == 201:
            self.assertEqual(status, "running")
        # no operation is left open: the app can be changed again
        again = wait_for(lambda: (lambda a: a if getattr(a, "status", 0) == 201 else None)
                         (self.execute(app_id, FAST)), 30, "a new change succeeds")
        self.assertEqual(again.status, 201)
        self.serves_what_it_says(app_id, "running")
        url = f"http://{app_id}.localhost:{self.product.port}/"
        self.assertEqual(self.product.preview(url).body, b"fast")


class KillAtStarted(Killing):
    def test_each_role_between_started_and_the_end(self):
        for role in ROLES:
            with self.subTest(role=role):
                app_id = f"at-{role}"
                since, answer = self.killed_at_started(app_id, role)
                outcome = wait_for(lambda: self.outcome(app_id, role), 10, "the outcome is told")
                self.assertEqual(outcome.status, 201, outcome)
                wait_for(lambda: self.cages() >= {app_id}, 10, "the cage is there")
                self.assertEqual(self.settled(app_id), "running")
                self.serves_what_it_says(app_id, "running")
                self.assertLess(time.monotonic() - since, 10)
                self.assertLessEqual(self.cages(), self.named())
                if getattr(answer, "status", 0) == 201:
                    self.assertEqual(answer.body, outcome.body)


class Kill(Killing):
    settings = {"apps_lease_ms": 2000}      # what is waited for most

    def test_each_role_at_step_begun(self):
        for role in ROLES:
            with self.subTest(role=role):
                self.check_defined(*self.held_at("begun", role))

    def test_each_role_at_step_stored(self):
        for role in ROLES:
            with self.subTest(role=role):
                self.check_defined(*self.held_at("stored", role))

    def test_each_role_while_the_app_starts(self):
        for role in ROLES:
            with self.subTest(role=role):
                app_id = f"kill-{role}"
                with concurrent.futures.ThreadPoolExecutor() as pool:
                    call = pool.submit(self.execute, app_id, SLOW)
                    wait_for(lambda: self.is_starting(app_id), 10, "the cage is being started")
                    self.product.kill_role(role)
                    answer = call.result()
                self.check_defined(app_id, answer)

    def test_kill_of_the_sandbox_brings_apps_back_with_their_data(self):
        self.execute("stays", FAST)
        data = pathlib.Path(self.product.data, "runtime/apps/stays/data/kept.txt")
        data.write_text("x")
        self.product.kill_role("sandbox")
        self.product.wait_ready()
        self.serves_what_it_says("stays", "running")
        self.assertTrue(data.exists())

    def test_kill_of_everything_then_start(self):
        self.execute("survives", FAST)
        self.execute("stopped", FAST)
        self.product.http("POST", "/api/apps/stopped/stop")
        pids = [self.product.role_pid(role) for role in ROLES]
        os.kill(self.product.process.pid, signal.SIGKILL)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.product.process.wait()
        self.product.process = None
        wait_for(lambda: not caged_processes(self.product), 10, "cages die with the sandbox")
        self.product.start()
        self.serves_what_it_says("survives", "running")
        self.assertEqual(self.product.http("GET", "/api/apps/stopped").json()["status"], "stopped")

    def test_roles_end_with_the_supervisor(self):
        pids = [self.product.role_pid(role) for role in ROLES]
        os.kill(self.product.process.pid, signal.SIGKILL)
        self.product.process.wait()
        self.product.process = None
        wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 15,
                 "roles end with isekai up")

    def test_stop_leaves_nothing(self):
        self.execute("leaves", FAST)
        run_dir = self.product.run_dir
        mounts = pathlib.Path("/proc/mounts").read_text()
        caged = {child for entry, _ in caged_processes(self.product) for child in
                 pathlib.Path(entry, "task", pathlib.Path(entry).name, "children").read_text().split()}
        groups = [path for path in map(pathlib.Path, glob.glob("/sys/fs/cgroup/**/cage-*/cgroup.procs", recursive=True))
                  if caged & set(path.read_text().split())]
        self.assertNotEqual(groups, [])
        self.assertEqual(self.product.stop(), 0)
        wait_for(lambda: not caged_processes(self.product), 10, "no cage is left")
        self.assertFalse(os.path.exists(run_dir), run_dir)
        self.assertEqual(pathlib.Path("/proc/mounts").read_text(), mounts)
        self.assertEqual([path for path in groups if path.parent.parent.exists()], [])
        self.product.start()


class Second(unittest.TestCase):
    def test_a_second_up_on_the_same_data_is_refused(self):
        with Product() as product:
            second = subprocess.run([os.fspath(p) for p in
                                     [product.cli("status").args[0], "up", "--data", product.data,
                                      "--listen", "127.0.0.1:1"]],
                                    capture_output=True, text=True, timeout=20)
            self.assertEqual(second.returncode, 1)
            self.assertIn("another `isekai up`", second.stderr)


if __name__ == "__main__":
    unittest.main()
