#!/usr/bin/python3
"""preview_rules.py ADDRESS:PORT - an app that answers as hostile apps do, seen through the gateway.

Executes one app in the running product that speaks raw TCP: the path says which octets it answers.
Checks what reaches the caller: status, headers, body, and whether the connection ends; streams both
ways, WebSockets, and the pages where an app cannot be seen. The last line is `N passed, N failed`.
"""
import base64
import hashlib
import json
import os
import socket
import sys
import threading
import time
import http.client

ADDRESS, PORT = sys.argv[1].rsplit(":", 1) if len(sys.argv) > 1 else ("127.0.0.1", "8000")
PORT = int(PORT)
APP = f"raw-{os.getpid()}"
HOST = f"{APP}.localhost:{PORT}"

SERVER = r"""
const net = require('net'), crypto = require('crypto');
const answers = {
  '/plain': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Own: 1\r\n\r\nok',
  '/close': 'HTTP/1.1 200 OK\r\n\r\nuntil the end',
  '/chunks': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\n',
  '/interim': 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  '/flood': 'HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n'.repeat(1000),
  '/lf': 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
  '/split': 'HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b=c\r\nContent-Length: 2\r\n\r\nok',
  '/fold': 'HTTP/1.1 200 OK\r\nX: a\r\n b: c\r\nContent-Length: 2\r\n\r\nok',
  '/two-lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok',
  '/both': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  '/gzip-coding': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok',
  '/long-head': 'HTTP/1.1 200 OK\r\n' + 'X: ' + 'a'.repeat(40000) + '\r\n\r\n',
  '/many': 'HTTP/1.1 200 OK\r\n' + 'X: a\r\n'.repeat(200) + 'Content-Length: 0\r\n\r\n',
  '/endless-head': null,
  '/nothing': '',
  '/garbage': 'SSH-2.0-OpenSSH_9.2\r\n\r\n',
  '/http2': 'HTTP/2 200\r\n\r\n',
  '/switch': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  '/more': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhidden',
  '/short': 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this',
  '/bad-chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n',
  '/cookies': 'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Domain=localhost\r\nClear-Site-Data: "*"\r\n' +
      'Alt-Svc: h2=":1"\r\nX-Accel-Redirect: /x\r\nConnection: x-hop\r\nX-Hop: 1\r\nX-Content-Type-Options: no\r\nContent-Length: 0\r\n\r\n',
  '/no-content': 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello',
  '/teapot': "HTTP/1.1 418 I'm a teapot, <b>really</b>\r\nContent-Length: 0\r\n\r\n",
};
function accept(key) {
  return crypto.createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
}
net.createServer((socket) => {
  let seen = Buffer.alloc(0), done = false;
  socket.on('error', () => {});
  socket.on('data', (data) => {
    if (done) return;
    seen = Buffer.concat([seen, data]);
    const end = seen.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = seen.subarray(0, end).toString('latin1');
    const path = head.split(' ')[1].split('?')[0];
    if (path === '/echo') {
      const length = /^content-length: (\d+)/im.exec(head), size = length ? +length[1] : 0;
      const chunked = /^transfer-encoding: chunked/im.test(head);
      const body = seen.subarray(end + 4);
      if (chunked ? !body.includes('0\r\n\r\n') : body.length < size) return;
      done = true;
      const out = Buffer.concat([Buffer.from(head + '\r\n\r\n'), body]);
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: ' + out.length + '\r\n\r\n' + out.toString('latin1'), 'latin1');
    } else if (path === '/early') {
      done = true;
      socket.end('HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno');
    } else if (path === '/stream') {
      done = true;
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n');
      let n = 0;
      const timer = setInterval(() => { socket.write('data: ' + n++ + '\n\n'); if (n === 3) { clearInterval(timer); socket.end(); } }, 300);
    } else if (path === '/endless-head') {
      done = true;
      socket.write('HTTP/1.1 200 OK\r\n');
      const timer = setInterval(() => socket.write('X: ' + 'a'.repeat(8000) + '\r\n'), 5);
      socket.on('close', () => clearInterval(timer));
    } else if (path === '/ws') {
      done = true;
      const key = /^sec-websocket-key: (\S+)/im.exec(head)[1];
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Accept: ' + accept(key) + '\r\n\r\n' + '\x81\x05hello', 'latin1');
      socket.on('data', (octets) => socket.write(octets));
    } else {
      done = true;
      socket.end(answers[path] ?? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'latin1');
    }
  });
}).listen(process.env.PORT);
"""

passed = failed = 0


def check(name, problem):
    global passed, failed
    if problem:
        failed += 1
        print(f"not ok {name}: {problem}")
    else:
        passed += 1


def api(verb, path, body=None):
    connection = http.client.HTTPConnection(ADDRESS, PORT, timeout=60)
    headers = {"Host": f"{ADDRESS}:{PORT}"}
    if body is not None:
        body = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    connection.request(verb, path, body, headers)
    answer = connection.getresponse()
    octets = answer.read()
    connection.close()
    return answer.status, json.loads(octets) if octets else None


def raw(octets, seconds=20):
    """Everything that comes back until the other side closes."""
    connection = socket.create_connection((ADDRESS, PORT), timeout=seconds)
    connection.sendall(octets)
    got = b""
    try:
        while True:
            more = connection.recv(65536)
            if not more:
                break
            got += more
    except ConnectionResetError:
        pass
    connection.close()
    return got


def ask(path, verb="GET", headers="", body=b"", version="1.1", host=HOST):
    head = f"{verb} {path} HTTP/{version}\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n"
    got = raw(head.encode() + body)
    head, _, rest = got.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(": ")
        fields.setdefault(name.lower(), []).append(value)
    return int(lines[0].split(" ")[1]) if lines[0] else 0, fields, rest, lines[0]


def unchunk(octets):
    out = b""
    while octets:
        size, _, octets = octets.partition(b"\r\n")
        size = int(size, 16)
        out += octets[:size]
        octets = octets[size + 2:]
        if size == 0:
            return out
    return None


def run_good():
    status, fields, body, _ = ask("/plain")
    check("an ordinary answer", None if (status, body) == (200, b"ok") and fields["x-own"] == ["1"]
          and fields["x-content-type-options"] == ["nosniff"] else f"{status} {fields} {body}")
    check("and none of the gateway's own policy", None if "content-security-policy" not in fields
          and "x-frame-options" not in fields else str(fields))
    status, fields, body, _ = ask("/chunks")
    check("chunks", None if status == 200 and unchunk(body) == b"abcde" else f"{status} {body}")
    status, fields, body, _ = ask("/chunks", version="1.0")
    check("chunks for HTTP/1.0", None if body == b"abcde" and "transfer-encoding" not in fields else f"{fields} {body}")
    status, fields, body, _ = ask("/close")
    check("a body until the end", None if unchunk(body) == b"until the end" else f"{fields} {body}")
    status, _, body, _ = ask("/interim")
    check("interim answers are not passed on", None if (status, body) == (200, b"ok") else f"{status} {body}")
    status, _, body, _ = ask("/more")
    check("octets behind the answer are dropped", None if (status, body) == (200, b"ok") else f"{status} {body}")
    status, fields, body, _ = ask("/no-content")
    check("204 has no body", None if status == 204 and body == b"" and "content-length" in fields else f"{status} {fields} {body}")
    status, fields, body, first = ask("/teapot")
    check("the reason phrase is ours", None if status == 418 and "really" not in first else first)
    status, fields, body, _ = ask("/plain", verb="HEAD")
    check("HEAD has no body", None if status == 200 and body == b"" and fields["content-length"] == ["2"] else f"{status} {fields} {body}")
    status, fields, body, _ = ask("/cookies")
    allowed = {"x-request-id", "x-content-type-options", "set-cookie", "content-length", "connection"}
    check("what must not pass does not", None if set(fields) == allowed and fields["set-cookie"] == ["a=1"]
          and fields["x-content-type-options"] == ["nosniff"] else str(fields))


def run_hostile():
    for path in ["/flood", "/lf", "/split", "/fold", "/two-lengths", "/both", "/gzip-coding", "/long-head",
                 "/many", "/nothing", "/garbage", "/http2", "/switch", "/endless-head"]:
        status, fields, body, _ = ask(path)
        good = status == 502 and b"does not answer" in body and "x-frame-options" not in fields \
            and "frame-ancestors 'self' http" in fields["content-security-policy"][0] \
            and b"<script" not in body and "set-cookie" not in fields
        check(f"{path} is a page of ours", None if good else f"{status} {fields} {body[:200]}")
    status, fields, body, _ = ask("/short")
    check("a cut answer is seen to be cut", None if status == 200 and fields["content-length"] == ["100"]
          and body == b"only this" else f"{status} {body}")
    status, fields, body, _ = ask("/bad-chunk")
    check("a broken chunk is seen to be cut", None if b"abc" in body and not body.endswith(b"0\r\n\r\n") else f"{body}")


def run_requests():
    _, _, body, _ = ask("/echo?a=b%20c", headers="X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n"
                        "TE: trailers\r\nCookie: k=v\r\nX-Mine: 1\r\n")
    text = body.decode("latin-1")
    good = text.startswith("GET /echo?a=b%20c HTTP/1.1\r\n") and "6.6.6.6" not in text \
        and "X-Forwarded-For: 127.0.0.1\r\n" in text and "X-Forwarded-Proto: http\r\n" in text \
        and f"X-Forwarded-Host: {HOST}\r\n" in text and f"Host: {HOST}\r\n" in text \
        and "Cookie: k=v\r\n" in text and "X-Mine: 1\r\n" in text and "TE:" not in text \
        and text.count("Connection:") == 1
    check("what the app is told", None if good else text)
    big = os.urandom(300000)
    _, _, body, _ = ask("/echo", verb="POST", headers=f"Content-Length: {len(big)}\r\n", body=big)
    check("an upload arrives octet by octet", None if body.endswith(big) else f"{len(body)} octets")
    _, _, body, _ = ask("/echo", verb="POST", headers="Transfer-Encoding: chunked\r\n",
                        body=b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    check("a chunked upload", None if unchunk(body.partition(b"\r\n\r\n")[2]) == b"abcde" else f"{body}")
    _, _, body, _ = ask("/echo", verb="POST", headers="Content-Length: 5\r\nExpect: 100-continue\r\n", body=b"hello")
    check("an upload that asks first", None if b"HTTP/1.1 200" in body and body.endswith(b"hello")
          and b"expect" not in body.lower() else f"{body}")
    for verb in ["PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]:
        _, _, body, _ = ask("/echo", verb=verb)
        check(f"{verb} reaches the app", None if body.startswith(verb.encode()) else f"{body[:80]}")
    status, _, body, _ = ask("/early", verb="POST", headers="Content-Length: 50000000\r\n", body=b"x" * 100000)
    check("an app that refuses an upload is heard", None if (status, body) == (413, b"no") else f"{status} {body[:100]}")
    got = raw(f"POST /echo HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode())
    check("the guard stands before previews too", None if got.startswith(b"HTTP/1.1 400") else f"{got[:80]}")
    connection = http.client.HTTPConnection(ADDRESS, PORT, timeout=20)
    statuses = []
    for path in ["/plain", "/chunks", "/close", "/plain"]:
        connection.request("GET", path, headers={"Host": HOST})
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    check("one connection, many requests", None if statuses == [200] * 4 else str(statuses))
    connection.close()


def run_stream():
    connection = socket.create_connection((ADDRESS, PORT), timeout=20)
    connection.sendall(f"GET /stream HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
    times, got = [], b""
    while b"data: 2" not in got:
        more = connection.recv(65536)
        if not more:
            break
        got += more
        if b"data:" in more:
            times.append(time.monotonic())
    check("a stream comes as it is written", None if len(times) >= 3 and times[-1] - times[0] > 0.4 else f"{times} {got}")
    connection.close()


def frame(octets):
    mask = b"\x01\x02\x03\x04"
    return b"\x81" + bytes([0x80 | len(octets)]) + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(octets))


def run_websocket():
    key = base64.b64encode(os.urandom(16)).decode()
    connection = socket.create_connection((ADDRESS, PORT), timeout=20)
    connection.sendall((f"GET /ws HTTP/1.1\r\nHost: {HOST}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
                        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
    got = b""
    while b"hello" not in got:
        more = connection.recv(65536)
        if not more:
            break
        got += more
    wanted = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
    good = got.startswith(b"HTTP/1.1 101 ") and wanted in got and b"Upgrade: websocket" in got
    check("a WebSocket opens, and early frames come", None if good else f"{got}")
    back = b""
    for i in range(50):
        connection.sendall(frame(b"message %d" % i))
        wanted = frame(b"message %d" % i)
        while not back.endswith(wanted):
            more = connection.recv(65536)
            if not more:
                break
            back += more
    check("frames go both ways", None if back.endswith(frame(b"message 49")) else f"{back[-60:]}")
    big = os.urandom(2000000)
    connection.settimeout(20)
    sent, received = 0, bytearray()
    connection.setblocking(False)
    end = time.monotonic() + 20
    while len(received) < len(big) and time.monotonic() < end:
        try:
            if sent < len(big):
                sent += connection.send(big[sent:sent + 65536])
        except BlockingIOError:
            pass
        try:
            received += connection.recv(65536)
        except BlockingIOError:
            pass
    check("two megabytes go both ways at once", None if bytes(received) == big else f"{len(received)}")
    connection.close()
    status, _, _, _ = ask("/plain", headers="Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n")
    check("another upgrade is not passed on", None if status == 200 else str(status))


def run_pages():
    status, fields, body, _ = ask("/", host=f"nobody-here.localhost:{PORT}")
    check("no such app", None if status == 404 and b"There is no app" in body else f"{status} {body}")
    api("POST", f"/api/apps/{APP}/stop", {})
    status, fields, body, _ = ask("/")
    check("a stopped app", None if status == 503 and b"is stopped" in body and "retry-after" in fields else f"{status} {body}")
    api("POST", f"/api/apps/{APP}/start", {})
    status, _, body, _ = ask("/plain")
    check("and started again", None if status == 200 else f"{status} {body}")


def run_wake():
    sleeper = f"{APP}-sleeper"
    server = "require('http').createServer((q, r) => r.end('awake')).listen(process.env.PORT);"
    status, answer = api("POST", "/api/sandbox/execute", {"appId": sleeper, "files": {"server.js": server},
                                                          "config": {"timeoutMs": 1000}})
    end = time.monotonic() + 20
    while status == 201 and time.monotonic() < end:
        status_now = api("GET", f"/api/apps/{sleeper}")[1]["status"]
        if status_now != "running":
            break
        time.sleep(0.2)     # the app falls asleep by itself a second after its last request
    check("an app that nobody asks falls asleep", None if status == 201 and status_now == "sleeping" else f"{status} {status_now}")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ask("/", host=f"{sleeper}.localhost:{PORT}")))
               for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = all(status == 200 and unchunk(body) == b"awake" if "transfer-encoding" in fields else body == b"awake"
               for status, fields, body, _ in answers)
    check("twelve who come at once wake it, and all see it", None if len(answers) == 12 and good else str(answers)[:400])
    api("DELETE", f"/api/apps/{sleeper}")


def main():
    status, answer = api("POST", "/api/sandbox/execute", {"appId": APP, "files": {"server.js": SERVER}})
    if status != 201:
        print(f"the app did not start: {status} {answer}")
        print("0 passed, 1 failed")
        return 1
    try:
        for run in [run_good, run_hostile, run_requests, run_stream, run_websocket, run_pages, run_wake]:
            run()
    finally:
        api("DELETE", f"/api/apps/{APP}")
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


sys.exit(main())
