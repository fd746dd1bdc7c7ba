"""`isekai up` by an ordinary user: the same product, in that user's own directories, with what the
host gives it. The user has a uid that nobody else has, and no entry in passwd."""
import contextlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import unittest

from product import BIN, Product, ROLES, wait_for

# An app that tells what it sees, and keeps a file.
SEEN = """
const http = require('http'), fs = require('fs'), net = require('net'), os = require('os');
const kept = process.env.DATA_DIR + '/kept';
const dial = (port, host) => new Promise((done) => {
  const socket = net.connect(port, host).on('connect', () => done('connected'))
    .on('error', (error) => done(error.code));
  socket.setTimeout(3000, () => done('silence'));
});
function eat() {
  const blocks = [];
  try { while (blocks.length < 64) blocks.push(Buffer.alloc(16 << 20, 1)); } catch { }
  return blocks.length * 16;
}
http.createServer(async (q, r) => {
  if (q.url === '/fill') {
    const fill = (n) => {
      fs.writeFileSync('/data/' + n, Buffer.alloc(1 << 20));
      setImmediate(fill, n + 1);
    };
    fill(0);
  }
  if (q.url === '/keep') fs.writeFileSync(kept, 'still here');
  r.end(JSON.stringify({
    status: fs.readFileSync('/proc/self/status', 'utf8'),
    kept: fs.existsSync(kept) && fs.readFileSync(kept, 'utf8'),
    interfaces: Object.keys(os.networkInterfaces()).filter((name) => name !== 'lo'),
    dials: q.url === '/dial' && [await dial(GATEWAY, '127.0.0.1'), await dial(53, '9.9.9.9')],
    root: fs.readdirSync('/'),
    eaten: q.url === '/eat' && eat(),
  }));
}).listen(process.env.PORT);
"""
MEMORY_MB = 256
NO_USER_NAMESPACES = ("echo 0 >/proc/sys/user/max_user_namespaces && "
                      'exec setpriv --ambient-caps=-all "$@"')


def fields_of(status):
    return dict(line.split(":\t", 1) for line in status.split("\n") if ":\t" in line)


def processes_of(uid):
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = fields_of(entry.joinpath("status").read_text())
            if str(uid) in fields["Uid"].split() and not fields["State"].startswith("Z"):
                found.append((int(entry.name), fields["Name"]))
    return found


def free_uid():
    for uid in range(61000, 62000):
        try:
            pwd.getpwuid(uid)
        except KeyError:
            if not processes_of(uid) and not os.path.exists(f"/tmp/isekai-{uid}"):
                return uid
    raise unittest.SkipTest("no uid is free")


class Ordinary(Product):
    """What a user without any privilege has: a home, and an installation that all may read."""

    def __init__(self):
        super().__init__(settings={"apps_rate_limit": 100000, "sandbox_rate_limit": 100000})
        self.top, self.uid = self.data, free_uid()
        self.home = os.path.join(self.top, "home")
        self.data = os.path.join(self.home, "state", "isekai")
        self.path = os.environ["PATH"]
        self.before, self.wrapper = "", []      # what root's shell does; what the user starts it with
        os.mkdir(self.home, 0o700)
        os.chown(self.home, self.uid, self.uid)
        subprocess.run(["cmake", "--install", BIN.parent, "--prefix", self.top], check=True,
                       stdout=subprocess.DEVNULL)

    def command(self, *words):
        script = f'cd / && {self.before} exec setpriv --reuid {self.uid} --regid {self.uid} ' \
                 '--clear-groups "$@"'
        return ["sh", "-c", script, "sh", *self.wrapper, "env", f"PATH={self.path}",
                os.path.join(self.top, "bin", "isekai"), *words]

    def environment(self):
        return {**super().environment(), "HOME": self.home,
                "XDG_STATE_HOME": os.path.join(self.home, "state")}

    def kill_all(self):
        """kill -9 of everything this user has, so that none is left to clean up after another."""
        for pid, _ in processes_of(self.uid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        wait_for(lambda: not processes_of(self.uid), 10, "everything of the user is gone")
        self.stop()

    def refusal(self):
        """The exit code and the last words of an `isekai up` that cannot work."""
        done = subprocess.run(self.command("up", "--listen", self.listen), capture_output=True,
                              text=True, timeout=20, env=self.environment())
        return done.returncode, done.stdout, done.stderr.strip().split("\n")[-1]

    def remove(self):
        self.stop()
        for path in [self.top, f"/tmp/isekai-{self.uid}"]:
            shutil.rmtree(path, ignore_errors=True)


class Groups:
    """Cgroups of the user's own, of the version this host has."""

    def __init__(self, uid):
        top = pathlib.Path("/sys/fs/cgroup")
        if top.joinpath("cgroup.controllers").exists():
            top.joinpath("cgroup.subtree_control").write_text("+memory +cpu +pids")
            parents = [top]
        else:
            paths = [line.strip().split(":", 2) for line in open("/proc/self/cgroup")]
            parents = [top / name / path[1:] for _, names, path in paths
                       for name in names.split(",") if name in ("memory", "cpu", "cpuacct", "pids")]
        self.level = "cgroup-v2" if len(parents) == 1 else "cgroup-v1"
        self.places = [parent / f"isekai-test-{uid}" for parent in parents]
        for place in self.places:
            place.mkdir()
            for name in [".", "cgroup.procs", "cgroup.subtree_control", "tasks"]:
                with contextlib.suppress(FileNotFoundError):
                    os.chown(place / name, uid, uid)

    def enter(self):
        return "".join(f"echo $$ >{place}/cgroup.procs && " for place in self.places)

    def cages(self):
        return sorted({cage.name for place in self.places for cage in place.glob("**/cage-*")})

    def memory_limits(self):
        return [int(file.read_text()) for place in self.places for name in
                ("memory.max", "memory.limit_in_bytes") for file in place.glob(f"**/cage-*/{name}")]

    def left(self):
        return [path for place in self.places for path in place.glob("**/isekai-*")]

    def remove(self):
        for place in self.places:
            for path in sorted(place.glob("**/"), key=lambda one: -len(one.parts)):
                wait_for(lambda: not path.joinpath("cgroup.procs").read_text(), 10, f"{path} is empty")
                path.rmdir()


@unittest.skipUnless(os.geteuid() == 0, "only root can become a user of no name")
class Unprivileged(unittest.TestCase):
    def setUp(self):
        self.product = Ordinary()
        self.addCleanup(self.product.remove)

    def put_app(self, app_id="seen", **config):
        source = SEEN.replace("GATEWAY", str(self.product.port))
        answer = self.product.http("POST", "/api/sandbox/execute",
                                   {"appId": app_id, "files": {"server.js": source},
                                    "config": {"memoryMb": MEMORY_MB, **config}})
        self.assertEqual(answer.status, 201, answer)

    def see(self, path="/"):
        answer = self.product.preview(f"http://seen.localhost:{self.product.port}{path}", path=path)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def is_back(self):
        url = f"http://seen.localhost:{self.product.port}/"
        wait_for(lambda: self.product.preview(url).status == 200, 15, "the app is back")

    def sandbox_row(self):
        status = self.product.cli("status")
        self.assertEqual(status.returncode, 0, status)
        return re.search(r"(?m)^sandbox +ok .*$", status.stdout).group(0)

    def check_places_and_roles(self):
        for name in ["store/isekai.db", "audit", "runtime/apps"]:
            about = os.stat(os.path.join(self.product.data, name))
            self.assertEqual((about.st_uid, about.st_mode & 0o077), (self.product.uid, 0), name)
        for role in ROLES:
            status = pathlib.Path(f"/proc/{self.product.role_pid(role)}/status").read_text()
            fields = fields_of(status)
            self.assertEqual((int(fields["CapPrm"], 16), fields["NoNewPrivs"]), (0, "1"), role)

    def check_line(self):
        """Generate over HTTP and by the shell, look, change, stop. The stopped app's id."""
        made = self.product.http("POST", "/api/apps/generate", {"prompt": "Create a CSV viewer app"})
        self.assertEqual(made.status, 201, made)
        app = made.json()
        path = f"/api/apps/{app['id']}"
        self.assertTrue(os.path.isdir(os.path.join(self.product.data, "runtime/apps", app["id"])))
        self.assertEqual(self.product.preview(app).status, 200)
        changed = self.product.http("PATCH", path, {"prompt": "Change the title to Mine"})
        self.assertEqual((changed.status, changed.json()["version"]), (200, 2), changed)
        self.assertIn(b"<title>Mine</title>", self.product.preview(app).body)
        stopped = self.product.http("POST", path + "/stop")
        self.assertEqual((stopped.status, stopped.json()["status"]), (200, "stopped"), stopped)
        typed = self.product.cli("generate", "Create a to-do list")
        self.assertEqual(typed.returncode, 0, typed)
        self.assertEqual(self.product.preview(typed.stdout.split()[-1]).status, 200)
        return app["id"]

    def check_cage(self):
        self.put_app()
        seen = self.see("/dial")
        fields = fields_of(seen["status"])
        self.assertEqual(fields["Uid"].split(), ["1000"] * 4)
        for kind in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]:
            self.assertEqual(int(fields[kind], 16), 0, kind)
        self.assertEqual((fields["NoNewPrivs"], fields["Seccomp"]), ("1", "2"))
        self.assertEqual(seen["interfaces"], [])
        self.assertEqual(len(seen["dials"]), 2)
        self.assertNotIn("connected", seen["dials"])
        self.assertFalse({"home", "root", "var", "run", "bin"} & set(seen["root"]), seen["root"])

    def check_what_is_missing_is_told(self):
        row = self.sandbox_row()
        for words in ["rlimits", "no-own-uid", "disk-watched", "proven namespaces",
                      "memory limited per process, CPU not at all"]:
            self.assertIn(words, row)
        log = pathlib.Path(self.product.log_path).read_text()
        for event in ["cgroups_missing", "own_uids_missing"]:
            self.assertRegex(log, rf"level=warn .*{event} ")

    def check_memory_ends(self):
        """Buffers are no part of V8's heap: only the limit ends them, and perhaps the app with them."""
        self.put_app("hungry")
        answer = self.product.preview(f"http://hungry.localhost:{self.product.port}/", path="/eat")
        if answer.status == 200:
            self.assertLess(answer.json()["eaten"], MEMORY_MB)
        else:
            self.assertEqual(answer.status, 502, answer)

    def check_disk_ends(self):
        self.put_app("full", diskMb=8)
        self.product.preview(f"http://full.localhost:{self.product.port}/", path="/fill")
        wait_for(lambda: self.product.http("GET", "/api/apps/full").json()["status"] == "error", 20,
                 "the app that fills its disk is ended")
        logs = self.product.http("GET", "/api/apps/full/logs").json()["logs"]
        self.assertIn("used more disk than its 8 MB", logs[-1]["line"])

    def test_the_whole_line(self):
        mounts = pathlib.Path("/proc/mounts").read_text()
        self.product.start()
        self.check_places_and_roles()
        stopped = self.check_line()
        self.check_cage()
        self.check_what_is_missing_is_told()
        self.check_memory_ends()
        self.check_disk_ends()
        self.assertEqual(self.see("/keep")["kept"], "still here")

        self.product.kill_all()
        self.product.start()
        self.is_back()
        self.assertEqual(self.see()["kept"], "still here")
        app = self.product.http("GET", f"/api/apps/{stopped}").json()
        self.assertEqual((app["status"], app["version"]), ("stopped", 2))

        run_dir = self.product.run_dir
        self.assertEqual(self.product.stop(), 0)
        self.assertEqual(processes_of(self.product.uid), [])
        self.assertFalse(os.path.exists(run_dir), run_dir)
        self.assertEqual(pathlib.Path("/proc/mounts").read_text(), mounts)

    def test_cgroups_that_are_the_users_own_are_used(self):
        try:
            groups = Groups(self.product.uid)
        except OSError as error:
            self.skipTest(f"this host's cgroups cannot be given to a user: {error}")
        self.addCleanup(groups.remove)
        self.addCleanup(self.product.stop)
        self.product.before = groups.enter()
        self.product.settings["sandbox_warm_cages"] = 0   # every cgroup here is an app's
        self.product.start()
        self.assertRegex(self.sandbox_row(), rf" {groups.level} seccomp \S*landlock\S* no-own-uid disk-watched, proven ")
        self.put_app()
        self.put_app()                  # so that its cage is not the first, as it will be again
        self.assertEqual(len(groups.cages()), 1)
        self.assertNotIn("cage-1", groups.cages())
        self.assertEqual(groups.memory_limits(), [MEMORY_MB << 20])
        self.product.kill_role("sandbox")
        self.product.wait_ready()
        self.is_back()
        self.assertEqual(groups.cages(), ["cage-1"], "the killed sandbox's cgroups are gone")
        self.assertEqual(self.product.stop(), 0)
        self.assertEqual([path for path in groups.left() if path.name != "isekai.roles"], [])

    def refused(self, words):
        code, out, last = self.product.refusal()
        self.assertEqual((code, out), (78, ""), last)
        self.assertRegex(last, words)
        self.assertEqual(processes_of(self.product.uid), [])

    def test_what_cannot_work_here_is_refused_in_words(self):
        self.product.path = self.product.home
        self.refused(r"^isekai up: isekai-sandbox: bwrap is not in PATH.*apt-get install bubblewrap$")
        self.product.path = os.environ["PATH"]
        self.product.wrapper = ["unshare", "--user", f"--map-user={self.product.uid}",
                                f"--map-group={self.product.uid}", "--keep-caps",
                                "sh", "-c", NO_USER_NAMESPACES, "sh"]
        self.refused(r"^isekai up: isekai-sandbox: no cage can be built here; as root: "
                     r"sysctl -w user\.max_user_namespaces=\d+ \(bwrap: ")
        self.product.wrapper, self.product.settings["sandbox_floor"] = [], "limits"
        self.refused(r"^isekai up: isekai-sandbox: SANDBOX_FLOOR=limits is not reached here, "
                     r"SANDBOX_FLOOR=namespaces is: no cgroup with memory, cpu and pids is delegated "
                     r"to us; cpu: nothing held it back, memory: took ")
        del self.product.settings["sandbox_floor"]
        self.product.wrapper = ["prlimit", "--nofile=1024:1024"]
        self.refused(r"^isekai up: isekai-gateway: http_threads=\d+ needs \d+ open files, .*HTTP_THREADS")


if __name__ == "__main__":
    unittest.main()
