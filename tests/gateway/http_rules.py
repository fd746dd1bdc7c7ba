#!/usr/bin/python3
"""http_rules.py ADDRESS:PORT - hostile and odd requests, octet by octet, at a running gateway.

Each row says what must be answered: the status, whether the connection ends, and of every answer
that the whole set of security headers is on it, that refusals have the one shape, and that no
second, hidden request was answered. It sends some 60 writes from one address: give the gateway
room (PLANNER_RATE_LIMIT). --quick leaves out what must wait for time limits. The last line is `N passed, N failed`.
"""
import json
import socket
import sys
import time

ADDRESS, PORT = sys.argv[1].rsplit(":", 1) if len(sys.argv) > 1 else ("127.0.0.1", "8000")
PORT = int(PORT)
HOST = f"127.0.0.1:{PORT}"

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "x-xss-protection": "1; mode=block",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "origin-agent-cluster": "?1",
    "referrer-policy": "no-referrer",
    "x-dns-prefetch-control": "off",
    "x-download-options": "noopen",
    "x-permitted-cross-domain-policies": "none",
}
POLICY = ("default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';"
          "frame-ancestors 'self';img-src 'self' data: https:;object-src 'none';script-src 'self';"
          "script-src-attr 'none';style-src 'self' 'unsafe-inline';connect-src 'self'")

passed = failed = 0


def check(name, problem):
    global passed, failed
    if problem:
        failed += 1
        print(f"not ok {name}: {problem}")
    else:
        passed += 1


class Connection:
    def __init__(self, seconds=20):
        self.socket = socket.create_connection((ADDRESS, PORT), timeout=seconds)
        self.rest = b""

    def send(self, octets):
        try:
            self.socket.sendall(octets)
        except OSError:
            pass        # refused and closed before all of it was sent: what was answered counts

    def _more(self):
        try:
            got = self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            got = b""
        self.rest += got
        return bool(got)

    def read(self, is_head=False):
        """One answer: (status, headers, body), or None at the end."""
        while True:
            while b"\r\n\r\n" not in self.rest:
                if not self._more():
                    return None
            head, self.rest = self.rest.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            status = int(lines[0].split(" ")[1])
            headers = {}
            for line in lines[1:]:
                name, value = line.split(":", 1)
                headers.setdefault(name.strip().lower(), []).append(value.strip())
            if status == 100:
                continue
            size = 0 if is_head or status in (204, 304) else int(headers.get("content-length", ["0"])[0])
            while len(self.rest) < size:
                if not self._more():
                    break
            body, self.rest = self.rest[:size], self.rest[size:]
            return status, headers, body

    def ends(self, seconds=3):
        """Does the other side close without saying anything more?"""
        self.socket.settimeout(seconds)
        try:
            while True:
                if self.rest:
                    return False
                if not self._more():
                    return True
        except TimeoutError:
            return False

    def close(self):
        self.socket.close()


def headers_problem(status, headers):
    for name, value in ALWAYS.items():
        if headers.get(name) != [value]:
            return f"{name} is {headers.get(name)}"
    if not headers.get("content-security-policy", [""])[0].startswith(POLICY):
        return "wrong Content-Security-Policy"
    for name in ("server", "x-powered-by", "strict-transport-security"):
        if name in headers:
            return f"{name} is there"
    for name, values in headers.items():
        if len(values) > 1 and name != "set-cookie":
            return f"{name} came {len(values)} times"
    if status >= 400 and headers.get("content-type") != ["application/problem+json"]:
        return f"a refusal of type {headers.get('content-type')}"
    return None


def refusal_problem(status, body, sent):
    try:
        problem = json.loads(body)
    except ValueError:
        return f"a refusal that is no JSON: {body[:80]!r}"
    if list(problem)[:8] != ["type", "title", "status", "detail", "code", "requestId", "error", "details"]:
        return f"a refusal of another shape: {list(problem)}"
    if problem["status"] != status:
        return "status in the body differs"
    if b"ECHOME" in sent and "ECHOME" in body.decode():
        return "the input was repeated"
    return None


def answer_problem(answer, sent, wanted, code=None, has_body=True):
    if answer is None:
        return "no answer"
    status, headers, body = answer
    if status not in wanted:
        return f"answered {status} instead of {wanted}: {body[:160]!r}"
    problem = headers_problem(status, headers)
    if not problem and status >= 400 and has_body:
        problem = refusal_problem(status, body, sent)
        if not problem and code and json.loads(body)["code"] != code:
            problem = f"code {json.loads(body)['code']} instead of {code}"
    return problem


def get(path="/livez", headers="", version="1.1", verb="GET"):
    return f"{verb} {path} HTTP/{version}\r\nHost: {HOST}\r\n{headers}\r\n".encode("latin-1")


def post(path, body, headers="", kind="application/json", length=None):
    size = len(body) if length is None else length
    return (f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {size}\r\n{headers}\r\n").encode("latin-1") + body


HIDDEN = f"GET /metrics HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
GENERATE = "/api/apps/generate"
ANALYZE = "/api/planner/analyze"

# name, octets, statuses, code (None: any)
CLOSING = [
    ("two Hosts", f"GET /livez HTTP/1.1\r\nHost: {HOST}\r\nHost: {HOST}\r\n\r\n".encode(), {400}, "bad_request"),
    ("no Host", b"GET /livez HTTP/1.1\r\n\r\n", {400}, "bad_request"),
    ("empty Host", b"GET /livez HTTP/1.1\r\nHost:\r\n\r\n", {421}, "misdirected"),
    ("HTTP/1.0 without Host", b"GET /livez HTTP/1.0\r\nX-A: b\r\n\r\n", {421}, "misdirected"),
    ("HTTP/1.0 without a header", b"GET /livez HTTP/1.0\r\n\r\n", {400}, "bad_request"),
    ("a first header that is none", b"GET /livez HTTP/1.0\r\n\xe4: b\r\nContent-Length: 5\r\n\r\n", {400}, "bad_request"),
    ("foreign Host", b"GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n", {421}, "misdirected"),
    ("Host with user", b"GET /livez HTTP/1.1\r\nHost: localhost@evil.example\r\n\r\n", {421}, "misdirected"),
    ("Host with path", b"GET /livez HTTP/1.1\r\nHost: localhost/x\r\n\r\n", {421}, "misdirected"),
    ("Host that begins like ours", b"GET /livez HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", {421}, "misdirected"),
    ("Host two labels below", b"GET /livez HTTP/1.1\r\nHost: a.b.localhost\r\n\r\n", {421}, "misdirected"),
    ("Content-Length and Transfer-Encoding",
     post(ANALYZE, b"0\r\n\r\n" + HIDDEN, "Transfer-Encoding: chunked\r\n", length=5), {400}, "bad_request"),
    ("Transfer-Encoding and Content-Length",
     (f"POST {ANALYZE} HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
      ).encode() + b"0\r\n\r\n" + HIDDEN, {400}, "bad_request"),
    ("two Content-Lengths", post(ANALYZE, b"{}" + HIDDEN, "Content-Length: 0\r\n", length=2), {400}, "bad_request"),
    ("two equal Content-Lengths", post(ANALYZE, b"{}", "Content-Length: 2\r\n"), {400}, "bad_request"),
    ("Content-Length +2", post(ANALYZE, b"{}" + HIDDEN, length="+2"), {400}, "bad_request"),
    ("Content-Length 0x2", post(ANALYZE, b"{}" + HIDDEN, length="0x2"), {400}, "bad_request"),
    ("Content-Length 2abc", post(ANALYZE, b"{}" + HIDDEN, length="2abc"), {400}, "bad_request"),
    ("Content-Length -1", post(ANALYZE, b"{}" + HIDDEN, length="-1"), {400}, "bad_request"),
    ("Content-Length 2, 2", post(ANALYZE, b"{}" + HIDDEN, length="2, 2"), {400}, "bad_request"),
    ("empty Content-Length", post(ANALYZE, b"{}" + HIDDEN, length=""), {400}, "bad_request"),
    ("Content-Length without end", post(ANALYZE, b"", length="9" * 40), {400}, "bad_request"),
    ("space before the colon",
     f"GET /livez HTTP/1.1\r\nHost: {HOST}\r\nContent-Length : 5\r\n\r\n".encode() + HIDDEN, {400}, "bad_request"),
    ("tab before the colon",
     f"GET /livez HTTP/1.1\r\nHost: {HOST}\r\nContent-Length\t: 5\r\n\r\n".encode() + HIDDEN, {400}, "bad_request"),
    ("folded line", get(headers="X-A: b\r\n c: d\r\n") + HIDDEN, {400}, "bad_request"),
    ("folded first line", f"GET /livez HTTP/1.1\r\n Host: {HOST}\r\n\r\n".encode() + HIDDEN, {400}, "bad_request"),
    ("bare line feeds", f"GET /livez HTTP/1.1\nHost: {HOST}\n\n".encode() + HIDDEN, {400}, "bad_request"),
    ("one bare line feed", f"GET /livez HTTP/1.1\r\nHost: {HOST}\nX-A: b\r\n\r\n".encode() + HIDDEN, {400}, "bad_request"),
    ("bare carriage return", f"GET /livez HTTP/1.1\r\nHost: {HOST}\r\nX-A: b\rX-B: c\r\n\r\n".encode() + HIDDEN, {400}, "bad_request"),
    ("header without colon", get(headers="nonsense\r\n") + HIDDEN, {400}, "bad_request"),
    ("header name with a blank", get(headers="X A: b\r\n") + HIDDEN, {400}, "bad_request"),
    ("header name with an umlaut", get(headers="X-\xe4: b\r\n") + HIDDEN, {400}, "bad_request"),
    ("header name with parentheses", get(headers="X(A): b\r\n") + HIDDEN, {400}, "bad_request"),
    ("empty header name", get(headers=": b\r\n") + HIDDEN, {400}, "bad_request"),
    ("NUL in a header", get(headers="X-A: b\0c\r\n") + HIDDEN, {400}, "bad_request"),
    ("control character in a header", get(headers="X-A: b\x01c\r\n") + HIDDEN, {400}, "bad_request"),
    ("DEL in a header", get(headers="X-A: b\x7fc\r\n") + HIDDEN, {400}, "bad_request"),
    ("blank before the request line", b"\r\n" + get() + HIDDEN, {400}, "bad_request"),
    ("only empty lines", b"\r\n\r\n\r\n\r\n", {400}, "bad_request"),
    ("two blanks after the method", f"GET  /livez HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode() + HIDDEN, {400}, "bad_request"),
    ("two blanks before the version", f"GET /livez  HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode() + HIDDEN, {400}, "bad_request"),
    ("no version", f"GET /livez\r\nHost: {HOST}\r\n\r\n".encode() + HIDDEN, {400}, "bad_request"),
    ("HTTP/2.0 in words", get(version="2.0") + HIDDEN, {400}, "bad_request"),
    ("HTTP/1.2", get(version="1.2") + HIDDEN, {400}, "bad_request"),
    ("HTTP/0.9", get(version="0.9") + HIDDEN, {400}, "bad_request"),
    ("unknown method", get(verb="ECHOME") + HIDDEN, {400}, "bad_request"),
    ("lower-case method", get(verb="get") + HIDDEN, {400}, "bad_request"),
    ("TRACE", get(verb="TRACE") + HIDDEN, {400}, "bad_request"),
    ("absolute target here", get(f"http://{HOST}/livez") + HIDDEN, {400}, "bad_request"),
    ("encoded NUL in the path", get("/api/apps/a%00b") + HIDDEN, {400}, "bad_request"),
    ("encoded slash in the path", get("/api/apps/a%2fb") + HIDDEN, {400}, "bad_request"),
    ("encoded backslash in the path", get("/api/apps/a%5Cb") + HIDDEN, {400}, "bad_request"),
    ("backslash in the path", get("/api/apps/a\\b") + HIDDEN, {400}, "bad_request"),
    ("broken encoding in the path", get("/api/apps/%zz") + HIDDEN, {400}, "bad_request"),
    ("fragment in the path", get("/livez#x") + HIDDEN, {400}, "bad_request"),
    ("64 headers", get(headers="".join(f"X-{i}: v\r\n" for i in range(63))) + HIDDEN, {431}, "too_long"),
    ("100 headers", get(headers="".join(f"X-{i}: v\r\n" for i in range(99))) + HIDDEN, {431}, "too_long"),
    ("hidden Content-Length past the 64th header",
     get(headers="".join(f"X-{i}: v\r\n" for i in range(70)) + "Content-Length: 5\r\n") + HIDDEN, {431}, "too_long"),
    ("one huge header", get(headers="X-A: " + "b" * 20000 + "\r\n"), {400, 431}, None),
    ("a long path", get("/" + "a" * 9000), {431}, "too_long"),
    ("Transfer-Encoding gzip", post(ANALYZE, b"{}", "Transfer-Encoding: gzip\r\n").replace(b"Content-Length: 2\r\n", b""), {400}, "bad_request"),
    ("Transfer-Encoding identity", post(ANALYZE, b"{}", "Transfer-Encoding: identity\r\n").replace(b"Content-Length: 2\r\n", b"") + HIDDEN, {400}, "bad_request"),
    ("Transfer-Encoding chunked, chunked", post(ANALYZE, b"0\r\n\r\n", "Transfer-Encoding: chunked, chunked\r\n").replace(b"Content-Length: 5\r\n", b"") + HIDDEN, {400}, "bad_request"),
    ("chunked in HTTP/1.0", post(ANALYZE, b"0\r\n\r\n", "Transfer-Encoding: chunked\r\n").replace(b"Content-Length: 5\r\n", b"").replace(b"HTTP/1.1", b"HTTP/1.0") + HIDDEN, {400}, "bad_request"),
    ("two Origins", get(headers="Origin: http://a.example\r\nOrigin: http://b.example\r\n"), {400}, "bad_request"),
    ("two Content-Types", post(ANALYZE, b"{}", "Content-Type: text/plain\r\n"), {400}, "bad_request"),
    ("a body where none belongs", get(headers="Content-Length: 5\r\n") + b"GET /" + HIDDEN, {200, 400}, None),
    ("a body on a GET of a bus route", get("/api/apps", headers="Content-Length: 5\r\n") + b"GET /" + HIDDEN, {400}, "bad_request"),
    ("another expectation", post(ANALYZE, b"{}", "Expect: 200-ok\r\n"), {400}, "bad_request"),
    ("10 MB and one octet, announced", post(GENERATE, b"", length=10485761), {413}, "too_large"),
    ("5 MB and one octet for the planner", post(ANALYZE, b"", length=5242881), {413}, "too_large"),
    ("a form", post(ANALYZE, b"prompt=x", kind="application/x-www-form-urlencoded"), {415}, "wrong_type"),
    ("plain text", post(ANALYZE, b"{}", kind="text/plain"), {415}, "wrong_type"),
    ("a write from a foreign origin", post(ANALYZE, b"{}", "Origin: http://evil.example\r\n"), {403}, "origin_refused"),
    ("a write from origin null", post(ANALYZE, b"{}", "Origin: null\r\n"), {403}, "origin_refused"),
    ("a write from an app's origin", post(ANALYZE, b"{}", f"Origin: http://app.localhost:{PORT}\r\n"), {403}, "origin_refused"),
    ("a counted read from an app's page", get("/api/apps/x/export", "Sec-Fetch-Site: same-site\r\n"), {403}, "origin_refused"),
    ("a counted read from elsewhere", get("/api/apps/x/export", "Sec-Fetch-Site: cross-site\r\n"), {403}, "origin_refused"),
    ("a write from localhost's look-alike", post(ANALYZE, b"{}", "Origin: http://localhost.evil.example\r\n"), {403}, "origin_refused"),
    ("a preflight from a foreign origin",
     get(GENERATE, "Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n", verb="OPTIONS"), {403}, "origin_refused"),
    ("a preflight with broken header names",
     get(GENERATE, "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n"
                   "Access-Control-Request-Headers: a b\r\n", verb="OPTIONS"), {400}, "bad_request"),
    ("an Idempotency-Key with blanks", post(ANALYZE, b"{}", "Idempotency-Key: a b\r\n"), {400}, "malformed"),
    ("an Idempotency-Key too long", post(ANALYZE, b"{}", "Idempotency-Key: " + "a" * 129 + "\r\n"), {400}, "malformed"),
    ("broken JSON", post(ANALYZE, b'{"prompt": ECHOME}'), {400}, "broken_json"),
    ("JSON 100,000 deep", post(ANALYZE, b"[" * 100000), {400}, "broken_json"),
    ("a key twice", post(ANALYZE, b'{"prompt":"a","prompt":"b"}'), {400}, "broken_json"),
    ("bad UTF-8", post(ANALYZE, b'{"prompt":"\xff"}'), {400}, "broken_json"),
    ("octets behind the JSON", post(ANALYZE, b'{"prompt":"a"}x'), {400}, "broken_json"),
    ("an array as body", post(ANALYZE, b"[]"), {400}, "malformed"),
    ("hostile MessagePack", post(ANALYZE, b"\xdd\x01\x00\x00\x00\xc0", kind="application/msgpack"), {400}, "broken_msgpack"),
    ("MessagePack that is no map", post(ANALYZE, b"\x93\x01\x02\x03", kind="application/msgpack"), {400}, "malformed"),
    ("MessagePack cut short", post(ANALYZE, b"\x81\xa6prompt\xa5ab", kind="application/msgpack"), {400}, "broken_msgpack"),
    ("MessagePack with octets behind", post(ANALYZE, b"\x81\xa6prompt\xa1aX", kind="application/msgpack"), {400}, "broken_msgpack"),
    ("an unknown field", post(ANALYZE, b'{"prompt":"a","ECHO-ME!":1}'), {400}, "malformed"),
    ("nothing that is accepted", get("/api/apps", "Accept: text/html\r\n"), {406}, "not_acceptable"),
    ("an unknown path", get("/api/ECHOME"), {404}, "no_such_route"),
    ("dots in the path", get("/api/apps/../health"), {404}, "no_such_route"),
    ("a trailing slash", get("/api/apps/"), {404}, "no_such_route"),
    ("an unknown query field", get("/api/apps?ECHOME%20=1"), {400}, "malformed"),
    ("a query field twice", get("/api/apps?limit=1&limit=2"), {400}, "malformed"),
    ("a broken query", get("/api/apps?limit=%zz"), {400}, "malformed"),
    ("an encoded NUL in the query", get("/api/apps?cursor=%00"), {400}, "malformed"),
    ("limit out of bounds", get("/api/apps?limit=101"), {400}, "malformed"),
    ("limit that is no number", get("/api/apps?limit=ECHOME"), {400}, "malformed"),
    ("an app id with a dot", get("/api/apps/a.b"), {400}, "malformed"),
    ("an app id too long", get("/api/apps/" + "a" * 101), {400}, "malformed"),
]

# A connection that goes on: the answer, then one more request on it must be answered too.
KEEPING = [
    ("livez", get(), {200}),
    ("a HEAD", get(verb="HEAD"), {200}),
    ("health", get("/api/health"), {200, 503}),
    ("metrics", get("/metrics"), {200}),
    ("openapi", get("/api/openapi.json"), {200}),
    ("a list", get("/api/apps?limit=1"), {200}),
    ("a list in MessagePack", get("/api/apps?limit=1", "Accept: application/msgpack\r\n"), {200}),
    ("Host localhost", get().replace(HOST.encode(), b"LOCALHOST"), {200}),
    ("an app that is not there", get("/api/apps/not-there-at-all"), {404}),
    ("a preflight from localhost",
     get(GENERATE, "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n"
                   "Access-Control-Request-Headers: content-type, x-a\r\n", verb="OPTIONS"), {200}),
    ("a read from a foreign origin", get(headers="Origin: http://evil.example\r\n"), {200}),
    ("an encoded app id", get("/api/apps/not%2Dthere"), {404}),
    ("a write from its own origin", post(ANALYZE, b'{"prompt":"Create a to-do list"}', f"Origin: http://{HOST}\r\n"), {200}),
    ("MessagePack in", post(ANALYZE, b"\x81\xa6prompt\xb3Create a to-do list", kind="application/msgpack"), {200}),
    ("JSON with a charset", post(ANALYZE, b'{"prompt":"x"}', kind="application/json; charset=utf-8"), {200}),
]


def run_closing():
    for name, octets, wanted, code in CLOSING:
        connection = Connection()
        connection.send(octets)
        problem = answer_problem(connection.read(), octets, wanted, code)
        if not problem and not connection.ends():
            problem = "the connection goes on, or something hidden was answered"
        check(name, problem)
        connection.close()


def run_keeping():
    for name, octets, wanted in KEEPING:
        connection = Connection()
        is_head = octets.startswith(b"HEAD")
        connection.send(octets)
        problem = answer_problem(connection.read(is_head), octets, wanted, has_body=not is_head)
        if not problem:
            connection.send(get("/readyz"))
            problem = answer_problem(connection.read(), b"", {200, 503}, has_body=False)
        check(name, problem)
        connection.close()


def silent_close(name, octets):
    connection = Connection()
    connection.send(octets)
    answer = connection.read()
    check(name, None if answer is None or answer[0] in (400, 421) else f"answered {answer[0]}")
    connection.close()


def chunked(parts, tail=b"0\r\n\r\n", path=ANALYZE):
    head = (f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
            f"Transfer-Encoding: chunked\r\n\r\n").encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + tail


def run_bodies():
    def one(name, octets, wanted, code=None):
        connection = Connection()
        connection.send(octets)
        problem = answer_problem(connection.read(), octets, wanted, code)
        if not problem and not connection.ends():
            problem = "the connection goes on, or something hidden was answered"
        check(name, problem)
        connection.close()

    one("chunks", chunked([b'{"prompt":', b'"Create a to-do list"}']) + HIDDEN, {200})
    one("a chunk size that is none", chunked([], b"zz\r\n{}\r\n0\r\n\r\n") + HIDDEN, {400}, "bad_request")
    one("a chunk size with a sign", chunked([], b"+2\r\n{}\r\n0\r\n\r\n") + HIDDEN, {400}, "bad_request")
    one("a chunk longer than it says", chunked([], b"2\r\n{}xx\r\n0\r\n\r\n") + HIDDEN, {400}, "bad_request")
    one("a huge chunk size", chunked([], b"ffffffffffffffffff\r\n{}") + HIDDEN, {400}, "bad_request")
    one("chunks beyond the limit", chunked([b" " * 65536] * 90), {413}, "too_large")

    connection = Connection()
    connection.send(post(ANALYZE, b"", "Expect: 100-continue\r\n", length=14))
    connection.socket.settimeout(5)
    go_on = connection.socket.recv(1000)
    connection.send(b'{"prompt":"x"}')
    check("100-continue", None if go_on == b"HTTP/1.1 100 Continue\r\n\r\n" else f"{go_on!r}")
    check("after 100-continue", answer_problem(connection.read(), b"", {200}))
    connection.close()

    connection = Connection()
    connection.send(post(GENERATE, b"", "Expect: 100-continue\r\n", length=99999999))
    check("too large with 100-continue", answer_problem(connection.read(), b"", {413}, "too_large"))
    connection.close()

    connection = Connection()
    connection.send(post(ANALYZE, b'{"prom', length=14))
    connection.socket.shutdown(socket.SHUT_WR)
    check("a body shorter than announced", answer_problem(connection.read(), b"", {400}, "bad_request"))
    connection.close()

    big = post(GENERATE, b"x" * 300000, length=20 * 1048576)
    connection = Connection()
    connection.send(big)
    check("refused in the middle of a body, and heard", answer_problem(connection.read(), b"", {413}, "too_large"))
    connection.close()


def run_headers():
    def answer(octets):
        connection = Connection()
        connection.send(octets)
        got = connection.read()
        connection.close()
        return got

    _, headers, _ = answer(get(headers="X-Request-Id: abc-1.2_3\r\n"))
    check("a request id comes back", None if headers["x-request-id"] == ["abc-1.2_3"] else headers["x-request-id"])
    _, headers, _ = answer(get(headers="X-Request-Id: a b<script>\r\n"))
    check("a bad request id does not", None if "script" not in headers["x-request-id"][0] else "it did")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    _, headers, _ = answer(get(headers=f"traceparent: 00-{trace}-00f067aa0ba902b7-01\r\n"))
    parts = headers["traceparent"][0].split("-")
    check("a trace goes on with a span of its own",
          None if parts[1] == trace and parts[2] != "00f067aa0ba902b7" and parts[3] == "01" else str(parts))
    _, headers, _ = answer(get(headers="traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01\r\n"))
    check("a broken trace does not", None if headers["traceparent"][0].split("-")[1] != "0" * 32 else "it did")
    _, headers, _ = answer(get("/api/apps", verb="PUT"))
    check("405 says what is allowed", None if headers.get("allow") == ["GET, HEAD"] else headers.get("allow"))
    _, headers, _ = answer(get(GENERATE, verb="PROPFIND"))
    check("405 for a verb from elsewhere", None if "allow" in headers else "no Allow")
    _, headers, _ = answer(post(ANALYZE, b"{}"))
    check("writes tell their window", None if headers.get("ratelimit-policy", [""])[0].endswith("w=900")
          and "ratelimit-remaining" in headers and "ratelimit-reset" in headers else str(headers))
    _, headers, _ = answer(get())
    check("reads do not", None if "ratelimit-policy" not in headers else "they do")
    _, headers, _ = answer(get(GENERATE, "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n"
                                         "Access-Control-Request-Headers: content-type\r\n", verb="OPTIONS"))
    wanted = {"access-control-allow-origin": "http://localhost:3000", "access-control-allow-credentials": "true",
              "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
              "access-control-allow-headers": "content-type", "content-length": "0",
              "vary": "Origin, Access-Control-Request-Headers"}
    wrong = {name: headers.get(name) for name, value in wanted.items() if headers.get(name) != [value]}
    check("a preflight's answer", str(wrong) if wrong else None)
    _, headers, _ = answer(get(headers="Origin: http://evil.example\r\n"))
    check("a foreign origin is told nothing", None if "access-control-allow-origin" not in headers else "it is")
    status, _, body = answer(post(ANALYZE, b'{"prompt":"","context":1,"wrong":2}'))
    paths = sorted(detail["path"] for detail in json.loads(body)["details"])
    check("every broken field is listed", None if status == 400 and paths == ["context", "prompt", "wrong"] else str(paths))
    status, _, body = answer(get("/api/apps?limit=0&offset=-1&other=1"))
    details = json.loads(body)["details"]
    check("query fields say that they are",
          None if sorted(d["path"] for d in details) == ["limit", "offset", "other"]
          and {d["location"] for d in details} == {"query"} else str(details))
    status, _, body = answer(get("/api/apps/a.b"))
    check("path fields say that they are",
          None if json.loads(body)["details"] == [{"path": "appId", "location": "params", "msg": "Invalid appId format"}] else body)


def run_slow():
    begun = time.monotonic()
    connection = Connection(seconds=40)
    connection.send(f"GET /livez HTTP/1.1\r\nHost: {HOST}\r\n".encode())
    answer = connection.read()
    took = time.monotonic() - begun
    problem = answer_problem(answer, b"", {400}, "bad_request") if answer else None
    check("headers that do not come are cut at 10 s", problem or (None if 8 < took < 15 else f"after {took:.1f} s"))
    connection.close()

    begun = time.monotonic()
    connection = Connection(seconds=40)
    connection.send(post(ANALYZE, b"{", length=1000))
    connection.socket.settimeout(0.5)
    while time.monotonic() - begun < 30:
        connection.send(b" ")
        try:
            if not connection._more():
                break
            if b"\r\n\r\n" in connection.rest:
                break
        except TimeoutError:
            continue
    took = time.monotonic() - begun
    connection.socket.settimeout(5)
    check("a body that drips is cut at 15 s",
          answer_problem(connection.read(), b"", {400}, "bad_request") or (None if 13 < took < 20 else f"after {took:.1f} s"))
    connection.close()


def run_crowd():
    idle = []
    try:
        for _ in range(300):
            idle.append(socket.create_connection((ADDRESS, PORT), timeout=5))
        end = time.monotonic() + 10
        cut = 0
        while cut < 40 and time.monotonic() < end:
            time.sleep(0.2)     # the census comes by twice a second
            cut = 0
            for one in idle:
                one.setblocking(False)
                try:
                    cut += one.recv(1) == b""
                except BlockingIOError:
                    pass
                except OSError:
                    cut += 1
        check("of 300 silent connections of one address at most 256 stay", None if cut >= 40 else f"{cut} were cut")
    finally:
        for one in idle:
            one.close()


run_closing()
run_keeping()
silent_close("asterisk", get("*", verb="OPTIONS"))
silent_close("absolute target elsewhere", get("http://evil.example/livez"))
run_bodies()
run_headers()
run_crowd()
if "--quick" not in sys.argv:
    run_slow()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
