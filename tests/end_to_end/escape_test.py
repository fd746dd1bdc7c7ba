"""The programs of tests/escape, run as apps of the product: as root, and as an ordinary user. Each
tells what it got, which is compared with its row; the host tells whether anything has come out."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import shutil
import socket
import sys
import tempfile
import time
import unittest

from product import ROLES, TOP, Product, free_port, wait_for
from unprivileged_test import Groups, Ordinary

sys.path.insert(0, str(TOP / "tests" / "escape"))
import corpus  # noqa: E402
from corpus import PROGRAMS  # noqa: E402

LOG_OCTETS = 65536
SETTINGS = {"apps_rate_limit": 100000, "sandbox_rate_limit": 100000, "preview_rate_limit": 100000,
            "max_pids": corpus.PIDS, "max_memory_mb": corpus.MEMORY_MB, "log_bytes_max": LOG_OCTETS,
            "max_file_mb": corpus.FILE_MB, "max_open_files": corpus.FILES, "stop_timeout_ms": 500,
            "sandbox_warm_cages": 0}        # so that those left can be counted
AT_ONCE = 3
NEIGHBOUR = """
const fs = require('fs'), net = require('net');
for (const place of ['/data', '/tmp', '/dev/shm'])
  fs.writeFileSync(place + '/treasure', 'treasure', {mode: 0o666});
for (const path of ['/tmp/neighbour', '\\0neighbour'])
  net.createServer((socket) => socket.end('treasure')).listen(path);
require('http').createServer((q, r) => r.end(fs.readFileSync('/data/treasure')))
  .listen(process.env.PORT);
"""


class Host:
    """What is to be found outside: a file, listeners; and what has come to them."""

    def __init__(self, product):
        self.product, self.closing = product, contextlib.ExitStack()
        canary = self.closing.enter_context(
            tempfile.NamedTemporaryFile(prefix="isekai-canary-", dir="/var/tmp"))
        canary.write(b"canary")
        canary.flush()
        os.chmod(canary.name, 0o666)
        self.canary = pathlib.Path(canary.name)
        self.tcp = self.listener(socket.AF_INET, socket.SOCK_STREAM, ("", 0))
        port = self.tcp.getsockname()[1]
        self.udp = self.listener(socket.AF_INET, socket.SOCK_DGRAM, ("", port))
        self.abstract = self.listener(socket.AF_UNIX, socket.SOCK_STREAM, f"\0isekai-escape-{port}")
        self.facts = {
            "canary": str(self.canary), "data": product.data, "run": product.run_dir,
            "gateway": product.port, "listener": port, "free_port": free_port(),
            "address": self.address(), "abstract": self.abstract.getsockname()[1:].decode(),
            "pids": {"up": product.process.pid,
                     **{role: product.role_pid(role) for role in ROLES}},
        }

    def listener(self, family, kind, address):
        made = self.closing.enter_context(socket.socket(family, kind))
        made.bind(address)
        if kind == socket.SOCK_STREAM:
            made.listen()
        made.setblocking(False)
        return made

    @staticmethod
    def address():
        """This host's own address on its network; nothing is sent to find it out."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("9.9.9.9", 53))
            return probe.getsockname()[0]
        return "192.0.2.1"

    def visitors(self):
        """The listeners that somebody has come to."""
        found = []
        for name, listener in [("tcp", self.tcp), ("udp", self.udp), ("abstract", self.abstract)]:
            with contextlib.suppress(BlockingIOError):
                found.append((name, listener.accept() if name != "udp" else listener.recvfrom(100)))
        return found

    def close(self):
        self.closing.close()


class Corpus:
    """The tests; the classes below say as whom, and on which runtime."""

    runtime, programs = "bwrap", list(PROGRAMS)

    @classmethod
    def begin(cls, product):
        cls.product = product
        product.settings.update(SETTINGS, sandbox_runtime=cls.runtime)
        cls.addClassCleanup(cls.end)
        product.start()
        cls.host = Host(product)
        cls.addClassCleanup(cls.host.close)
        cls.has_cgroups = " cgroup-v" in product.cli("status").stdout
        cls.roles = {role: product.role_pid(role) for role in ROLES}
        cls.execute("neighbour", {"server.js": NEIGHBOUR})

    @classmethod
    def execute(cls, app_id, files, config=None):
        answer = cls.product.http("POST", "/api/sandbox/execute",
                                  {"appId": app_id, "files": files, "config": config or {}})
        assert answer.status == 201, (app_id, answer)

    def see(self, app_id, path):
        url = f"http://{app_id}.localhost:{self.product.port}/"
        return self.product.preview(url, path=path)

    def ask(self, app_id, path, seconds):
        """The status of a whole answer; HANG_UP when none has ended in time."""
        deadline, octets = time.monotonic() + seconds, b""
        with socket.create_connection(("127.0.0.1", self.product.port)) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: {app_id}.localhost:{self.product.port}\r\n"
                           "Connection: close\r\n\r\n".encode())
            while True:
                client.settimeout(max(0.001, deadline - time.monotonic()))
                try:
                    got = client.recv(65536)
                except TimeoutError:
                    return corpus.HANG_UP
                octets += got
                if not got:
                    return int(octets.split(b" ")[1]) if octets else "nothing"
                if time.monotonic() > deadline:
                    return corpus.HANG_UP

    def ended(self, app_id):
        return self.product.http("GET", f"/api/sandbox/apps/{app_id}").json().get("exit", {}).get("reason")

    def run_one(self, name):
        try:
            return self.wrongs(name)
        except Exception as error:
            return [f"{name}: {error!r}"]

    def wrongs(self, name):
        """What is not as its row says, in sentences."""
        program, wrong, app_id = PROGRAMS[name], [], name.replace("_", "-")

        def expect(what, expected, told):
            if not corpus.fits(expected, told):
                wrong.append(f"{name}.{what}: {told!r} is not {expected}")
        self.execute(app_id, {**corpus.files_of(name), "host.json": json.dumps(self.host.facts)},
                     {"cpuPercent": 200, **program.config})
        answer = self.see(app_id, "/tried")
        is_gvisor = self.runtime == "gvisor"
        rows = {**program.attempts, **({} if self.has_cgroups else program.without_cgroups),
                **(corpus.BEHIND_GVISOR.get(name, {}) if is_gvisor else {})}
        ends = corpus.GVISOR_ENDS.get(name, program.ends) if is_gvisor else program.ends
        told = answer.json() if answer.status == 200 else {"status": str(answer)}
        for attempt in {**rows, **told}:
            expect(attempt, rows.get(attempt, "no row"), told.get(attempt, "nothing"))
        for path, status in program.asks.items():
            expect(path, str(status), str(self.ask(app_id, path, 20 if status else 1)))
        if program.after:
            getattr(self, program.after)(app_id)
        if ends:
            wait_for(lambda: self.ended(app_id), 60 if is_gvisor else 15, f"{name} ends")
            expect("ends", ends, self.ended(app_id))
        expect("removed", "204", str(self.product.http("DELETE", f"/api/apps/{app_id}").status))
        return wrong

    # ---- what the host shows ----

    def log_is_bounded(self, app_id):
        log = pathlib.Path(self.product.data, "runtime/apps", app_id, "log")
        self.assertLessEqual(sum(file.stat().st_size for file in log.iterdir()), LOG_OCTETS)
        lines = self.product.http("GET", f"/api/apps/{app_id}/logs?tail=1000").json()["logs"]
        self.assertTrue(lines)

    def nothing_listens(self, _):
        """What the app listens on is not on this host."""
        for family, address in [(socket.AF_INET, ("127.0.0.1", self.host.facts["free_port"])),
                                (socket.AF_INET, ("127.0.0.1", 9229)), (socket.AF_UNIX, "\0escaped")]:
            with socket.socket(family) as client, self.assertRaises(ConnectionRefusedError, msg=address):
                client.connect(address)

    def cookies_stay_its_own(self, app_id):
        headers = self.see(app_id, "/set").headers
        self.assertEqual(headers.get_all("Set-Cookie"), ["own=1"])
        for name in ["Clear-Site-Data", "Alt-Svc", "X-Accel-Redirect", "X-Sendfile"]:
            self.assertIsNone(headers[name], name)
        self.assertEqual(headers.get_all("X-Content-Type-Options"), ["nosniff"])

    def cages(self):
        """The bubblewraps below the sandbox."""
        pid = self.product.role_pid("sandbox")
        return [child for entry in pathlib.Path(f"/proc/{pid}/task").glob("*/children")
                for child in entry.read_text().split()]

    def check_host(self):
        self.assertEqual(self.host.visitors(), [])
        self.assertEqual(len(self.cages()), 1, "only the neighbour is left")
        lines = pathlib.Path(self.product.log_path).read_text(errors="replace").splitlines()
        self.assertEqual([line for line in lines if not line.startswith("time=2")], [])
        self.assertEqual([line for line in lines if " forged" in line], [])
        self.assertNotIn(self.product.data, pathlib.Path("/proc/mounts").read_text())
        self.assertEqual(self.host.canary.read_text(), "canary")
        self.assertEqual(self.see("neighbour", "/").body, b"treasure")
        self.assertEqual({role: self.product.role_pid(role) for role in ROLES}, self.roles)
        self.assertEqual(self.product.http("GET", "/api/health").status, 200)

    def test_every_program(self):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            wrong = [line for lines in pool.map(self.run_one, self.programs) for line in lines]
        self.assertEqual(wrong, [], "\n".join(wrong))
        self.check_host()

    def test_the_table_names_every_program(self):
        there = {path.stem for path in (TOP / "tests" / "escape" / "programs").glob("*.js")}
        self.assertEqual(there, set(PROGRAMS))


@unittest.skipUnless(os.geteuid() == 0, "runs as root")
class AsRoot(Corpus, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.begin(Product())

    @classmethod
    def end(cls):
        cls.product.__exit__(None, None, None)




@unittest.skipUnless(os.geteuid() == 0, "only root can become a user of no name")
class AsUser(Corpus, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.begin(Ordinary())

    @classmethod
    def end(cls):
        cls.product.remove()


GVISOR_PROGRAMS = list(PROGRAMS) if os.environ.get("ISEKAI_LONG") == "1" else corpus.KERNEL


@unittest.skipUnless(shutil.which("runsc"), "runsc is not installed (apt-get install runsc)")
class AsRootBehindGvisor(AsRoot):
    runtime, programs = "gvisor", GVISOR_PROGRAMS


@unittest.skipUnless(shutil.which("runsc"), "runsc is not installed (apt-get install runsc)")
@unittest.skipUnless(os.environ.get("ISEKAI_LONG") == "1", "the long run has it: behind gVisor it takes its time")
class AsUserBehindGvisor(AsUser):
    """With cgroups of the user's own, without which there is no memory limit behind gVisor."""

    runtime, programs = "gvisor", GVISOR_PROGRAMS

    @classmethod
    def setUpClass(cls):
        product = Ordinary()
        try:
            groups = Groups(product.uid)
        except OSError as error:
            product.remove()
            raise unittest.SkipTest(f"this host's cgroups cannot be given to a user: {error}") from error
        cls.addClassCleanup(groups.remove)
        product.before = groups.enter()
        cls.begin(product)


if __name__ == "__main__":
    unittest.main()
