"""How runs end, and what is kept of each: GET /api/apps/{appId}/runs."""
import ctypes
import os
import re
import signal
import unittest

from product import Product, wait_for

SERVER = """
console.log('version %d of the app');
require('http').createServer((q, r) => {
    if (q.url === '/crash') { console.error('it hurts'); process.exit(3); }
    try { process.setuid(0); } catch (e) { r.end(e.code); return; }
    r.end('root');
}).listen(process.env.PORT);
"""


def landlock_version():
    """What this kernel says itself; there is no such file or command."""
    libc = ctypes.CDLL(None)
    return libc.syscall(444, None, 0, 1)        # landlock_create_ruleset


class Runs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.product = Product(settings={"sandbox_rate_limit": 100000, "apps_rate_limit": 100000})
        cls.product.start()

    @classmethod
    def tearDownClass(cls):
        cls.product.__exit__(None, None, None)

    def execute(self, app_id, server, expect=201):
        answer = self.product.http("POST", "/api/sandbox/execute",
                                   {"appId": app_id, "files": {"server.js": server}})
        self.assertEqual(answer.status, expect, answer)

    def ask(self, app_id, path):
        url = self.product.http("GET", f"/api/apps/{app_id}").json()["previewUrl"]
        return self.product.preview(url, path=path)

    def ends(self, app_id):
        answer = self.product.http("GET", f"/api/apps/{app_id}/runs")
        self.assertEqual(answer.status, 200, answer)
        return [run for run in answer.json()["runs"] if "end" in run]

    def ended(self, app_id, count):
        return wait_for(lambda: len(self.ends(app_id)) >= count and self.ends(app_id), 15,
                        f"{count} ended runs of {app_id}")

    def test_every_end_has_its_reason(self):
        self.execute("ends", SERVER % 1)
        self.assertEqual(self.ask("ends", "/").body, b"EPERM")
        present = self.product.http("GET", "/api/apps/ends/runs").json()["runs"]
        self.assertEqual(len(present), 1)
        self.assertNotIn("end", present[0])
        wait_for(lambda: self.product.http("GET", "/api/sandbox/apps/ends").json()["hits"]
                 .get("syscallsRefused", {}).get("setuid", 0) > 0, 10, "the refusals of a running app")

        self.execute("ends", SERVER % 2)                # replaces version 1
        first = self.ended("ends", 1)[0]
        self.assertEqual((first["version"], first["end"]["reason"]), (1, "stopped"))
        self.assertGreater(first["end"]["hits"]["syscallsRefused"]["setuid"], 0)
        self.assertGreater(first["end"]["cpuSeconds"], 0)
        self.assertIn("version 1 of the app", [line["line"] for line in first["end"]["lastLines"]])
        version = landlock_version()    # 1 says too little about an app's files
        word = f"landlock-v{version}" if version >= 2 else "no-landlock"
        self.assertIn(f" seccomp {word} ", first["level"])
        self.assertIn(f" {first['level']}, proven ", self.product.cli("status").stdout)

        self.ask("ends", "/crash")
        second = self.ended("ends", 2)[0]
        self.assertEqual((second["version"], second["end"]["reason"], second["end"]["exitCode"]),
                         (2, "exit", 3))
        self.assertIn("it hurts", [line["line"] for line in second["end"]["lastLines"]])

        listed = self.product.cli("runs", "ends")
        self.assertEqual(listed.returncode, 0, listed)
        self.assertRegex(listed.stdout, r"(?m)^v2    \S+  \S+  exit 3  [0-9.]+ s CPU, \d+ MB$")
        self.assertRegex(listed.stdout, r"(?m)^    setuid refused: \d+$")

        self.execute("ends", "throw new Error('never');", expect=422)
        third = self.ended("ends", 3)[0]
        self.assertEqual(third["end"]["reason"], "start_failed")

    def test_metrics_count_ends(self):
        self.execute("counted", SERVER % 1)
        self.ask("counted", "/")
        self.ask("counted", "/crash")
        self.ended("counted", 1)
        page = self.product.http("GET", "/metrics").body.decode()
        counted = {(m[1], m[2]): int(m[3]) for m in re.finditer(
            r'^isekai_sandbox_(\w+?)(?:_total)?\{instance="\w+",kind="(\w+)"\} (\d+)$', page, re.M)}
        self.assertGreaterEqual(counted["runs_ended", "exit"], 1)
        self.assertEqual(counted["runs_ended", "host_lost"], 0)
        self.assertGreater(counted["syscalls_refused", "setuid"], 0)
        self.assertIn(("hits", "pids_refused"), counted)
        proof = self.product.bus().call("sandbox", "sandbox.proof", {})
        held = sum(finding["outcome"] == "held" for finding in proof["findings"])
        self.assertEqual(counted["proof_probes", "held"], held)
        self.assertEqual(counted["proof_probes", "broke"] + counted["proof_probes", "unknown"],
                         len(proof["findings"]) - held)
        self.assertEqual((counted["proofs", "reached"], counted["proofs", "missed"]), (1, 0))

    def test_a_lost_host_is_told(self):
        self.execute("lost", SERVER % 1)
        started = self.product.http("GET", "/api/sandbox/apps/lost").json()["startedAt"]
        os.kill(self.product.role_pid("sandbox"), signal.SIGKILL)
        lost = self.ended("lost", 1)[0]
        self.assertEqual((lost["end"]["reason"], lost["version"]), ("host_lost", 1))
        again = wait_for(lambda: self.product.http("GET", "/api/sandbox/apps/lost").json().get("startedAt"),
                         15, "the app runs again")
        self.assertNotEqual(again, started)

    def test_audit_has_the_end_without_what_the_app_wrote(self):
        self.execute("told", SERVER % 7)
        self.ask("told", "/crash")
        self.ended("told", 1)
        event = wait_for(lambda: [e["event"] for e in self.product.http(
            "GET", "/api/audit?appId=told&kind=run_ended&limit=100").json()["entries"]], 15,
            "run_ended in the audit log")[0]
        self.assertEqual(event["detail"]["end"]["reason"], "exit")
        self.assertNotIn("it hurts", str(event))

    def test_runs_of_nobody(self):
        self.assertEqual(self.product.http("GET", "/api/apps/nobody/runs").status, 404)
        self.assertEqual(self.product.http("GET", "/api/apps/nobody/runs?limit=0").status, 400)


if __name__ == "__main__":
    unittest.main()
