"""Apps started one after the other, a few at once: none is refused, each answers, nothing is left.
100 of them; 1,000 in the long run (ISEKAI_LONG=1)."""
import concurrent.futures
import os
import pathlib
import unittest

from product import ROLES, Product, wait_for

COUNT = 1000 if os.environ.get("ISEKAI_LONG") == "1" else 100
AT_ONCE, WARM = 3, 2
FIRST = 24              # starts, after which most of the threads that wait for one have their way to the store
LATE = AT_ONCE * 4      # descriptors of those that have it later: a socket and three events each
SERVER = "require('http').createServer((q, r) => r.end('%d')).listen(process.env.PORT);"


class Starts(unittest.TestCase):
    def setUp(self):
        limits = dict.fromkeys(["apps_rate_limit", "sandbox_rate_limit", "preview_rate_limit"], 1000000)
        self.product = Product(settings={**limits, "sandbox_warm_cages": WARM})
        self.addCleanup(self.product.__exit__, None, None, None)
        self.product.start()

    def start_one(self, number):
        """What went wrong, if anything."""
        app_id, files = f"app-{number}", {"server.js": SERVER % number}
        made = self.product.http("POST", "/api/sandbox/execute", {"appId": app_id, "files": files})
        seen = made.status == 201 and self.product.preview(made.json()["url"])
        gone = self.product.http("DELETE", f"/api/apps/{app_id}")
        if seen and seen.body == str(number).encode() and gone.status == 204:
            return None
        return f"{app_id}: {made}, {seen}, {gone}"

    def descriptors(self):
        """With as many warm cages as there should be: they have some too."""
        bus = self.product.bus()
        try:
            wait_for(lambda: bus.call("sandbox", "sandbox.list").get("warm") == WARM, 30, "warm cages")
        finally:
            bus.close()
        return len(os.listdir(f"/proc/{self.product.role_pid('sandbox')}/fd"))

    def test_none_is_refused_and_nothing_is_left(self):
        roles = {role: self.product.role_pid(role) for role in ROLES}
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            wrong = [line for line in pool.map(self.start_one, range(FIRST)) if line]
            descriptors = self.descriptors()
            wrong += [line for line in pool.map(self.start_one, range(FIRST, COUNT)) if line]
        self.assertEqual(wrong, [], "\n".join(wrong))
        self.assertEqual({role: self.product.role_pid(role) for role in ROLES}, roles)
        wait_for(lambda: self.descriptors() <= descriptors + LATE, 10, f"{descriptors} descriptors as before")
        runtime = pathlib.Path(self.product.data, "runtime")
        wait_for(lambda: not any(runtime.joinpath("apps").iterdir()), 10, "no workspace is left")
        wait_for(lambda: not any(runtime.joinpath("trash").iterdir()), 10, "the trash is empty")


if __name__ == "__main__":
    unittest.main()
