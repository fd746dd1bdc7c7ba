"""registry.py - an npm registry of a test: packages made up here, and every way to misbehave.

It listens on loopback, which cages reach under NAME with SETTINGS. `asked` is every path that was
asked for; hold(path) keeps the answer to one until it is released.
"""
import base64
import contextlib
import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading

NAME = "registry.test"


def tarball(files, links=()):
    """files: {name: octets}, links: [(name, target, type)], all below package/ unless absolute."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
        for name, target, kind in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            archive.addfile(entry)
    return gzip.compress(out.getvalue(), 1)


class Registry:
    def __init__(self):
        self.packages, self.answers, self.asked, self.held = {}, {}, [], {}
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with contextlib.suppress(OSError):
                    registry.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://{NAME}:{self.port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        for event in self.held.values():
            event.set()
        self.server.shutdown()
        self.server.server_close()

    def settings(self, **more):
        return {"sandbox_registry": self.url, "egress_allow_addresses": "127.0.0.1/32",
                "egress_hosts": f"{NAME}=127.0.0.1,other.test=127.0.0.1",
                "apps_rate_limit": 100000, "sandbox_rate_limit": 100000, **more}

    def add(self, name, files=None, links=(), package=None, integrity=None, url=None, dist=None):
        """A package of one version, 1.0.0, whose index.js says its name."""
        manifest = {"name": name, "version": "1.0.0", "main": "index.js", **(package or {})}
        content = {"package/package.json": json.dumps(manifest).encode(),
                   "package/index.js": f"module.exports = '{name}';".encode(), **(files or {})}
        octets = tarball(content, links)
        path = f"/{name}/-/{name}-1.0.0.tgz"
        said = "sha512-" + base64.b64encode(hashlib.sha512(octets).digest()).decode()
        entry = {"tarball": url or f"http://{NAME}:{self.port}{path}", "integrity": integrity or said,
                 **(dist or {})}
        entry = {key: value for key, value in entry.items() if value}
        self.answers[path] = octets
        self.answers[f"/{name}"] = json.dumps(
            {"name": name, "dist-tags": {"latest": "1.0.0"},
             "versions": {"1.0.0": {**manifest, "dist": entry}}}).encode()
        return path

    def hold(self, path):
        self.held[path] = threading.Event()
        return self.held[path]

    def answer(self, handler):
        self.asked.append(handler.path)
        if handler.path in self.held:
            self.held[handler.path].wait(60)
        answer = self.answers.get(handler.path)
        if callable(answer):
            answer(handler)
            return
        handler.send_response(200 if answer else 404)
        handler.send_header("Content-Length", str(len(answer or b"{}")))
        handler.end_headers()
        handler.wfile.write(answer or b"{}")
