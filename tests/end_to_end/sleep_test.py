"""sleep_test.py - apps that nobody uses cost no process, and are there at once when somebody comes.

20 apps, of which 5 are woken at once; --long: 200 of which 50 run at once, then 1,000 asleep.
"""
import concurrent.futures
import os
import pathlib
import select
import unittest

from product import Product, wait_for

LONG = os.environ.get("ISEKAI_LONG") == "1"
APPS, WOKEN = (200, 50) if LONG else (20, 5)
SLEEPING = 1000 if LONG else APPS
WARM = 2
AT_ONCE = 6
IDLE_MS = 30000 if LONG else 2000
SERVER = """
const fs = require('fs');
fs.appendFileSync('/data/starts', 'x');
require('http').createServer((q, r) => r.end(fs.readFileSync('/data/starts')))
    .listen(process.env.PORT);
"""
SETTINGS = {
    "sandbox_rate_limit": 1000000, "apps_rate_limit": 1000000, "preview_rate_limit": 1000000,
    "execution_timeout_ms": IDLE_MS, "running_max": 60, "sandbox_warm_cages": WARM,
    "start_timeout_ms": 60000,
}


def cages(product):
    """The bubblewrap processes of this product: every cage has one that names its directories."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"bwrap") and any(w.startswith(product.data.encode()) for w in words):
            found.append(entry.name)
    return found


class Sleeping(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.product = Product(settings=SETTINGS)
        cls.addClassCleanup(lambda: cls.product.__exit__(None, None, None))
        cls.product.start()

    def setUp(self):
        self.bus = self.product.bus()
        self.addCleanup(self.bus.close)

    def warm(self):
        return self.bus.call("sandbox", "sandbox.list").get("warm", 0)

    def running(self):
        return len(self.bus.call("sandbox", "sandbox.list")["runs"])

    def create(self, number):
        """Faster than apps fall idle this host is full now and then, and says when to come again."""
        def tried():
            answer = self.product.http("POST", "/api/sandbox/execute", {
                "appId": f"sleeper-{number}", "files": {"server.js": SERVER}}, seconds=120)
            if LONG and answer.status == 503 and answer.json()["code"] == "capacity":
                select.select([], [], [], int(answer.headers["Retry-After"]))
                return None
            return answer
        answer = wait_for(tried, 120, f"room for sleeper-{number}")
        self.assertEqual(answer.status, 201, answer)

    def starts(self, number):
        answer = self.product.preview(f"http://sleeper-{number}.localhost:{self.product.port}/",
                                      seconds=120)
        self.assertEqual(answer.status, 200, answer)
        return answer.body.decode()

    def statuses(self):
        found, offset = [], 0
        while True:
            page = self.product.http("GET", f"/api/apps?limit=100&offset={offset}").json()["apps"]
            found += [app["status"] for app in page]
            offset += len(page)
            if len(page) < 100:
                return found

    def in_parallel(self, call, numbers, at_once=AT_ONCE):
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(call, numbers))

    def all_sleep(self, count):
        wait_for(lambda: self.statuses() == ["sleeping"] * count, 120, "all apps sleep")
        wait_for(lambda: self.warm() == WARM, 30, "the warm cages are there again")
        wait_for(lambda: len(cages(self.product)) <= self.awake_cages, 10,
                 "sleeping apps have no cage")

    def test_sleeping_apps_cost_no_process_and_wake(self):
        wait_for(lambda: self.warm() == WARM, 30, "warm cages are booted")
        self.awake_cages = len(cages(self.product))
        self.assertGreaterEqual(self.awake_cages, WARM)
        self.in_parallel(self.create, range(APPS))
        self.all_sleep(APPS)

        self.assertEqual(self.starts(0), "xx", "one that was asleep, with its data")
        log = self.product.http("GET", "/api/apps/sleeper-0/logs").body.decode()
        self.assertIn("version 1 starts, warm", log)

        woken = self.in_parallel(self.starts, range(1, WOKEN + 1), at_once=WOKEN)
        self.assertEqual(woken, ["xx"] * WOKEN, "no start failed")
        if LONG:
            self.assertEqual(self.running(), WOKEN + 1)
        self.in_parallel(self.create, range(APPS, SLEEPING))
        self.all_sleep(SLEEPING)


if __name__ == "__main__":
    unittest.main()
