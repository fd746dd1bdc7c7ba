"""What the README tells people to type, typed: its commands against the real product."""
import json
import os
import re
import signal
import subprocess
import tempfile
import unittest

from product import BIN, Product, TOP, free_port, wait_for

README = (TOP / "README.md").read_text()


def commands(heading):
    section = README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"(?m)^    (\S.*)$", section)


class Readme(unittest.TestCase):
    def test_shell_and_http(self):
        with Product(settings={"apps_rate_limit": 100000}) as product:
            lines = commands("From the shell")
            self.assertGreaterEqual(len(lines), 4)
            for line in lines:
                done = subprocess.run(line.replace("build/bin", str(BIN)) + f" --data {product.data}",
                                      shell=True, capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, (line, done))
            lines = commands("Over HTTP")
            self.assertGreaterEqual(len(lines), 3)
            for line in lines:
                done = subprocess.run(line.replace("127.0.0.1:8000", product.listen), shell=True,
                                      capture_output=True, text=True, timeout=60)
                self.assertNotIn("requestId", json.loads(done.stdout), (line, done))

    def test_quickstart(self):
        port = free_port()
        with tempfile.TemporaryDirectory(prefix="isekai-quick-", dir="/var/tmp") as data, \
                open(os.path.join(data, "log"), "w+") as log:
            os.chmod(data, 0o755)
            quick = subprocess.Popen([TOP / "deploy" / "quickstart", "--data", data, "--listen",
                                      f"127.0.0.1:{port}", "Create a CSV viewer app"],
                                     stdout=log, stderr=log)
            try:
                def address():
                    self.assertIsNone(quick.poll(), open(log.name).read())
                    return re.search(rf"(?m)^http://\S+\.localhost:{port}/$", open(log.name).read())
                url = wait_for(address, 240, "the preview address").group(0)
                done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url],
                                      capture_output=True, text=True, timeout=20)
                self.assertEqual(done.stdout, "200")
            finally:
                quick.send_signal(signal.SIGTERM)
                quick.wait(30)
            self.assertNotIn(data.encode(), b"".join(
                open(f"/proc/{pid}/cmdline", "rb").read() for pid in os.listdir("/proc")
                if pid.isdigit() and os.path.exists(f"/proc/{pid}/cmdline")))


if __name__ == "__main__":
    unittest.main()
