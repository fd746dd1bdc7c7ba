#!/usr/bin/python3
"""doors_test.py - starts the product and runs http_rules.py and preview_rules.py at it; then once
more behind a trusted proxy and with small limits (S6, S19-S25).

The product's programs are those in ISEKAI_BIN.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "end_to_end"))
from product import Product  # noqa: E402

ROOM = {"apps_rate_limit": 100000, "sandbox_rate_limit": 100000, "planner_rate_limit": 100000}


def expect(name, good, shown):
    if not good:
        print(f"not ok {name}: {shown}")
    return 0 if good else 1


def write(product, address):
    return product.http("POST", "/api/planner/analyze", {"prompt": ""},
                        {"X-Forwarded-For": f"6.6.6.6, {address}"})


def behind_a_proxy():
    failed = 0
    settings = {"trusted_proxies": "127.0.0.1/32", "planner_rate_limit": 3, "preview_rate_limit": 2,
                "public_url": "https://isekai.example", "preview_domain": "apps.example"}
    with Product(settings=settings) as product:
        secure = product.http("GET", "/livez", headers={"X-Forwarded-Proto": "https"}, host="isekai.example")
        failed += expect("HSTS when the proxy says https",
                         secure.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
                         and secure.headers["Content-Security-Policy"].endswith(";upgrade-insecure-requests"),
                         secure.headers)
        plain = product.http("GET", "/livez", headers={"X-Forwarded-Proto": "http"})
        failed += expect("none when it says http", plain.headers["Strict-Transport-Security"] is None, plain.headers)
        own = product.http("POST", "/api/planner/analyze", {"prompt": ""},
                           {"X-Forwarded-Proto": "https", "Origin": "https://isekai.example"}, host="isekai.example")
        failed += expect("its own origin may write", own.status == 400
                         and own.headers["Access-Control-Allow-Origin"] == "https://isekai.example", own)
        for turn in range(3):
            answer = write(product, "9.9.9.1")
            failed += expect(f"write {turn + 1} of three", answer.status == 400 and
                             answer.headers["RateLimit-Remaining"] == str(2 - turn), answer)
        over = write(product, "9.9.9.1")
        failed += expect("the fourth is refused", over.status == 429 and over.json()["code"] == "too_many"
                         and over.headers["RateLimit-Policy"] == "3;w=900"
                         and 0 < int(over.headers["Retry-After"]) <= 900, over)
        failed += expect("another address is not", write(product, "9.9.9.2").status == 400, "429")
        for address, status in [("2001:db8:0:100::1", 400), ("2001:db8:0:1ff::2", 400),
                                ("2001:db8:0:180::3", 400), ("2001:db8:0:111::4", 429)]:
            answer = write(product, address)
            failed += expect(f"a /56 is one caller: {address}", answer.status == status, answer)
        statuses = [product.http("GET", "/", host="nobody.apps.example").status for _ in range(3)]
        failed += expect("previews have limits of their own", statuses == [404, 404, 429], statuses)
    return failed


def main():
    failed = behind_a_proxy()
    with Product(settings=ROOM) as product:
        for script in [["http_rules.py", product.listen, "--quick"], ["preview_rules.py", product.listen]]:
            failed += subprocess.run([sys.executable, os.path.join(HERE, script[0]), *script[1:]]).returncode
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
