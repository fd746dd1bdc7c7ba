"""product.py - start the real product on a data directory of its own, and speak to it.

Product() runs `isekai up` and waits for `ready`. http() and bus() are the two public doors; the bus
client is written with pyzmq and msgpack alone, as a stranger would write it.
"""
import contextlib
import http.client
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import msgpack
import zmq

TOP = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("ISEKAI_BIN", TOP / "build" / "bin"))
ROLES = ["broker", "audit", "store", "planner", "sandbox", "apps", "gateway"]
LANE_SUFFIX = {"quick": "", "work": ".work", "long": ".long"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds, what):
    """Poll for an event that has no descriptor; the deadline names what did not come."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        select.select([], [], [], 0.05)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


class BusError(Exception):
    def __init__(self, failure):
        super().__init__(failure.get("name"), failure.get("reason"))
        self.failure = failure
        self.name = failure.get("name")


class Bus:
    """A plain MDP/0.2 client: one DEALER, one frame per field (RFC 18), MessagePack-RPC body."""

    def __init__(self, endpoint):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(endpoint)
        self.msgid = 0

    def call(self, service, method, params=None, header=None, seconds=60):
        self.msgid += 1
        body = [msgpack.packb([0, self.msgid, method, [params or {}]])]
        if header is not None:
            body.insert(0, msgpack.packb(header))
        self.socket.send_multipart([b"MDPC02", b"\x01", service.encode()] + body)
        deadline = time.monotonic() + seconds
        while self.socket.poll(max(0, int((deadline - time.monotonic()) * 1000))):
            frames = self.socket.recv_multipart()
            assert frames[0] == b"MDPC02", frames[:3]
            message = msgpack.unpackb(frames[-1])
            if frames[1] == b"\x02" or message[1] != self.msgid:
                continue
            if message[2] is not None:
                raise BusError(message[2])
            return message[3]
        raise AssertionError(f"{method}: no answer within {seconds} s")

    def close(self):
        self.socket.close()
        self.context.term()


class Product:
    def __init__(self, data=None, settings=None, port=None):
        self.owned = data is None
        self.data = data or tempfile.mkdtemp(prefix="isekai-test-", dir="/var/tmp")
        os.chmod(self.data, 0o755)
        self.log_path = os.path.join(self.data, "up.log")
        self.port = port or free_port()
        self.listen = f"127.0.0.1:{self.port}"
        self.settings = settings or {}
        self.process = None

    # ---- life ----

    def command(self, *words):
        return [BIN / "isekai", *words, "--data", self.data]

    def environment(self):
        return {"PATH": os.environ["PATH"], "ISEKAI_SECRET_PROBE": "must-not-be-seen",
                **{k.upper(): str(v) for k, v in self.settings.items()}}

    def start(self, seconds=30):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(self.command("up", "--listen", self.listen),
                                        stdout=subprocess.PIPE, stderr=self.log,
                                        env=self.environment())
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline().decode() if ready else ""
        if line.strip() != f"ready http://{self.listen}":
            self.stop()
            raise AssertionError(f"no ready line: {line!r}\n{self.log_tail()}")
        return self

    def stop(self, sign=signal.SIGTERM, seconds=30):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sign)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("isekai up did not stop\n" + self.log_tail())
        if self.process:
            self.process.stdout.close()
            self.log.close()
        code = self.process.returncode if self.process else None
        self.process = None
        return code

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind:
            print(self.log_tail())
        try:
            self.stop()
        finally:
            if self.owned:
                shutil.rmtree(self.data, ignore_errors=True)

    def log_tail(self, lines=40):
        with contextlib.suppress(OSError), open(self.log_path, "rb") as log:
            return b"\n".join(log.read().split(b"\n")[-lines:]).decode(errors="replace")
        return ""

    def role_pid(self, role):
        """The pid of a role of this very product: a child of our `isekai up`."""
        for entry in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            for pid in entry.read_text().split():
                with contextlib.suppress(OSError):
                    if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == f"isekai-{role}"[:15]:
                        return int(pid)
        return None

    def kill_role(self, role):
        pid = wait_for(lambda: self.role_pid(role), 15, f"{role} runs")
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_ready(self, seconds=30):
        def healthy():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.http("GET", "/api/health", seconds=5).status == 200
        wait_for(healthy, seconds, "health is ok")

    # ---- the doors ----

    def http(self, method, path, body=None, headers=None, host=None, seconds=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        headers = dict(headers or {})
        headers["Host"] = host or self.listen
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def preview(self, app, method="GET", path="/", body=None, headers=None, seconds=60):
        """A script cannot resolve *.localhost: it connects to the gateway and sends the Host."""
        url = app["previewUrl"] if isinstance(app, dict) else app
        host = url.split("/")[2]
        return self.http(method, path, body, headers, host=host, seconds=seconds)

    @property
    def run_dir(self):
        environ = pathlib.Path(f"/proc/{self.role_pid('broker')}/environ").read_bytes()
        for entry in environ.split(b"\0"):
            if entry.startswith(b"ISEKAI_RUN="):
                return entry.split(b"=", 1)[1].decode()
        raise AssertionError("no ISEKAI_RUN")

    def bus(self):
        return Bus(f"ipc://{self.run_dir}/bus/broker")

    def cli(self, *words, seconds=60):
        return subprocess.run(self.command(*words), capture_output=True, text=True,
                              timeout=seconds, env=self.environment())
