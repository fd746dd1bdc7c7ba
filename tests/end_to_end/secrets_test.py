"""Secrets of apps: in the app's environment and nowhere else (S59-S61)."""
import glob
import json
import os
import pathlib
import signal
import subprocess
import unittest

from product import BusError, Product, wait_for

VALUE = "correct-horse-battery-staple"
OTHER = "a-second-value-of-another-name"
MINE = "the-keeper-is-the-only-one-with-it"
MINE_TOO = "and-this-is-the-keepers-second"
SERVER = """
const http = require('http');
const shown = process.env.TOKEN || 'none';
console.log('my token is ' + shown + '!');
process.stdout.write('in two ' + shown.slice(0, 9));
setTimeout(() => console.log(shown.slice(9) + ' parts'), 50);
http.createServer((q, r) => {
  if (q.url === '/env') return r.end(JSON.stringify(process.env));
  r.end(shown + ' ' + process.pid);
}).listen(process.env.PORT);
"""
NEEDS_GOOD = """
if (process.env.TOKEN === 'a value that it cannot use') { console.error('bad ' + process.env.TOKEN); process.exit(3); }
""" + SERVER


class Secrets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.product = Product(settings={"sandbox_rate_limit": 100000, "apps_rate_limit": 100000})
        cls.product.start()

    @classmethod
    def tearDownClass(cls):
        cls.product.__exit__(None, None, None)

    def execute(self, app_id, server=SERVER):
        answer = self.product.http("POST", "/api/sandbox/execute",
                                   {"appId": app_id, "files": {"server.js": server}})
        self.assertEqual(answer.status, 201, answer)

    def set(self, app_id, secrets, status=200, headers=None):
        answer = self.product.http("PUT", f"/api/apps/{app_id}/secrets", {
            "secrets": [{"name": name, "value": value} for name, value in secrets.items()]}, headers)
        self.assertEqual(answer.status, status, answer)
        for value in (value for value in secrets.values() if len(value) > 8):
            self.assertNotIn(value, answer.body.decode())
        return answer.json()

    def names(self, app_id):
        answer = self.product.http("GET", f"/api/apps/{app_id}/secrets")
        self.assertEqual(answer.status, 200, answer)
        for row in answer.json()["secrets"]:
            self.assertEqual(set(row), {"name", "setAt"})
        return [row["name"] for row in answer.json()["secrets"]]

    def shown(self, app_id, path="/"):
        url = f"http://{app_id}.localhost:{self.product.port}/"
        return self.product.preview(url, path=path).body.decode()

    def env(self, app_id):
        return json.loads(self.shown(app_id, "/env"))

    def log(self, app_id):
        return "\n".join(row["line"] for row in self.product.http(
            "GET", f"/api/apps/{app_id}/logs?tail=1000").json()["logs"])

    def entries(self, app_id):
        return self.product.http("GET", f"/api/audit?limit=100&appId={app_id}").json()["entries"]

    def test_the_app_alone_has_them(self):
        # values that no other test's app has
        self.execute("keeper")
        self.assertTrue(self.shown("keeper").startswith("none "))
        answer = self.set("keeper", {"TOKEN": MINE, "SECOND": MINE_TOO})
        self.assertEqual([row["name"] for row in answer["secrets"]], ["SECOND", "TOKEN"])
        self.assertTrue(self.shown("keeper").startswith(MINE + " "))    # it was started anew
        self.assertEqual(self.names("keeper"), ["SECOND", "TOKEN"])

        # in no argument vector, and in no environment but the app's own
        holders = []
        for entry in glob.glob("/proc/[0-9]*"):
            try:
                cmdline = pathlib.Path(entry, "cmdline").read_bytes()
                environ = pathlib.Path(entry, "environ").read_bytes()
            except OSError:
                continue
            self.assertNotIn(MINE.encode(), cmdline)
            if MINE.encode() in environ:
                holders.append(cmdline.split(b"\0")[0])
        self.assertEqual([pathlib.Path(holder.decode()).name for holder in holders], ["node"])

        # in no file of ours: database, WAL, audit log, the app's log, our own log
        wait_for(lambda: any(entry["event"]["kind"] == "secret_set"
                             for entry in self.entries("keeper")), 15, "the audit event")
        wait_for(lambda: "parts" in self.log("keeper"), 15, "both parts of the line")
        seen = 0
        for path in pathlib.Path(self.product.data).rglob("*"):
            if path.is_file() and not path.is_symlink():
                seen += 1
                octets = path.read_bytes()
                self.assertNotIn(MINE.encode(), octets, path)
                self.assertNotIn(MINE_TOO.encode(), octets, path)
        self.assertGreater(seen, 5)
        log = self.log("keeper")
        self.assertIn("my token is [secret TOKEN]!", log)
        self.assertIn("in two [secret TOKEN] parts", log)

        # in no answer and no event
        for path in ["/api/apps/keeper", "/api/apps?fields=full&limit=100", "/api/audit?limit=100&appId=keeper",
                     "/api/sandbox/apps/keeper", "/metrics"]:
            self.assertNotIn(MINE, self.product.http("GET", path).body.decode(), path)
        event = next(entry["event"] for entry in self.entries("keeper")
                     if entry["event"]["kind"] == "secret_set")
        self.assertEqual(event["detail"]["secrets"], ["TOKEN", "SECOND"])

        # a change of code keeps them
        changed = self.product.http("PATCH", "/api/apps/keeper", {"changes": {"NOTES.md": "later\n"}})
        self.assertEqual(changed.status, 200, changed)
        self.assertTrue(self.shown("keeper").startswith(MINE + " "))
        # one goes, then all
        self.assertEqual(self.product.http("DELETE", "/api/apps/keeper/secrets/TOKEN").status, 204)
        self.assertTrue(self.shown("keeper").startswith("none "))
        self.assertEqual(self.env("keeper")["SECOND"], MINE_TOO)
        gone = self.product.http("DELETE", "/api/apps/keeper/secrets/TOKEN")
        self.assertEqual((gone.status, gone.json()["code"]), (404, "secret_not_found"), gone)
        self.assertEqual(self.product.http("DELETE", "/api/apps/keeper/secrets").status, 204)
        self.assertNotIn("SECOND", self.env("keeper"))
        self.assertEqual(self.names("keeper"), [])
        wait_for(lambda: any(entry["event"]["kind"] == "secret_removed"
                             for entry in self.entries("keeper")), 15, "the audit event")

    def test_what_the_platform_sets_is_refused(self):
        self.execute("owner")
        own = self.env("owner")
        self.assertIn("DATA_DIR", own)
        bad = self.set("owner", {"FINE": "a-fine-value", **{name: "x" for name in own},
                                 "NODE_OPTIONS": "x", "LD_PRELOAD": "x"}, 400)
        self.assertEqual(bad["code"], "reserved_name")
        refused = {row["path"] for row in bad["details"]}
        self.assertEqual(refused, {f"secrets[{i + 1}].name" for i in range(len(own) + 2)})
        for row in bad["details"]:
            self.assertIn("is set by the platform", row["msg"])
        self.assertEqual(self.names("owner"), [])

    def test_bad_input_is_refused_field_by_field(self):
        self.execute("strict")
        for secrets, paths in [
                ([], ["secrets"]),
                ([{"name": "lower", "value": "x"}], ["secrets[0].name"]),
                ([{"name": "1A", "value": ""}], ["secrets[0].name", "secrets[0].value"]),
                ([{"name": "A" * 65, "value": "x"}], ["secrets[0].name"]),
                ([{"name": "A", "value": "x" * 4097}], ["secrets[0].value"]),
                ([{"name": "A", "value": "\u20ac" * 1366}], ["secrets[0].value"]),
                ([{"name": "A", "value": "x\0y"}], ["secrets[0].value"]),
                ([{"name": "A", "value": 7}, {"name": "B"}], ["secrets[0].value", "secrets[1].value"]),
                ([{"name": "A", "value": "x"}, {"name": "A", "value": "y"}], ["secrets[1].name"]),
                ([{"name": f"A{i}", "value": "x"} for i in range(33)], ["secrets"])]:
            answer = self.product.http("PUT", "/api/apps/strict/secrets", {"secrets": secrets})
            self.assertEqual(answer.status, 400, (secrets, answer))
            self.assertEqual([row["path"] for row in answer.json()["details"]], paths, answer)
        self.assertEqual(self.product.http("DELETE", "/api/apps/strict/secrets/lower").status, 400)
        self.assertEqual(self.product.http("GET", "/api/apps/nobody/secrets").status, 404)
        self.assertEqual(self.product.http("PUT", "/api/apps/nobody/secrets", {
            "secrets": [{"name": "A", "value": "x"}]}).status, 404)
        self.set("strict", {f"A{i}": "x" for i in range(32)})
        more = self.set("strict", {"ONE_MORE": "y"}, 413)
        self.assertIn("32", more["detail"])
        self.set("strict", {"A7": "again"})
        self.assertEqual((len(self.names("strict")), self.env("strict")["A7"]), (32, "again"))
        edge = "\u20ac" * 1365 + "x"       # 4,096 octets
        self.set("strict", {f"A{i}": edge for i in range(32)})
        self.assertEqual([self.env("strict")[f"A{i}"] == edge for i in range(32)], [True] * 32)

    def test_a_stopped_app_finds_them_when_it_starts(self):
        self.execute("later")
        self.assertEqual(self.product.http("POST", "/api/apps/later/stop").status, 200)
        self.set("later", {"TOKEN": VALUE})
        app = self.product.http("GET", "/api/apps/later").json()
        self.assertEqual((app["status"], app["version"]), ("stopped", 1))
        self.assertEqual(self.product.http("POST", "/api/apps/later/start").status, 200)
        self.assertTrue(self.shown("later").startswith(VALUE + " "))

    def test_what_does_not_come_up_leaves_the_old_ones(self):
        self.execute("picky", NEEDS_GOOD)
        self.set("picky", {"TOKEN": VALUE})
        before = self.shown("picky")
        bad = "a value that it cannot use"
        problem = self.set("picky", {"TOKEN": bad, "SECOND": OTHER}, 422)
        self.assertEqual(problem["code"], "start_failed")
        self.assertIn("bad [secret TOKEN]", json.dumps(problem["log"]))
        self.assertEqual(self.shown("picky"), before)        # the same process, never ended
        self.assertEqual(self.names("picky"), ["TOKEN"])
        self.assertNotIn(bad, self.log("picky"))
        # its next start finds the old one, too
        self.assertEqual(self.product.http("POST", "/api/apps/picky/stop").status, 200)
        self.assertEqual(self.product.http("POST", "/api/apps/picky/start").status, 200)
        self.assertTrue(self.shown("picky").startswith(VALUE + " "))

    def test_an_idempotency_key_is_of_the_value_too(self):
        self.execute("keyed")
        key = {"Idempotency-Key": "secret-1"}
        self.set("keyed", {"TOKEN": VALUE}, headers=key)
        first = self.shown("keyed")
        self.set("keyed", {"TOKEN": VALUE}, headers=key)
        self.assertEqual(self.shown("keyed"), first)
        again = self.set("keyed", {"TOKEN": OTHER}, 422, headers=key)
        self.assertEqual(again["code"], "key_reused")

    def test_deleting_the_app_erases_them(self):
        self.execute("gone")
        self.set("gone", {"TOKEN": VALUE})
        self.assertEqual(self.product.http("DELETE", "/api/apps/gone").status, 204)
        self.execute("gone")
        self.assertEqual(self.names("gone"), [])
        self.assertTrue(self.shown("gone").startswith("none "))

    def test_on_the_bus_and_on_the_command_line(self):
        self.execute("lines")
        command = self.product.command("secrets", "lines", "set", "TOKEN")
        done = subprocess.run(command, input=VALUE + "\n", text=True, capture_output=True, timeout=60,
                              env=self.product.environment())
        self.assertEqual(done.returncode, 0, done)
        self.assertNotIn(VALUE, done.stdout + done.stderr)
        self.assertTrue(self.shown("lines").startswith(VALUE + " "))
        listed = self.product.cli("secrets", "lines")
        self.assertRegex(listed.stdout, r"^\S+Z  TOKEN\n$")
        bus = self.product.bus()
        self.assertEqual([row["name"] for row in bus.call("apps", "apps.secrets", {"appId": "lines"})["secrets"]],
                         ["TOKEN"])
        bus.call("apps.long", "apps.secrets_set", {"appId": "lines",
                                                   "secrets": [{"name": "TOKEN", "value": OTHER}]})
        self.assertTrue(self.shown("lines").startswith(OTHER + " "))
        with self.assertRaises(BusError) as refused:
            bus.call("apps.long", "apps.secrets_set", {"appId": "lines",
                                                       "secrets": [{"name": "PORT", "value": "1"}]})
        self.assertEqual(refused.exception.name, "reserved_name")
        bus.close()
        self.assertEqual(self.product.cli("secrets", "lines", "remove", "TOKEN").returncode, 0)
        self.assertTrue(self.shown("lines").startswith("none "))
        self.assertEqual(self.product.cli("secrets", "lines", "remove", "TOKEN").returncode, 1)
        self.assertEqual(self.product.cli("secrets", "lines", "show", "TOKEN").returncode, 64)
        for verb in ["set", "remove"]:
            refused = subprocess.run(self.product.command("secrets", "lines", verb, "bad-name"), input="x",
                                     text=True, capture_output=True, timeout=60,
                                     env=self.product.environment())
            self.assertEqual(refused.returncode, 64, refused)


class SecretsAndKills(unittest.TestCase):
    def test_what_is_killed_comes_back_with_them(self):
        with Product(settings={"sandbox_rate_limit": 100000, "apps_rate_limit": 100000}) as product:
            url = f"http://phoenix.localhost:{product.port}/"
            made = product.http("POST", "/api/sandbox/execute",
                                {"appId": "phoenix", "files": {"server.js": SERVER}})
            self.assertEqual(made.status, 201, made)
            put = product.http("PUT", "/api/apps/phoenix/secrets",
                               {"secrets": [{"name": "TOKEN", "value": VALUE}]})
            self.assertEqual(put.status, 200, put)

            def shows():
                answer = product.preview(url, seconds=10)
                return answer.status == 200 and answer.body.startswith(VALUE.encode() + b" ")
            self.assertTrue(shows())
            product.kill_role("sandbox")
            wait_for(shows, 30, "the app with its secret, after the sandbox was killed")
            product.stop(signal.SIGKILL)
            product.start()
            wait_for(shows, 30, "the app with its secret, after all was killed")
            product.stop()
            key = pathlib.Path(product.data, "store/master.key")
            self.assertEqual(key.stat().st_mode & 0o777, 0o600)
            self.assertEqual(len(key.read_bytes()), 32)
            kept = key.rename(key.with_name("kept.key"))
            # another master key, and none, are told at the start, and end it
            for other, told in [(b"", "apps have secrets or data that only it opens"),
                                (bytes(32), "is another master key than the one")]:
                if other:
                    key.write_bytes(other)
                    key.chmod(0o600)
                    os.chown(key, kept.stat().st_uid, kept.stat().st_gid)
                ran = subprocess.run(product.command("up", "--listen", product.listen),
                                     env=product.environment(), timeout=60, capture_output=True, text=True)
                self.assertNotEqual(ran.returncode, 0)
                self.assertIn(told, ran.stderr)
            kept.rename(key)
            product.start()
            wait_for(shows, 30, "the app with its secret, with the key again")


if __name__ == "__main__":
    unittest.main()
