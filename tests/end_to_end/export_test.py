"""An app as an archive: its code, its data and what it is, however its data is shaped."""
import http.client
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tarfile
import tempfile
import unittest
import zipfile

from product import BusError, Product, wait_for

VALUE = "the-value-that-is-in-no-archive"
# Every shape that an app can give its data; each is made in a way of its own, and one that the cage
# refuses is no reason to stop.
HOSTILE = """
const fs = require('fs'), net = require('net'), http = require('http');
const D = process.env.DATA_DIR + '/';
const tried = {};
const attempt = (name, f) => { try { f(); tried[name] = 'made'; } catch (e) { tried[name] = e.code || String(e); } };
if (!fs.existsSync(D + 'plain.txt')) {
  attempt('plain', () => fs.writeFileSync(D + 'plain.txt', 'as it was\\n'));
  attempt('below', () => { fs.mkdirSync(D + 'below/deeper', {recursive: true}); fs.writeFileSync(D + 'below/deeper/f', 'x'); });
  attempt('empty', () => { fs.mkdirSync(D + 'nothing'); fs.writeFileSync(D + 'empty', ''); });
  attempt('umlaut', () => fs.writeFileSync(D + 'grün und 日本.txt', 'y'));
  attempt('program', () => fs.writeFileSync(D + 'program', 'z', {mode: 0o700}));
  attempt('link', () => fs.symlinkSync('/etc/passwd', D + 'link'));
  attempt('up', () => fs.symlinkSync('../../../../../..', D + 'up'));
  attempt('hard', () => fs.linkSync(D + 'plain.txt', D + 'hard'));
  attempt('socket', () => net.createServer().listen(D + 'socket'));
  attempt('backslash', () => { fs.mkdirSync(D + '..\\\\..\\\\evil'); fs.writeFileSync(D + '..\\\\..\\\\evil/in', 'e'); });
  attempt('control', () => fs.writeFileSync(D + 'a\\nb', 'e'));
  attempt('octets', () => fs.writeFileSync(Buffer.concat([Buffer.from(D), Buffer.from([0x66, 0xff, 0xfe])]), 'e'));
  attempt('sparse', () => { const fd = fs.openSync(D + 'sparse', 'w'); fs.ftruncateSync(fd, 5 << 20); fs.closeSync(fd); });
  attempt('shut', () => { fs.mkdirSync(D + 'shut'); fs.writeFileSync(D + 'shut/f', 's'); fs.chmodSync(D + 'shut', 0); });
  attempt('deep', () => { let at = D; for (let i = 0; i < 30; i++) { at += 'd'.repeat(100) + '/'; fs.mkdirSync(at); } });
}
http.createServer((q, r) => r.end(JSON.stringify(tried))).listen(process.env.PORT);
"""
PLAIN = """
const fs = require('fs');
fs.writeFileSync(process.env.DATA_DIR + '/note', 'kept');
require('http').createServer((q, r) => r.end('here')).listen(process.env.PORT);
"""
# Writes all the time: what is copied changes and vanishes.
RESTLESS = """
const fs = require('fs'), D = process.env.DATA_DIR + '/';
let n = 0;
setInterval(() => {
  for (let i = 0; i < 20; i++) {
    const name = D + 'f' + (n++ % 300);
    try { if (n % 3) fs.writeFileSync(name, 'x'.repeat(n % 20000)); else fs.unlinkSync(name); } catch (e) {}
    try { if (n % 7) fs.mkdirSync(D + 'd' + n % 50); else fs.rmdirSync(D + 'd' + (n + 3) % 50); } catch (e) {}
  }
}, 1);
require('http').createServer((q, r) => r.end(String(n))).listen(process.env.PORT);
"""
# Data that cannot be packed to less than it is.
LARGE = """
const fs = require('fs'), crypto = require('crypto');
const fd = fs.openSync(process.env.DATA_DIR + '/large', 'w');
for (let i = 0; i < %d; i++) fs.writeSync(fd, crypto.randomBytes(1 << 20));
fs.closeSync(fd);
require('http').createServer((q, r) => r.end('done')).listen(process.env.PORT);
"""


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.product = Product(settings={"sandbox_rate_limit": 100000, "apps_rate_limit": 100000,
                                        "export_max_mb": 40})
        cls.product.start()

    @classmethod
    def tearDownClass(cls):
        cls.product.__exit__(None, None, None)

    def execute(self, app_id, server, more=None):
        answer = self.product.http("POST", "/api/sandbox/execute", {
            "appId": app_id, "files": {"server.js": server, **(more or {})}})
        self.assertEqual(answer.status, 201, answer)

    def export(self, app_id, query="", status=200, headers=None):
        answer = self.product.http("GET", f"/api/apps/{app_id}/export{query}", headers=headers)
        self.assertEqual(answer.status, status, answer)
        return answer

    def tar(self, answer):
        self.assertEqual(answer.headers["Content-Type"], "application/gzip")
        self.assertEqual(int(answer.headers["Content-Length"]), len(answer.body))
        return tarfile.open(fileobj=io.BytesIO(answer.body), mode="r:gz")

    def about(self, tar):
        return json.loads(tar.extractfile("app.json").read())

    def left_behind(self, app_id):
        """Copies of the data that no run uses, and what the sweeper has not swept."""
        runtime = pathlib.Path(self.product.data, "runtime")
        return [*runtime.glob(f"apps/{app_id}/data-*"), *runtime.glob("trash/*")]

    def open_archives(self):
        """Files without a name that the sandbox holds open."""
        found = []
        for fd in pathlib.Path(f"/proc/{self.product.role_pid('sandbox')}/fd").iterdir():
            try:
                target = os.readlink(fd)
            except OSError:
                continue
            if "/runtime/trash/" in target and target.endswith("(deleted)"):
                found.append(target)
        return found

    def nothing_is_left(self, app_id):
        left = lambda: [*self.open_archives(), *self.left_behind(app_id)]
        try:
            wait_for(lambda: not left(), 15, "nothing is left")
        except AssertionError:
            self.fail(left())

    def entries(self, app_id):
        return self.product.http("GET", f"/api/audit?limit=100&appId={app_id}&kind=app_exported").json()["entries"]

    def test_code_data_and_what_it_is(self):
        made = self.product.http("POST", "/api/apps/generate", {"prompt": "Create a todo list app"}).json()
        app_id = made["id"]
        self.product.http("PUT", f"/api/apps/{app_id}/secrets",
                          {"secrets": [{"name": "TOKEN", "value": VALUE}]})
        self.product.http("PUT", f"/api/apps/{app_id}/egress", {"host": "api.example.com", "port": 443})
        answer = self.export(app_id)
        self.assertEqual(answer.headers["Content-Disposition"],
                         f'attachment; filename="{app_id}-v{made["version"]}.tar.gz"')
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        with self.tar(answer) as tar:
            names = tar.getnames()
            self.assertEqual(names[-1], "app.json")         # the last: an archive with one is whole
            for path, content in made["code"]["files"].items():
                self.assertEqual(tar.extractfile("code/" + path).read().decode(), content)
            self.assertEqual({name for name in names if name.startswith("code/")},
                             {"code/" + path for path in made["code"]["files"]})
            self.assertIn("data", names)
            for member in tar:
                self.assertEqual((member.uid, member.gid, member.uname, member.gname), (0, 0, "", ""))
            about = self.about(tar)
            octets = b"".join(tar.extractfile(name).read() for name in names
                              if tar.getmember(name).isfile())
        self.assertEqual({key: about[key] for key in ["id", "name", "prompt", "version", "createdAt"]},
                         {key: made[key] for key in ["id", "name", "prompt", "version", "createdAt"]})
        self.assertEqual(about["metadata"]["template"], made["metadata"]["template"])
        self.assertEqual([(row["host"], row["port"]) for row in about["egress"]],
                         [("api.example.com", 443)])
        self.assertEqual((about["data"], about["leftOut"]), ("on", []))
        self.assertNotIn(VALUE.encode(), octets)
        self.assertNotIn(b"TOKEN", octets)
        wait_for(lambda: len(self.entries(app_id)) == 1, 15, "the audit event")
        event = self.entries(app_id)[0]["event"]
        self.assertEqual(event["detail"], {"format": "tar.gz", "data": "on", "octets": len(answer.body)})
        self.nothing_is_left(app_id)

    def test_zip_and_without_data(self):
        self.execute("zipped", PLAIN, {"public/grün.css": "a {}"})
        answer = self.export("zipped", "?format=zip")
        self.assertEqual(answer.headers["Content-Type"], "application/zip")
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(archive.read("code/public/grün.css"), b"a {}")
            self.assertEqual(archive.read("data/note"), b"kept")
            self.assertEqual(archive.namelist()[-1], "app.json")
        with self.tar(self.export("zipped", "?data=off&format=tar.gz")) as tar:
            self.assertEqual(self.about(tar)["data"], "off")
            self.assertEqual([name for name in tar.getnames() if name.startswith("data")], [])
        # stopped, it has its data still
        self.assertEqual(self.product.http("POST", "/api/apps/zipped/stop", {}).status, 200)
        with self.tar(self.export("zipped")) as tar:
            self.assertEqual(tar.extractfile("data/note").read(), b"kept")

    def test_hostile_data(self):
        self.execute("hostile", HOSTILE)
        url = f"http://hostile.localhost:{self.product.port}/"
        tried = json.loads(self.product.preview(url).body)
        for name in ["plain", "below", "umlaut", "link", "up", "hard", "socket", "backslash", "control",
                     "octets", "sparse", "deep", "shut"]:
            self.assertEqual(tried[name], "made", name)
        data = pathlib.Path(self.product.data, "runtime/apps/hostile/data")
        os.mkfifo(data / "pipe")                    # an app cannot make these two
        os.mknod(data / "device", 0o20644, os.makedev(1, 5))
        with self.tar(self.export("hostile")) as tar:
            self.check_hostile(tar)
        with zipfile.ZipFile(io.BytesIO(self.export("hostile", "?format=zip").body)) as archive:
            names = archive.namelist()
            self.assertIn("data/grün und 日本.txt", names)
            for name in names:
                self.assertNotIn("\\", name)
                self.assertNotIn("..", name)

    def check_hostile(self, tar):
        members = {member.name: member for member in tar}
        for name, member in members.items():
            self.assertTrue(member.isreg() or member.isdir(), name)
            self.assertNotIn("\\", name)
            self.assertNotIn("..", name)
            self.assertFalse(name.startswith("/"), name)
        read = lambda name: tar.extractfile(members["data/" + name]).read()
        self.assertEqual(read("plain.txt"), b"as it was\n")
        self.assertEqual(read("hard"), b"as it was\n")
        self.assertEqual(read("below/deeper/f"), b"x")
        self.assertEqual(read("empty"), b"")
        self.assertEqual(read("grün und 日本.txt"), b"y")
        self.assertEqual(read("shut/f"), b"s")
        self.assertEqual(len(read("sparse")), 5 << 20)
        self.assertTrue(members["data/nothing"].isdir())
        self.assertEqual(members["data/program"].mode, 0o755)
        self.assertEqual(members["data/plain.txt"].mode, 0o644)
        self.assertIn("data/" + "/".join(["d" * 100] * 30), members)
        for name in ["link", "up", "socket", "pipe", "device", "a\nb"]:
            self.assertNotIn("data/" + name, members)
        left = {row["path"]: row["why"] for row in self.about(tar)["leftOut"]}
        self.assertEqual(left, {
            "link": "a symbolic link", "up": "a symbolic link", "socket": "a socket", "pipe": "a pipe",
            "device": "a device", "..\\..\\evil": "its name holds a backslash",
            "a\ufffdb": "its name holds a control character",
            "f\ufffd\ufffd": "its name is no UTF-8"})

    def test_more_left_out_than_is_named(self):
        self.execute("links", """
            const fs = require('fs');
            for (let i = 0; i < 150; i++) fs.symlinkSync('/x', process.env.DATA_DIR + '/' + i);
            require('http').createServer((q, r) => r.end('x')).listen(process.env.PORT);""")
        with self.tar(self.export("links")) as tar:
            about = self.about(tar)
        self.assertEqual((len(about["leftOut"]), about["leftOutOthers"]), (100, 50))

    def test_while_it_writes(self):
        self.execute("restless", RESTLESS)
        for _ in range(5):
            with self.tar(self.export("restless")) as tar:
                for member in tar:
                    if member.isreg():
                        self.assertEqual(len(tar.extractfile(member).read()), member.size)
        self.assertEqual(self.product.preview(f"http://restless.localhost:{self.product.port}/").status, 200)
        self.assertEqual(self.product.http("POST", "/api/apps/restless/stop", {}).status, 200)

    def test_many_pieces_and_too_large(self):
        self.execute("large", LARGE % 30)
        answer = self.export("large")
        self.assertGreater(len(answer.body), 30 << 20)
        with self.tar(answer) as tar:
            kept = pathlib.Path(self.product.data, "runtime/apps/large/data/large").read_bytes()
            self.assertEqual(tar.extractfile("data/large").read(), kept)
        self.execute("larger", LARGE % 41)
        refused = self.export("larger", status=413).json()
        self.assertEqual(refused["code"], "too_large")
        self.assertIn("EXPORT_MAX_MB (40)", refused["detail"])
        self.assertIn("data=off", refused["detail"])
        self.export("larger", "?data=off")
        self.nothing_is_left("larger")

    def test_refusals_and_head(self):
        self.assertEqual(self.export("nobody", status=404).json()["error"], "App not found")
        self.execute("refuser", PLAIN)
        bad = self.export("refuser", "?format=rar&data=maybe", status=400).json()
        self.assertEqual([(row["path"], row["location"], row["msg"]) for row in bad["details"]],
                         [("format", "query", "Format must be tar.gz or zip"),
                          ("data", "query", "Data must be on or off")])
        self.export("refuser", "?depth=3", status=400)
        self.export("refuser", status=406, headers={"Accept": "application/json"})
        self.export("refuser", "?format=zip", headers={"Accept": "application/zip"})
        for site, more in [("same-origin", {}), ("none", {}), ("cross-site", {"Origin": "http://localhost:3000"})]:
            self.export("refuser", headers={"Sec-Fetch-Site": site, **more})
        head = self.product.http("HEAD", "/api/apps/refuser/export?format=zip")
        self.assertEqual((head.status, head.headers["Content-Type"], head.body), (200, "application/zip", b""))
        self.assertEqual(self.product.http("HEAD", "/api/apps/nobody/export").status, 404)
        wrong = self.product.http("POST", "/api/apps/refuser/export", {})
        self.assertEqual((wrong.status, wrong.headers["Allow"]), (405, "GET, HEAD"))

    def test_over_the_bus_and_only_for_who_asked(self):
        self.execute("bused", PLAIN)
        bus = self.product.bus()
        try:
            made = bus.call("apps.long", "apps.export", {"appId": "bused"})
            ref = {"appId": "bused", "exportId": made["exportId"]}
            whole = b""
            while len(whole) < made["octets"]:
                whole += bus.call("apps", "apps.export_read", {**ref, "offset": len(whole)})["octets"]
            with tarfile.open(fileobj=io.BytesIO(whole), mode="r:gz") as tar:
                self.assertEqual(tar.extractfile("data/note").read(), b"kept")
            self.assertEqual(bus.call("apps", "apps.export_read", {**ref, "offset": 1 << 62})["octets"], b"")
            for wrong in [{**ref, "exportId": "0" * 32 + ".local"}, {**ref, "exportId": "0" * 32},
                          {**ref, "exportId": "0" * 32 + "."}, {**ref, "appId": "refuser"}]:
                with self.assertRaises(BusError) as refused:
                    bus.call("apps", "apps.export_read", wrong)
                self.assertEqual(refused.exception.name, "export_not_found")
            with self.assertRaises(BusError) as refused:
                bus.call("sandbox", "sandbox.pack_read", {
                    "appId": "bused", "exportId": made["exportId"].split(".")[0], "user": "somebody else"})
            self.assertEqual(refused.exception.name, "export_not_found")
            bus.call("apps", "apps.export_end", ref)
            with self.assertRaises(BusError) as refused:
                bus.call("apps", "apps.export_read", ref)
            self.assertEqual(refused.exception.name, "export_not_found")

            # the places are bounded; one that is given back can be taken; a removed app's archive is gone
            refs = [bus.call("apps.long", "apps.export", {"appId": "bused"})["exportId"] for _ in range(3)]
            self.assertEqual(self.export("bused", status=503).json()["code"], "capacity")
            bus.call("apps", "apps.export_end", {"appId": "bused", "exportId": refs[0]})
            self.export("bused")
            self.assertEqual(self.product.http("DELETE", "/api/apps/bused").status, 204)
            for export_id in refs[1:]:
                with self.assertRaises(BusError):
                    bus.call("apps", "apps.export_read", {"appId": "bused", "exportId": export_id})
            self.assertEqual(self.open_archives(), [])
        finally:
            bus.close()

    def test_the_command(self):
        self.execute("commanded", PLAIN)
        with tempfile.TemporaryDirectory() as top:
            run = lambda *words: subprocess.run(self.product.command("export", *words), cwd=top, text=True,
                                                capture_output=True, timeout=60,
                                                env=self.product.environment())
            done = run("commanded")
            self.assertEqual(done.returncode, 0, done.stderr)
            (name,) = os.listdir(top)
            self.assertTrue(name.startswith("commanded-v") and name.endswith(".tar.gz"), name)
            with tarfile.open(os.path.join(top, name)) as tar:
                self.assertEqual(tar.extractfile("data/note").read(), b"kept")
            done = run("commanded", "-o", "mine.zip")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(zipfile.is_zipfile(os.path.join(top, "mine.zip")))
            before = pathlib.Path(top, "mine.zip").read_bytes()
            again = run("commanded", "-o", "mine.zip")
            self.assertEqual(again.returncode, 1)
            self.assertIn("is there already", again.stderr)
            self.assertEqual(pathlib.Path(top, "mine.zip").read_bytes(), before)
            self.assertEqual(run("commanded", "-o", "mine.rar").returncode, 64)
            self.assertEqual(run("nobody", "-o", "none.zip").returncode, 1)
            self.assertEqual(run("commanded", "-o", "no/such/place.zip").returncode, 1)
            self.assertEqual(sorted(os.listdir(top)), sorted([name, "mine.zip"]))

    def test_a_caller_who_goes_leaves_nothing(self):
        self.execute("gone", LARGE % 30)
        connection = http.client.HTTPConnection("127.0.0.1", self.product.port, timeout=60)
        connection.request("GET", "/api/apps/gone/export", headers={"Host": self.product.listen})
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        response.read(1000)
        response.close()                        # it holds the socket too
        connection.close()
        self.nothing_is_left("gone")

    def test_killed_while_it_packs(self):
        self.execute("killed", LARGE % 38)
        connection = http.client.HTTPConnection("127.0.0.1", self.product.port, timeout=60)
        connection.request("GET", "/api/apps/killed/export", headers={"Host": self.product.listen})
        wait_for(lambda: list(pathlib.Path(self.product.data, "runtime/apps/killed").glob("data-*")), 15,
                 "the copy is there")
        self.product.kill_role("sandbox")
        response = connection.getresponse()
        self.assertEqual(response.status, 503, response.read())
        connection.close()
        wait_for(lambda: self.product.role_pid("sandbox"), 15, "a new sandbox")
        self.product.wait_ready()
        self.nothing_is_left("killed")
        wait_for(lambda: self.product.preview(
            f"http://killed.localhost:{self.product.port}/").body == b"done", 30, "the app is back")
        self.assertEqual(self.entries("killed"), [])


if __name__ == "__main__":
    unittest.main()
