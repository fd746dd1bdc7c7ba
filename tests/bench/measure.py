#!/usr/bin/python3
"""measure.py ROUNDS - the three comparisons; every figure is a median over rounds taken in turn."""
import json
import os
import pathlib
import re
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
SECONDS = 4
WORKERS = 4
TICK = os.sysconf("SC_CLK_TCK")
SERVER = "require('http').createServer((q, r) => r.end('ok')).listen(process.env.PORT);"


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def wrk(url, connections):
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", url],
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


def first_byte_bare(directory):
    port = free_port()
    begun = time.monotonic()
    node = subprocess.Popen(["node", "server.js"], cwd=directory, env={**os.environ, "PORT": str(port)})
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
        node.kill()
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


def measure_start(product):
    rounds = ROUNDS * 5
    bare, ours = [], []
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory, "server.js").write_text(SERVER)
        for number in range(rounds):
            bare.append(1000 * first_byte_bare(directory))
            ours.append(1000 * first_byte_isekai(product, number))
    print(f"(c) files -> first byte of the running app, ms, median of {rounds}")
    print(f"    bare node  {spread(bare)}")
    print(f"    isekai     {spread(ours)}")
    print(f"    ratio: {statistics.median(ours) / statistics.median(bare):.2f} of bare node (aim 1.3)")


with Product(settings={"sandbox_rate_limit": 1000000, "apps_rate_limit": 1000000}) as product:
    print(f"{os.cpu_count()} cores, {os.uname().release}, node "
          + subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip())
    measure_get(product)
    measure_echo(product)
    measure_start(product)
