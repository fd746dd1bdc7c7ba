#!/usr/bin/python3
"""measure.py ROUNDS [get echo start stop preview] - every figure is a median over rounds taken in turn."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import http.client

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "end_to_end"))
from product import BIN, Product, ROLES, free_port  # noqa: E402

ROUNDS = int(sys.argv[1])
WANTED = sys.argv[2:] or ["get", "echo", "start", "stop", "preview"]
WARM_CAGES = 2
SECONDS = 4
WORKERS = 4
TICK = os.sysconf("SC_CLK_TCK")
SERVER = "require('http').createServer((q, r) => r.end('ok')).listen(process.env.PORT);"


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def wrk(url, connections, host=None):
    header = ["-H", f"Host: {host}"] if host else []
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", *header, url],
                         capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out:
        raise SystemExit(f"{url}: not every answer was 2xx\n{out}")
    return float(re.search(r"Requests/sec: +([\d.]+)", out)[1])


def load(url, connections, pids):
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    rate = wrk(url, connections)
    spent = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    return rate, {name: 1e6 * used / (rate * SECONDS) for name, used in spent.items()}


def spread(values):
    return f"{statistics.median(values):8.0f}  ({min(values):.0f}..{max(values):.0f})"


def measure_get(product):
    files = {"server.js": SERVER, "big.js": "const line = 'fifteen kilobytes of code';\n" * 357}
    made = product.http("POST", "/api/sandbox/execute", {"appId": "bench", "files": files})
    assert made.status == 201, made
    body = product.http("GET", "/api/apps/bench").body
    print(f"(a) GET one app, {len(body)} octets of JSON, requests/s, median of {ROUNDS}")
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(body)
        file.flush()
        ports = free_port(), free_port()
        bare = subprocess.Popen([BIN / "bench_bare_civetweb", str(ports[0]), file.name],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        express = subprocess.Popen(["node", HERE / "peers" / "express.js", str(ports[1]), file.name],
                                   stdout=subprocess.PIPE)
        bare.stdout.readline()
        express.stdout.readline()
        urls = {
            "isekai": f"http://{product.listen}/api/apps/bench",
            "bare civetweb": f"http://127.0.0.1:{ports[0]}/api/apps/bench",
            "Express": f"http://127.0.0.1:{ports[1]}/api/apps/bench",
        }
        pids = {
            "isekai": {role: product.role_pid(role) for role in ("gateway", "broker", "store")},
            "bare civetweb": {"civetweb": bare.pid},
            "Express": {"node": express.pid},
        }
        try:
            for connections in (16, 64):
                rates = {name: [] for name in urls}
                cost = {}
                for _ in range(ROUNDS):
                    for name, url in urls.items():
                        rate, cost[name] = load(url, connections, pids[name])
                        rates[name].append(rate)
                for name in urls:
                    each = ", ".join(f"{who} {us:.0f}" for who, us in cost[name].items())
                    print(f"    {connections:3} connections  {name:14} {spread(rates[name])}"
                          f"   CPU us/request: {each}")
                ours = statistics.median(rates["isekai"])
                print(f"    ratio: {ours / statistics.median(rates['bare civetweb']):.2f} of bare"
                      f" civetweb (aim 0.2), {ours / statistics.median(rates['Express']):.2f} of"
                      " Express (aim 1.5)")
        finally:
            bare.stdin.close()
            bare.wait(10)
            express.terminate()
            express.wait(10)


def echo(*words):
    return [BIN / "bench_echo", *words]


def measure_echo(product):
    count = "200000"
    with tempfile.TemporaryDirectory() as directory:
        front, back = f"ipc://{directory}/front", f"ipc://{directory}/back"
        proxy = subprocess.Popen(echo("proxy", front, back))
        broker = f"ipc://{product.run_dir}/bus/broker"
        workers = [subprocess.Popen(echo("worker", where, kind)) for _ in range(WORKERS)
                   for where, kind in ((back, "plain"), (broker, "mdp"))]
        rates = {"zmq_proxy": [], "broker": []}
        try:
            for _ in range(ROUNDS):
                for name, words in (("zmq_proxy", ("client", front, "plain", count)),
                                    ("broker", ("client", broker, "mdp", count))):
                    out = subprocess.run(echo(*words), capture_output=True, text=True, timeout=60,
                                         check=True)
                    rates[name].append(float(out.stdout))
        finally:
            for peer in (*workers, proxy):
                peer.kill()
                peer.wait()
    print(f"(b) echo, {WORKERS} workers on each side, 100 under way, credit 16, requests/s,"
          f" median of {ROUNDS}")
    for name, values in rates.items():
        print(f"    {name:10} {spread(values)}")
    print(f"    ratio: {statistics.median(rates['broker']) / statistics.median(rates['zmq_proxy']):.2f}"
          " of zmq_proxy (aim 0.6)")


def first_byte_bare(directory, before=()):
    port = free_port()
    begun = time.monotonic()
    node = subprocess.Popen([*before, "node", "server.js"], cwd=directory, stdout=subprocess.DEVNULL,
                            start_new_session=True, env={**os.environ, "PORT": str(port)})
    try:
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/")
                connection.getresponse().read(1)
                return time.monotonic() - begun
            except ConnectionRefusedError:
                time.sleep(0.002)
    finally:
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()


def first_byte_isekai(product, number):
    app_id = f"cold-{number}"
    begun = time.monotonic()
    made = product.http("POST", "/api/sandbox/execute",
                        {"appId": app_id, "files": {"server.js": SERVER}})
    assert made.status == 201, made
    assert product.preview(made.json()["url"]).status == 200
    spent = time.monotonic() - begun
    product.http("DELETE", f"/api/apps/{app_id}")
    return spent


# As small a cage as bubblewrap makes; it keeps the host's network, for there is nobody to relay.
BWRAP = ["bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--ro-bind",
         "/", "/", "--proc", "/proc", "--dev", "/dev", "--die-with-parent", "--"]
RUNSC = ["runsc", "--rootless", "--ignore-cgroups", "--platform=ptrace", "--network=host", "do"]


def wait_warm(product, bus):
    deadline = time.monotonic() + 60
    while bus.call("sandbox", "sandbox.list").get("warm", 0) < WARM_CAGES:
        if time.monotonic() > deadline:
            raise SystemExit("the warm cages were not booted within 60 s")
        time.sleep(0.02)
    time.sleep(0.3)         # what booted it is over


def wait_asleep(product, app_id):
    deadline = time.monotonic() + 60
    while product.http("GET", f"/api/apps/{app_id}").json()["status"] != "sleeping":
        if time.monotonic() > deadline:
            raise SystemExit(f"{app_id} did not go to sleep within 60 s")
        time.sleep(0.05)


def first_byte_of_sleeper(product):
    wait_asleep(product, "sleeper")
    begun = time.monotonic()
    assert product.preview(f"http://sleeper.localhost:{product.port}/").status == 200
    return time.monotonic() - begun


def stop_and_cleanup(product, number):
    app_id = f"stops-{number}"
    made = product.http("POST", "/api/sandbox/execute",
                        {"appId": app_id, "files": {"server.js": SERVER}})
    assert made.status == 201, made
    begun = time.monotonic()
    assert product.http("POST", f"/api/apps/{app_id}/stop").status == 200
    spent = time.monotonic() - begun
    product.http("DELETE", f"/api/apps/{app_id}")
    return spent


def tell(name, values, bare, aim):
    print(f"    {name:22} {spread(values)}   ratio {statistics.median(values) / bare:.2f}"
          + (f" (aim {aim})" if aim else ""))


def measure_start(cold, warm):
    """Each kind in turn, so that what the machine does meanwhile hits all alike."""
    times = {"bare node": [], "bwrap and node": [], "runsc and node": [], "cold": [], "warm": [],
             "woken, warm": []}
    bus = warm.bus()
    warm.http("POST", "/api/sandbox/execute", {"appId": "sleeper", "files": {"server.js": SERVER}})
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory, "server.js").write_text(SERVER)
        for number in range(ROUNDS * 5):
            times["bare node"].append(1000 * first_byte_bare(directory))
            times["bwrap and node"].append(1000 * first_byte_bare(directory, BWRAP))
            if shutil.which("runsc"):
                times["runsc and node"].append(1000 * first_byte_bare(directory, RUNSC))
            times["cold"].append(1000 * first_byte_isekai(cold, number))
            wait_warm(warm, bus)
            times["warm"].append(1000 * first_byte_isekai(warm, number))
            wait_warm(warm, bus)
            times["woken, warm"].append(1000 * first_byte_of_sleeper(warm))
    bus.close()
    bare = statistics.median(times["bare node"])
    print(f"(c) files -> first byte of the running app, ms, median of {ROUNDS * 5}")
    aims = {"cold": 1.15, "warm": 0.3, "woken, warm": 0.3}
    for name, values in times.items():
        if values:
            tell(name, values, bare, aims.get(name))


def measure_stop(product):
    times = sorted(1000 * stop_and_cleanup(product, number) for number in range(ROUNDS * 10))
    worst = times[min(len(times) - 1, len(times) * 99 // 100)]
    print(f"(d) stop until nothing is left, ms, of {len(times)}: median"
          f" {statistics.median(times):.0f}, p99 {worst:.0f} (aim 200)")


def wait_listening(port):
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def measure_preview(product):
    """The same server, behind the gateway and its cage's relay, and bare."""
    code = ("const body = Buffer.alloc(%d, 'x');"
            "require('http').createServer((q, r) => r.end(body)).listen(process.env.PORT);")
    print(f"(e) preview against a direct connection, 16 connections, median of {ROUNDS}")
    for octets in (1024, 1 << 20):
        rates = {"direct": [], "preview": []}
        app_id = f"relayed-{octets}"
        made = product.http("POST", "/api/sandbox/execute", {
            "appId": app_id, "files": {"server.js": code % octets}, "config": {"cpuPercent": 200}})
        assert made.status == 201, made
        port = free_port()
        bare = subprocess.Popen(["node", "-e", code % octets], env={**os.environ, "PORT": str(port)})
        try:
            wait_listening(port)
            for _ in range(ROUNDS):
                rates["direct"].append(wrk(f"http://127.0.0.1:{port}/", 16))
                rates["preview"].append(wrk(f"http://{product.listen}/", 16,
                                            f"{app_id}.localhost:{product.port}"))
        finally:
            bare.kill()
            bare.wait()
        product.http("DELETE", f"/api/apps/{app_id}")
        for name, values in rates.items():
            print(f"    {octets:8} octets  {name:8} {spread(values)} requests/s")
        print(f"    ratio: {statistics.median(rates['preview']) / statistics.median(rates['direct']):.2f}"
              " (aim 0.85)")


LIMITS = {"sandbox_rate_limit": 1000000, "apps_rate_limit": 1000000, "preview_rate_limit": 1000000000}

with Product(settings={**LIMITS, "sandbox_warm_cages": 0}) as product:
    print(f"{os.cpu_count()} cores, {os.uname().release}, node "
          + subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip())
    if "get" in WANTED:
        measure_get(product)
    if "echo" in WANTED:
        measure_echo(product)
    if "start" in WANTED:
        with Product(settings={**LIMITS, "sandbox_warm_cages": WARM_CAGES,
                               "execution_timeout_ms": 1000}) as second:
            measure_start(product, second)
    if "stop" in WANTED:
        measure_stop(product)
    if "preview" in WANTED:
        measure_preview(product)
