"""Two hosts on one bus: each app is on one of them, whoever is asked, and stays there."""
import http.client
import pathlib
import shutil
import signal
import subprocess
import unittest

from product import BIN, Product, wait_for

SERVER = """
require('http').createServer((request, response) => response.end('it is ' + process.env.DATA_DIR)).listen(process.env.PORT);
"""


class SecondHost:
    """A sandbox and a gateway of their own, with directories of their own, at the first host's broker."""

    def __init__(self, first):
        self.place = Product(settings={"sandbox_warm_cages": 0})
        self.place.start()                      # makes the directories
        self.run = pathlib.Path(self.place.run_dir)
        self.place.stop()
        previews = self.run / "preview"
        previews.mkdir(parents=True)
        shutil.chown(previews, "root", "isekai")
        previews.chmod(0o750)
        self.listen = self.place.listen
        self.port = self.place.port
        self.environment = {**self.place.environment(), "ISEKAI_DATA": self.place.data, "ISEKAI_RUN": self.run,
                            "BUS_ENDPOINTS": f"ipc://{first.run_dir}/bus/broker",
                            "ISEKAI_NODE": "two", "ISEKAI_LISTEN": self.listen}
        self.log = open(self.place.log_path, "ab")
        self.roles = {role: self.begin(role) for role in ["sandbox", "gateway"]}

    def begin(self, role):
        return subprocess.Popen([BIN / f"isekai-{role}"], env=self.environment, stdout=self.log, stderr=self.log)

    def kill(self, role):
        self.roles[role].kill()
        self.roles[role].wait()

    def close(self):
        for role in self.roles.values():
            if role.poll() is None:
                role.send_signal(signal.SIGTERM)
        for role in self.roles.values():
            role.wait(30)
        self.log.close()
        shutil.rmtree(self.run)
        self.place.__exit__(None, None, None)


class Hosts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.product = Product(settings={"sandbox_rate_limit": 100000, "apps_rate_limit": 100000,
                                        "sandbox_warm_cages": 0})
        cls.product.start()
        cls.addClassCleanup(cls.product.__exit__, None, None, None)
        cls.second = SecondHost(cls.product)
        cls.addClassCleanup(cls.second.close)
        wait_for(lambda: cls.nodes_that_answer() == {"local", "two"}, 20, "both hosts answer")

    @classmethod
    def nodes_that_answer(cls):
        bus = cls.product.bus()
        nodes = {bus.call("sandbox", "isekai.ping", {})["node"] for _ in range(8)}
        bus.close()
        return nodes

    def make(self, app):
        made = self.product.http("POST", "/api/sandbox/execute", {"appId": app, "files": {"server.js": SERVER}})
        self.assertEqual(made.status, 201, made)

    def runs_on(self, app):
        """The hosts whose own sandbox says that it runs the app."""
        bus = self.product.bus()
        found = []
        for node in ["local", "two"]:
            runs = bus.call(f"sandbox.{node}", "sandbox.list", {})["runs"]
            found += [node for run in runs if run["id"] == app and run["status"] == "running"]
        bus.close()
        return found

    def seen_at(self, port, app):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/", headers={"Host": f"{app}.localhost:{port}"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def make_one_on(self, node, name):
        for number in range(20):
            app = f"{name}-{number}"
            self.make(app)
            where = self.runs_on(app)
            self.assertEqual(len(where), 1, where)
            if where == [node]:
                return app
        raise AssertionError(f"the broker gave no app to {node}")

    def test_every_question_goes_to_the_apps_host(self):
        ports = {"local": self.product.port, "two": self.second.port}
        for node in ports:
            app = self.make_one_on(node, f"on-{node}")
            self.assertEqual(self.seen_at(ports[node], app), (200, b"it is /data"))
            for _ in range(4):          # the broker's turns would reach the other one as well
                state = self.product.http("GET", f"/api/sandbox/apps/{app}").json()
                self.assertEqual((state["status"], state["node"]), ("running", node))
                self.assertNotEqual(self.product.http("GET", f"/api/apps/{app}/logs").json()["logs"], [])
                changed = self.product.http("PATCH", f"/api/apps/{app}", {"changes": {"more.txt": "x"}})
                self.assertEqual(changed.status, 200, changed)
                self.assertEqual(self.runs_on(app), [node])
            for _ in range(2):
                self.assertEqual(self.product.http("POST", f"/api/apps/{app}/stop", {}).status, 200)
                self.assertEqual(self.runs_on(app), [])
                self.assertEqual(self.product.http("POST", f"/api/apps/{app}/start", {}).status, 200)
                self.assertEqual(self.runs_on(app), [node])
            granted = self.product.http("PUT", f"/api/apps/{app}/egress", {"host": "api.test", "port": 443})
            self.assertEqual(granted.status, 200, granted)
            self.assertEqual(self.product.http("DELETE", f"/api/apps/{app}").status, 204)
            self.assertEqual(self.runs_on(app), [])

    def test_a_host_that_is_gone_takes_no_app_along(self):
        """What was on it is started nowhere else, and comes back with it."""
        app = self.make_one_on("two", "stays")
        self.second.kill("sandbox")
        bus = self.product.bus()
        here = {run["id"] for run in bus.call("sandbox.local", "sandbox.list", {})["runs"]}
        self.assertNotIn(app, here)
        self.second.roles["sandbox"] = self.second.begin("sandbox")
        wait_for(lambda: self.runs_on(app) == ["two"], 30, "it runs on its host again")
        self.assertEqual(self.seen_at(self.second.port, app), (200, b"it is /data"))
        bus.close()

    def test_two_of_one_name_are_refused(self):
        other = Product(settings={"sandbox_warm_cages": 0})
        other.start()
        other.stop()
        try:
            ran = subprocess.run([BIN / "isekai-sandbox"], timeout=30, capture_output=True, text=True,
                                 env={**self.second.environment, "ISEKAI_DATA": other.data})
        finally:
            other.__exit__(None, None, None)
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("another sandbox serves host 'two' on this bus; give each host a name of its own with "
                      "ISEKAI_NODE", ran.stderr)
