"""modules_test - what apps.execute does with `dependencies` where none is installed, through HTTP.

The app of tests/sandbox/modules_app.js uses each of the host's modules; here it is asked for by name.
"""
import json
import unittest

from product import TOP, Product

PAGE = "require('http').createServer((q, r) => r.end(require('dayjs')('2025-02-28').format('D')))" \
       ".listen(process.env.PORT);"


def lock():
    path = TOP / "actors" / "sandbox" / "modules" / "package-lock.json"
    return json.loads(path.read_text())["packages"]


class Modules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.product = cls.enterClassContext(Product(settings={"sandbox_registry": "off"}))

    def execute(self, app_id, files, dependencies):
        return self.product.http("POST", "/api/sandbox/execute",
                                 {"appId": app_id, "files": files, "dependencies": dependencies})

    def files_of(self, app_id):
        return self.product.http("GET", f"/api/apps/{app_id}").json()["code"]["files"]

    def test_each_of_the_hosts_modules_is_there(self):
        code = (TOP / "tests" / "sandbox" / "modules_app.js").read_text()
        answer = self.execute("all", {"server.js": code}, lock()[""]["dependencies"])
        self.assertEqual(answer.status, 201, answer)
        page = self.product.preview(answer.json()["url"])
        self.assertEqual(page.body.decode(), "bad: []")

    def test_dependencies_stay_with_the_app(self):
        package = '{"name": "clock", "dependencies": {"zod": "^3.0.0"}}'
        answer = self.execute("clock", {"server.js": PAGE, "package.json": package},
                              {"dayjs": "^1.11.0"})
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(json.loads(self.files_of("clock")["package.json"]),
                         {"name": "clock", "dependencies": {"zod": "^3.0.0", "dayjs": "^1.11.0"}})
        self.assertEqual(self.product.http("POST", "/api/apps/clock/stop").status, 200)
        self.assertEqual(self.product.http("POST", "/api/apps/clock/start").status, 200)
        self.assertEqual(self.product.preview(answer.json()["url"]).body, b"28")

    def test_what_the_host_has_not_is_refused(self):
        for dependencies, words in (
                ({"left-pad": "^1.3.0"}, ["left-pad", "express"]),
                ({"express": "^99.0.0"}, ["express", lock()["node_modules/express"]["version"]])):
            with self.subTest(dependencies=dependencies):
                answer = self.execute("asks", {"server.js": PAGE}, dependencies)
                self.assertEqual(answer.status, 422, answer)
                for word in words:
                    self.assertIn(word, answer.json()["detail"])

    def test_what_is_no_dependency_is_refused(self):
        for dependencies in ([], {"../x": "1"}, {"ws": 8}, {"ws": "git+ssh://a/b"}, {"ws": "file:x"},
                             {f"p{i}": "1" for i in range(101)}):
            with self.subTest(dependencies=dependencies):
                answer = self.execute("never", {"server.js": PAGE}, dependencies)
                self.assertEqual(answer.status, 400, answer)
        self.assertEqual(self.product.http("GET", "/api/apps/never").status, 404)


if __name__ == "__main__":
    unittest.main()
