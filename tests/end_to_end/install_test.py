"""install_test - dependencies that no module of the host meets: installed by npm in a cage of its own.

Against a registry of this test, which misbehaves, and against the real one that this machine's npm uses,
where that can be reached.
"""
import contextlib
import hashlib
import http.client
import ipaddress
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import threading
import time
import unittest
import urllib.parse

from product import Product, wait_for
from registry import NAME, Registry
from unprivileged_test import Ordinary

# Says what `ask` is, a piece of JavaScript.
SERVER = """
const fs = require('fs');
require('http').createServer((q, r) => {
  let said; try { said = eval(new URL(q.url, 'http://x').searchParams.get('ask') || '"up"'); }
  catch (e) { said = 'threw ' + (e.code || e.message); }
  r.end(JSON.stringify(said));
}).listen(process.env.PORT);
"""
NOISE = os.urandom(700_000)


def group_value(pid, controller, *names):
    """What a file of the process's cgroup says, by its name of version 1 or of version 2."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return int(pathlib.Path(f"/sys/fs/cgroup/{controllers}{path}/{names[0]}").read_text())
    return int(pathlib.Path(f"/sys/fs/cgroup{path}/{names[1]}").read_text().split()[0])


def processes(words):
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if words.encode() in entry.joinpath("cmdline").read_bytes():
                found.append(int(entry.name))
    return found


class Installs(unittest.TestCase):
    def begin(self, settings, data=None):
        self.product = Product(settings=settings, data=data)
        self.product.start()
        self.addCleanup(self.product.__exit__, None, None, None)

    def execute(self, app_id, dependencies, files=None):
        return self.product.http("POST", "/api/sandbox/execute",
                                 {"appId": app_id, "files": {"server.js": SERVER, **(files or {})},
                                  "dependencies": dependencies}, seconds=200)

    def up(self, app_id, dependencies):
        answer = self.execute(app_id, dependencies)
        self.assertEqual(answer.status, 201, answer)
        return answer.json()["url"]

    def refused(self, app_id, dependencies, *words):
        answer = self.execute(app_id, dependencies)
        self.assertEqual(answer.status, 422, answer)
        for word in words:
            self.assertIn(word, answer.json()["detail"])
        return answer.json()

    def ask(self, url, expression):
        answer = self.product.preview(url, path="/?" + urllib.parse.urlencode({"ask": expression}))
        return json.loads(answer.body)

    def remove(self, app_id):
        self.assertIn(self.product.http("DELETE", f"/api/apps/{app_id}").status, (200, 204))

    @property
    def runtime(self):
        return pathlib.Path(self.product.data, "runtime")

    def trees(self):
        return sorted(entry.name for entry in (self.runtime / "installed").iterdir())

    def locks(self, app_id):
        return {entry.name: json.loads(entry.read_text())
                for entry in (self.runtime / "apps" / app_id / "locks").iterdir()}

    def leftovers(self):
        """What an install has while it goes on, and nothing has afterwards."""
        apps = [str(p) for kind in ("app", "data") for p in self.runtime.glob(f"apps/*/{kind}-*")]
        return (apps + [str(p) for p in self.runtime.glob("installed/new-*")] +
                [str(p) for p in self.runtime.glob("egress/new-*")] + processes("npm-cli.js"))

    def events(self, app_id, count):
        """Of this many installs of the app, once they are recorded."""
        def ask():
            found = self.product.http("GET", f"/api/audit?limit=100&appId={app_id}&kind=dependencies_installed")
            return [entry["event"] for entry in found.json()["entries"]]
        wait_for(lambda: len(ask()) >= count, 20, "the audit log has it")
        self.assertEqual(len(ask()), count)
        return ask()

    def log(self):
        return pathlib.Path(self.product.log_path).read_text()


class OwnRegistry(Installs):
    def setUp(self):
        self.registry = Registry()
        self.addCleanup(self.registry.close)

    def begin_own(self, **settings):
        self.begin(self.registry.settings(**settings))

    def test_installed_once_and_kept(self):
        self.registry.add("inner", package={"scripts": {"postinstall": "node -e \"require('fs').writeFileSync("
                                                        "'ran', '')\"", "install": "exit 1"}})
        tar = self.registry.add("outer", package={"dependencies": {"inner": "^1.0.0"}})
        self.begin_own(sandbox_warm_cages=0)
        url = self.up("one", {"outer": "1"})
        self.assertEqual(self.ask(url, "require('outer')"), "outer")
        self.assertEqual(self.ask(url, "typeof require('express').Router"), "function", "the host's are there too")
        self.assertEqual(self.ask(url, "fs.readdirSync('/app/node_modules/inner').sort()"),
                         ["index.js", "package.json"], "no script has run")
        for change in ("fs.writeFileSync('/app/node_modules/outer/index.js', '')",
                       "fs.rmSync('/app/node_modules', {recursive: true})"):
            self.assertIn(self.ask(url, change), ["threw EROFS", "threw EBUSY"])
        (name, lock), = self.locks("one").items()
        self.assertEqual(name, f"1-{self.trees()[0]}.json")
        packages = {place: entry for place, entry in lock["packages"].items() if place}
        self.assertEqual(sorted(packages), ["node_modules/inner", "node_modules/outer"])
        for entry in packages.values():
            self.assertTrue(entry["integrity"].startswith("sha512-"))
        self.assertEqual(self.log().count(" installed app=one "), 1)
        # Another app and another start ask nobody.
        asked = len(self.registry.asked)
        other = self.up("two", {"outer": "1"})
        self.assertEqual(self.ask(other, "require('outer')"), "outer")
        for step in ("stop", "start"):
            self.assertEqual(self.product.http("POST", f"/api/apps/one/{step}", {}).status, 200)
        self.assertEqual(self.ask(url, "require('inner')"), "inner")
        self.assertEqual(len(self.registry.asked), asked)
        self.assertEqual(self.registry.asked.count(tar), 1)
        metrics = self.product.http("GET", "/metrics").body.decode()
        self.assertRegex(metrics, r'isekai_sandbox_installs_total\{.*kind="made"\} 1\n')
        self.assertRegex(metrics, r'isekai_sandbox_installs_total\{.*kind="found"\} 2\n')
        # Nor does the next sandbox, with nobody to ask.
        self.registry.close()
        self.product.kill_role("sandbox")
        wait_for(lambda: self.product.preview(url).status == 200, 30, "the app is back")
        self.assertEqual(self.ask(url, "require('outer')"), "outer")
        self.assertEqual(self.leftovers_of_installs(), [])

    def leftovers_of_installs(self):
        return [str(p) for p in self.runtime.glob("installed/new-*")] + processes("npm-cli.js")

    def test_a_tree_that_is_gone_is_said_and_made_again(self):
        self.registry.add("small")
        self.begin_own()
        url = self.up("here", {"small": "1"})
        self.product.stop()
        shutil.rmtree(self.runtime / "installed")
        self.product.start()
        told = wait_for(lambda: self.product.http("GET", "/api/apps/here").body.decode().count(
            "its installed dependencies are not here any more; start it again"), 30, "the app says so")
        self.assertTrue(told)
        self.assertEqual(self.product.http("POST", "/api/apps/here/start", {}).status, 200)
        self.assertEqual(self.ask(url, "require('small')"), "small")

    def test_two_at_once_install_once(self):
        tar = self.registry.add("shared")
        release = self.registry.hold("/shared")
        self.begin_own()
        answers = {}
        threads = [threading.Thread(target=lambda name=name: answers.update(
            {name: self.execute(name, {"shared": "1.0.0"})})) for name in ("left", "right")]
        for thread in threads:
            thread.start()
        wait_for(lambda: self.registry.asked, 30, "one of them asks")
        wait_for(lambda: all((self.runtime / "apps" / name / "versions" / "1").is_dir()
                             for name in ("left", "right")), 30, "both have their files")
        release.set()
        for thread in threads:
            thread.join()
        self.assertEqual([answer.status for answer in answers.values()], [201, 201])
        self.assertEqual(self.registry.asked.count(tar), 1)
        self.assertEqual(self.registry.asked.count("/shared"), 1)
        self.assertEqual(self.log().count(" installed app="), 1)

    def ask_in_vain(self, app_id, dependencies):
        """In a thread: the product ends before it has answered."""
        def ask():
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.execute(app_id, dependencies)
        thread = threading.Thread(target=ask)
        thread.start()
        self.addCleanup(thread.join)
        wait_for(lambda: self.registry.asked, 30, "npm asks")

    def test_stopping_does_not_wait_for_an_install(self):
        self.registry.add("slow")
        self.registry.hold("/slow")
        self.begin_own()
        self.ask_in_vain("slow", {"slow": "1"})
        self.product.stop()
        self.assertRegex(self.log(), r"install_failed app=slow .*we are stopping")
        for given_up in ("drain_gave_up", "role_killed"):
            self.assertNotIn(given_up, self.log())

    def test_a_sandbox_killed_in_an_install_leaves_nothing(self):
        self.registry.add("slow")
        self.registry.hold("/slow")
        self.begin_own(sandbox_warm_cages=0)
        self.ask_in_vain("gone", {"slow": "1"})
        (self.runtime / "installed" / "new-99").mkdir()     # as if it were just being published
        self.assertGreater(len(self.leftovers()), 4, self.leftovers())
        self.product.kill_role("sandbox")
        self.product.wait_ready()
        wait_for(lambda: self.leftovers() == [], 20, "nothing is left")
        self.assertEqual(self.trees(), [])
        self.assertEqual(list((self.runtime / "egress").iterdir()), [])

    def test_what_no_app_uses_goes_first(self):
        for name in "abcd":
            self.registry.add(name, files={"package/noise": NOISE})
        self.begin_own(install_cache_mb=1)
        keys = {}
        for name in "ab":
            before = set(self.trees()) if keys else set()
            self.up(name, {name: "1"})
            keys[name], = set(self.trees()) - before
        self.assertEqual(len(self.trees()), 2, "both are used, though they are too much")
        self.assertIn("installs_over", self.log())
        self.remove("a")
        wait_for(lambda: len(list((self.runtime / "warm").iterdir())) == 2, 30, "warm cages wait")
        url = self.up("c", {"c": "1"})      # and are not for this one, which they could not show its tree
        self.assertNotIn(keys["a"], self.trees())
        self.assertIn(keys["b"], self.trees())
        self.assertEqual(self.ask(url, "require('c')"), "c")

    def test_the_longest_unused_goes_first(self):
        for name in "abcd":
            self.registry.add(name, files={"package/noise": NOISE})
        self.begin_own(install_cache_mb=2)
        keys = {}
        for name in "abc":
            before = set(self.trees())
            self.up(name, {name: "1"})
            keys[name], = set(self.trees()) - before
            self.remove(name)
            if name == "b":             # a is used again, and so b is the longest unused
                self.up("a", {"a": "1"})
                self.remove("a")
        self.assertNotIn(keys["b"], self.trees())
        self.assertIn(keys["a"], self.trees())
        self.assertIn(keys["c"], self.trees())

    # ---- a hostile registry ----

    def test_bounds_are_named(self):
        self.registry.add("large", files={"package/zeros": bytes(20 << 20)})
        self.registry.add("many", files={f"package/{i}": b"" for i in range(400)})
        for i in range(5):
            self.registry.add(f"p{i}", package={"dependencies": {f"p{i + 1}": "1"}} if i < 4 else {})
        self.begin_own(install_mb_max=8, install_files_max=200, install_packages_max=4)
        self.refused("large", {"large": "1"}, "8 MB", "INSTALL_MB_MAX", "depend on less")
        self.refused("many", {"many": "1"}, "200 files", "INSTALL_FILES_MAX")
        self.refused("deep", {"p0": "1"}, "5 packages, at most 4 (INSTALL_PACKAGES_MAX)")
        self.assertEqual([path for path in self.registry.asked if path.startswith("/p") and "tgz" in path], [],
                         "counted before any is fetched")
        self.assertEqual(self.trees(), [])
        self.assertEqual(self.leftovers_of_installs(), [])
        metrics = self.product.http("GET", "/metrics").body.decode()
        self.assertRegex(metrics, r'isekai_sandbox_installs_total\{.*kind="failed"\} 3\n')

    def test_limits_of_an_install_are_settings(self):
        self.registry.add("slow")
        release = self.registry.hold("/slow")
        self.begin_own(install_memory_mb=300, install_cpu_percent=70, install_pids=40, install_open_files=321)
        self.ask_in_vain("slow", {"slow": "1"})
        found = wait_for(lambda: processes("npm install"), 10, "npm has named itself")
        with open(f"/proc/{found[0]}/limits", encoding="ascii") as limits:
            self.assertRegex(limits.read(), r"Max open files +321 +321 ")
        if "cgroup-v" in self.product.cli("status").stdout:
            self.assertEqual(group_value(found[0], "memory", "memory.limit_in_bytes", "memory.max"), 300 << 20)
            self.assertEqual(group_value(found[0], "pids", "pids.max", "pids.max"), 40)
            quota = group_value(found[0], "cpu", "cpu.cfs_quota_us", "cpu.max")
            self.assertEqual(quota, 70000)
        release.set()

    def test_an_install_that_takes_too_much_memory_is_told(self):
        # npm reads all of what a registry says of a package.
        self.registry.answers["/vast"] = b'{"versions":{' + b",".join(
            b'"1.0.%d":{"name":"vast","version":"1.0.%d","x":"%s"}' % (i, i, b"x" * 200) for i in range(200_000)) + b"}}"
        self.begin_own(install_memory_mb=96)
        self.refused("vast", {"vast": "1"}, "npm took more than 96 MB of memory (INSTALL_MEMORY_MB); depend on less")
        self.assertEqual(self.leftovers_of_installs(), [])

    def test_each_is_recorded(self):
        self.registry.add("inner")
        self.registry.add("outer", package={"dependencies": {"inner": "1"}})
        self.begin_own()
        self.up("first", {"outer": "1"})
        self.up("second", {"outer": "1"})
        self.refused("none", {"no-such-thing": "1"}, "E404")
        for step in ("stop", "start"):
            self.assertEqual(self.product.http("POST", f"/api/apps/first/{step}", {}).status, 200)
        (lock,) = (self.runtime / "installed").glob("*/package-lock.json")
        digest = hashlib.sha256(lock.read_bytes()).hexdigest()
        for app_id, outcome in (("first", "made"), ("second", "found")):
            (event,) = self.events(app_id, 1)
            detail = event["detail"]
            self.assertEqual({name: detail[name] for name in detail if name != "tookMs"},
                             {"version": 1, "outcome": outcome, "packages": 2, "lock": digest})
            changes = self.product.http("GET", f"/api/audit?limit=100&appId={app_id}").json()["entries"]
            self.assertEqual({entry["event"]["requestId"] for entry in changes[:2]}, {event["requestId"]})
            self.assertEqual({entry["event"]["user"] for entry in changes[:2]}, {event["user"]})
        (event,) = self.events("none", 1)
        self.assertEqual((event["detail"]["outcome"], event["detail"]["packages"]), ("failed", 0))
        self.assertNotIn("lock", event["detail"])
        self.assertIn("E404", event["detail"]["error"])
        # What the audit log has not acknowledged waits for it.
        self.registry.add("later")
        audit = self.product.role_pid("audit")
        os.kill(audit, signal.SIGSTOP)
        self.up("third", {"later": "1"})
        time.sleep(7)                   # longer than a quick call may take
        os.kill(audit, signal.SIGKILL)
        self.events("third", 1)

    def test_an_endless_answer_ends_in_time(self):
        def drip(handler):
            handler.send_response(200)
            handler.end_headers()
            while True:
                handler.wfile.write(b" " * 1000)
                handler.wfile.flush()
                threading.Event().wait(0.01)

        self.registry.answers["/drip"] = drip
        self.begin_own(install_timeout_ms=4000)
        begun = time.monotonic()
        self.refused("drip", {"drip": "1"}, "within 4000 ms (INSTALL_TIMEOUT_MS)")
        self.assertLess(time.monotonic() - begun, 15)
        self.assertEqual(self.leftovers_of_installs(), [])

    def test_wrong_integrity_and_what_is_not_there(self):
        self.registry.add("forged", integrity="sha512-" + "A" * 86 + "==")
        self.registry.add("weak", integrity="sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=")
        self.begin_own()
        answer = self.refused("forged", {"forged": "1"}, "npm failed", "EINTEGRITY")
        self.assertIn("EINTEGRITY", "\n".join(line["line"] for line in answer["log"]))
        self.refused("weak", {"weak": "1"}, "'weak' without an integrity of SHA-256")
        answer = self.refused("none", {"no-such-thing": "1"}, "npm failed", "E404")
        self.assertIn("no-such-thing", "\n".join(line["line"] for line in answer["log"]))
        self.refused("range", {"forged": "^7.0.0"}, "npm failed", "ETARGET")
        self.assertEqual(self.trees(), [])

    def test_names_in_a_tarball_lead_nowhere(self):
        self.registry.add("evil", files={"package/../../../up.js": b"1", "/data/abs.js": b"1",
                                         "package/ok.js": b"1"},
                          links=[("package/passwd", "/etc/passwd", tarfile.SYMTYPE),
                                 ("package/hard", "/etc/passwd", tarfile.LNKTYPE),
                                 ("package/out", "../../..", tarfile.SYMTYPE)])
        self.begin_own()
        answer = self.execute("evil", {"evil": "1"})
        if answer.status != 201:        # npm may also refuse the whole of it
            self.assertEqual(answer.status, 422, answer)
            self.assertIn("npm failed", answer.json()["detail"])
            return
        tree = self.runtime / "installed" / self.trees()[0]
        found = [path for path in tree.rglob("*") if not path.is_dir() or path.is_symlink()]
        self.assertTrue(all(path.is_file() and not path.is_symlink() for path in found), found)
        self.assertFalse([path for path in found if path.name in ("passwd", "hard", "out")])
        self.assertEqual(sorted(path.name for path in tree.iterdir()),
                         ["node_modules", "octets", "package-lock.json"])

    def test_only_the_registry(self):
        base = f"http://other.test:{self.registry.port}"
        self.registry.add("away", url=f"{base}/away/-/away-1.0.0.tgz")
        self.registry.add("asks", package={"dependencies": {"x": f"{base}/x.tgz"}})
        self.registry.add("git", package={"dependencies": {"x": "git+https://other.test/x.git"}})

        def redirect(handler):
            handler.send_response(302)
            handler.send_header("Location", f"{base}/elsewhere")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        self.registry.answers["/sends"] = redirect
        self.begin_own()
        self.refused("away", {"away": "1"}, "'away' comes from 'http://other.test:")
        for name in ("asks", "sends"):
            self.refused(name, {name: "1"}, f"ask for other.test:{self.registry.port}, but only the registry")
        self.refused("git", {"git": "1"}, "npm failed", "git")
        self.assertFalse([path for path in self.registry.asked if path in ("/x.tgz", "/elsewhere")])
        for range_ in ("git+ssh://a/b", "file:../x", "http://a/b.tgz", "github:a/b", "x.tgz", "npm:y@1"):
            package = json.dumps({"dependencies": {"odd-one": range_}})
            answer = self.execute("never", {}, {"package.json": package})
            self.assertIn(answer.status, (400, 422), answer)
            self.assertIn("odd-one", answer.json()["detail"])
        self.assertEqual(self.trees(), [])

    def test_own_modules_and_installed_ones_do_not_mix(self):
        self.registry.add("other")
        self.begin_own()
        answer = self.execute("mixed", {"other": "1"}, {"node_modules/mine/index.js": "1"})
        self.assertEqual(answer.status, 422, answer)
        self.assertIn("node_modules of its own", answer.json()["detail"])
        self.assertEqual(self.registry.asked, [])

    def test_nothing_of_the_hosts_npm_counts(self):
        """An npm with a configuration and credentials of its own, and more of both in the environment."""
        seen, token = [], f"//{NAME}:{self.registry.port}/:_authToken"
        own = pathlib.Path(os.path.realpath(shutil.which("npm"))).parents[1]
        if not (own / "node_modules").is_dir():
            self.skipTest("the npm here is spread over the host")
        place = pathlib.Path(tempfile.mkdtemp(dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, place)
        place.chmod(0o755)
        shutil.copytree(own, place / "npm", symlinks=True)
        (place / "npm" / "npmrc").write_text(f"{token}=secret\nignore-scripts=false\n")

        def look(handler):
            seen.append(dict(handler.headers))
            handler.send_response(404)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        self.registry.answers["/look"] = look
        self.begin_own(sandbox_npm_path=place / "npm" / "bin" / "npm-cli.js", **{f"npm_config_{token}": "secret"})
        self.refused("look", {"look": "1"}, "E404")
        self.assertTrue(seen)
        for headers in seen:
            self.assertFalse({name.lower() for name in headers} & {"authorization", "cookie"}, headers)


class ByAnOrdinaryUser(Installs):
    def test_it_installs_too(self):
        registry = Registry()
        self.addCleanup(registry.close)
        registry.add("small")
        self.product = Ordinary()
        self.product.settings.update(registry.settings())
        self.product.start()
        self.addCleanup(self.product.__exit__, None, None, None)
        self.assertEqual(self.ask(self.up("small", {"small": "1"}), "require('small')"), "small")


class RealRegistry(Installs):
    """The one that npm of this machine asks, by settings alone."""

    def settings(self):
        def npm(name):
            said = subprocess.run(["npm", "config", "get", name], capture_output=True, text=True)
            return "" if said.stdout.strip() in ("", "null", "undefined") else said.stdout.strip()

        registry = npm("registry").rstrip("/") + "/"
        host = urllib.parse.urlsplit(registry).hostname
        ca = os.environ.get("NODE_EXTRA_CA_CERTS") or npm("cafile")
        try:
            found = {item[4][0] for item in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)}
        except OSError as error:
            self.skipTest(f"the registry has no address here: {error}")
        if subprocess.run(["npm", "view", "ms", "version"], capture_output=True, timeout=60).returncode != 0:
            self.skipTest("the npm registry cannot be reached from here")
        closed = [str(ipaddress.ip_network(item)) for item in found if not ipaddress.ip_address(item).is_global]
        return {"sandbox_registry": registry, "sandbox_registry_ca_file": ca,
                "egress_allow_addresses": ",".join(closed)}, host

    def test_a_package_and_what_it_needs(self):
        settings, host = self.settings()
        self.begin(settings)
        wanted = {"is-odd": "^3.0.0", "es5-ext": "0.10.64"}     # the second has a postinstall script
        url = self.up("odd", wanted)
        self.assertEqual(self.ask(url, "[3, 4].map(require('is-odd'))"), [True, False])
        self.assertEqual(self.ask(url, "typeof require('es5-ext/array/#/contains')"), "function")
        (_, lock), = self.locks("odd").items()
        for place, entry in lock["packages"].items():
            if place:
                self.assertTrue(entry["integrity"].startswith("sha512-"), place)
        self.assertTrue(lock["packages"]["node_modules/es5-ext"]["hasInstallScript"])
        # Now the registry cannot be reached: what is installed starts, what is not says why.
        self.product.stop()
        self.product.settings["egress_hosts"] = f"{host}=10.255.255.1"
        self.product.start()
        wait_for(lambda: self.product.preview(url).status == 200, 30, "the app is back")
        self.assertEqual(self.ask(self.up("even", wanted), "require('is-odd')(2)"), False)
        self.refused("new", {"is-even": "1"}, "not public", "EGRESS_ALLOW_ADDRESSES")


if __name__ == "__main__":
    unittest.main()
