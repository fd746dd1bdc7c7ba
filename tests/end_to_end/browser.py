#!/usr/bin/python3
"""browser.py [SCREENSHOTS] - an app of each template, and the studio, used in Chromium; and pages
that reload when their app has a new version."""
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from product import Product  # noqa: E402

PROMPTS = {
    "csv-viewer": "Create a CSV viewer app",
    "todo-list": "Create a to-do list",
    "markdown-editor": "Create a Markdown editor",
    "dashboard": "Create a dashboard for my expenses",
    "generic": "Create a recipe book app",
}
FEATURES = "Add dark mode, add search and add sorting"


def make(product, prompt, change=None):
    app = product.http("POST", "/api/apps/generate", {"prompt": prompt})
    assert app.status == 201, app
    if change:
        changed = product.http("PATCH", f"/api/apps/{app.json()['id']}", {"prompt": change})
        assert changed.status == 200, changed
    return app.json()["previewUrl"]


def run_both(*scripts):
    """Run each, pass on what it prints, and close with one count for all."""
    passed = failed = 0
    for script, *words in scripts:
        done = subprocess.run(["node", os.path.join(HERE, script), *words], capture_output=True,
                              text=True)
        *lines, last = done.stdout.strip().split("\n")
        print("\n".join(lines), done.stderr, sep="\n")
        counted = re.fullmatch(r"(\d+) passed, (\d+) failed", last)
        passed += int(counted[1]) if counted else 0
        failed += int(counted[2]) if counted else 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def main():
    with Product(settings={"apps_rate_limit": 100000, "running_max": 50}) as product:
        urls = {name: make(product, prompt) for name, prompt in PROMPTS.items()}
        urls.update({f"{name}+features": make(product, prompt, FEATURES)
                     for name, prompt in PROMPTS.items()})
        with tempfile.NamedTemporaryFile("w", suffix=".json") as table:
            json.dump(urls, table)
            table.flush()
            return run_both(("browser/templates_test.mjs", table.name, *sys.argv[1:]),
                            ("browser/reload_test.mjs", table.name, f"http://localhost:{product.port}"),
                            ("../gateway/studio_test.mjs", f"http://localhost:{product.port}"))


if __name__ == "__main__":
    sys.exit(main())
