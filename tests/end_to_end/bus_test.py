"""The same flow by a stranger's client: pyzmq and msgpack, straight on the bus."""
import unittest

from product import BusError, Product


class BusFlow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.product = Product().start()
        cls.bus = cls.product.bus()

    @classmethod
    def tearDownClass(cls):
        cls.bus.close()
        cls.product.__exit__(None, None, None)

    def refused(self, name, *call, **more):
        with self.assertRaises(BusError) as caught:
            self.bus.call(*call, **more)
        self.assertEqual(caught.exception.name, name)
        return caught.exception.failure

    def test_a_sentence_in_an_app_out(self):
        app = self.bus.call("apps.long", "apps.generate", {"prompt": "Create a CSV viewer app"})
        self.assertEqual(app["status"], "running")
        self.assertEqual(self.product.preview(app).status, 200)
        self.assertEqual(self.bus.call("store", "store.get", {"appId": app["id"]}), app)
        changed = self.bus.call("apps.long", "apps.modify",
                                {"appId": app["id"], "prompt": "Change the title to Bus Made"})
        self.assertEqual((changed["name"], changed["version"]), ("Bus Made", 2))
        stopped = self.bus.call("apps.long", "apps.stop", {"appId": app["id"]})
        self.assertEqual(stopped["status"], "stopped")
        self.bus.call("apps.long", "apps.start", {"appId": app["id"]})
        self.assertIn("logs", self.bus.call("apps", "apps.logs", {"appId": app["id"]}))
        self.bus.call("apps.long", "apps.delete", {"appId": app["id"]})
        self.refused("app_not_found", "store", "store.get", {"appId": app["id"]})

    def test_every_violation_is_listed(self):
        failure = self.refused("malformed", "apps.long", "apps.generate",
                               {"prompt": " ", "context": 7, "extra": 1})
        self.assertEqual({row["path"] for row in failure["details"]}, {"prompt", "context", "extra"})
        self.assertIn("Prompt must be between 1 and 5000 characters",
                      [row["msg"] for row in failure["details"]])

    def test_built_ins(self):
        for service in ["apps", "planner", "sandbox", "store", "audit"]:
            service_ping = self.bus.call(service if service != "planner" else "planner.work",
                                         "isekai.ping")
            self.assertEqual((service_ping["actor"], service_ping["ok"]), (service, True))
        info = self.bus.call("store", "isekai.info")
        self.assertIn("store.get", [row["name"] for row in info["methods"]])
        self.bus.call("store", "store.list", {})
        stats = self.bus.call("store", "isekai.stats")
        counted = {row["name"]: row["calls"] for row in stats["methods"]}
        self.assertGreaterEqual(counted["store.list"], 1)

    def test_unknown_method_and_short_time(self):
        self.refused("no_such_method", "store", "store.nothing")
        self.refused("timed_out", "apps.long", "apps.generate", {"prompt": "x"},
                     header={"time_left_ms": 0, "timeLeftMs": 0})

    def test_spoofed_caller_is_replaced(self):
        """A reader may not ask this, and an app of somebody else's would not be there."""
        spoofed = {"caller": {"name": "mallory", "role": "reader", "via": "ipc"}}
        app = self.bus.call("apps.long", "apps.execute", {"appId": "of-the-peer", "files": {
            "server.js": "require('http').createServer((q, r) => r.end()).listen(process.env.PORT)"}})
        self.assertEqual(self.bus.call("store", "store.get", {"appId": "of-the-peer"}, header=spoofed)["id"], app["appId"])
        self.assertIn("size", self.bus.call("audit", "audit.checkpoint", {}, header=spoofed))
        self.bus.call("apps.long", "apps.delete", {"appId": "of-the-peer"}, header=spoofed)

    def test_every_change_twice_with_one_key(self):
        """What repeats a key is answered as the first time; nothing of it may trouble the actor."""
        server = "require('http').createServer((q, r) => r.end('one')).listen(process.env.PORT)"
        before = self.product.role_pid("apps")
        for method, more in [("apps.execute", {"files": {"server.js": server}}),
                             ("apps.stop", {}), ("apps.start", {}), ("apps.wake", {}),
                             ("apps.modify", {"changes": {"more.txt": "x"}}),
                             ("apps.delete", {})]:
            request = {"appId": "twice", **more}
            answers = [self.bus.call("apps.long", method, request, header={"idempotencyKey": f"{method}-twice-and-no-more"})
                       for _ in range(2)]
            self.assertEqual(answers[0], answers[1], method)
        self.assertEqual(self.product.role_pid("apps"), before)

    def test_a_principal_sees_only_its_own(self):
        header = {"principal": {"user": "ann", "role": "user"}}
        app = self.bus.call("apps.long", "apps.generate", {"prompt": "a todo list"}, header)
        other = {"principal": {"user": "ben", "role": "user"}}
        self.refused("app_not_found", "store", "store.get", {"appId": app["id"]}, header=other)
        self.refused("app_not_found", "apps.long", "apps.delete", {"appId": app["id"]}, header=other)
        self.refused("app_not_found", "apps", "apps.logs", {"appId": app["id"]}, header=other)
        self.assertEqual(self.bus.call("store", "store.list", {}, header=other)["total"], 0)
        self.assertEqual(self.bus.call("store", "store.list", {}, header=header)["total"], 1)
        self.refused("forbidden", "audit", "audit.list", {}, header=other)
        self.bus.call("apps.long", "apps.delete", {"appId": app["id"]}, header=header)


if __name__ == "__main__":
    unittest.main()
