"""watch.py BROWSER RNNLUA FOLDER PICTURE: the page of rnnlua watch in headless Chromium, with two clients: what a training
adds, a run that is cut short, and one that is taken away appear in both; nothing else is asked for, and the console is
silent. PICTURE-*.png show what was seen, on a desk and on a phone, in light and dark, and the file of --once."""

import base64
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from browser import Browser, complaints

LOOKS = {"desk": (1280, 1, "light", False), "dark": (1280, 1, "dark", False), "phone": (390, 2, "light", True),
         "phone-dark": (390, 2, "dark", True)}
SEEN = """({ rows: [...document.querySelectorAll("#rows tr")].filter(r => r.style.display !== "none").map(r => ({
    name: r.querySelector(".name").textContent, state: r.className, epoch: r.children[3].textContent,
    ticked: r.querySelector("input").checked })),
  charts: document.querySelectorAll("#charts canvas").length, maps: document.querySelectorAll("#extras canvas").length,
  samples: [...document.querySelectorAll("#extras pre")].map(p => p.textContent),
  wide: document.documentElement.scrollWidth, status: document.getElementById("state").textContent })"""

program, rnnlua, folder, picture = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4]
here = pathlib.Path(__file__).parent
runs = folder / "runs"


def fail(text):
    sys.exit(text)


def run(name, epochs, pause=0):
    words = [rnnlua, str(here / "watch.lua"), str(runs / name), str(epochs), str(pause)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def status(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def wait_for(tab, what, condition, seconds=15):
    deadline, seen = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        seen = tab.evaluate(SEEN)
        if condition(seen):
            return seen
        time.sleep(0.1)
    fail(f"{what}: not in {seconds} s; seen: {seen}")


def row(seen, name):
    return next((r for r in seen["rows"] if r["name"] == name), None)


def epoch_of(seen, name):
    return int((row(seen, name) or {"epoch": "0"})["epoch"].split("/")[0] or 0)


class Tab:
    def __init__(self, browser, url):
        self.browser = browser
        browser.session = None
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.call("Page.navigate", url=url)
        self.evaluate("new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))")

    def call(self, method, **params):
        self.browser.session = self.session
        return self.browser.call(method, **params)

    def evaluate(self, expression):
        self.browser.session = self.session
        return self.browser.evaluate(expression)

    def look(self, name):
        width, scale, scheme, phone = LOOKS[name]
        self.call("Page.bringToFront")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=scale, mobile=phone)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        time.sleep(0.4)

    def shoot(self, name):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 2600), "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        pathlib.Path(f"{picture}-{name}.png").write_bytes(base64.b64decode(shot["data"]))


for name in ("a-1", "b-2", "sweep/c-3"):
    if run(name, 12).wait() != 0:
        fail(f"{name} did not train")
killed = run("killed", 500, 0.05)
time.sleep(1.2)
killed.kill()
killed.wait()

server = subprocess.Popen([rnnlua, "watch", str(runs)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
url = server.stdout.readline().strip()
if not url:
    message = server.stderr.read()
    if "libmicrohttpd" in message:
        print("skipped: " + message.strip())
        sys.exit(77)
    fail("no address: " + message)
origin = url.split("/", 3)[2]
for case, wanted, got in [
        ("without a token", 403, status(f"http://{origin}/")), ("with another token", 403, status(f"http://{origin}/{'0' * 32}/")),
        ("for another host", 403, status(url, Host="example.org")), ("of a run that is none", 404, status(url + "details?run=../..")),
        ("of a file", 404, status(url + "../../etc/passwd"))]:
    if got != wanted:
        fail(f"a request {case} got {got}")
before = {p: p.stat().st_mtime_ns for p in runs.rglob("*") if p.is_file()}
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    browser = Browser(program, profile)
    living = None
    try:
        one, two = Tab(browser, url), Tab(browser, url)
        seen = wait_for(one, "four runs", lambda s: len(s["rows"]) == 4 and s["charts"] > 0)
        states = {r["name"]: r["state"] for r in seen["rows"]}
        if states != {"a-1": "done", "b-2": "done", "sweep/c-3": "done", "killed": "crashed"}:
            fail(f"states: {states}")
        if before != {p: p.stat().st_mtime_ns for p in runs.rglob("*") if p.is_file()}:
            fail("something was written")
        # A training: both see it begin, and its epochs go on.
        living = run("living-2", 1000, 0.1)
        for tab in (one, two):
            seen = wait_for(tab, "the run that trains", lambda s: (row(s, "living-2") or {}).get("state") == "running")
            first = epoch_of(seen, "living-2")
            wait_for(tab, "its epochs", lambda s: epoch_of(s, "living-2") > first + 3)
        one.evaluate("[...document.querySelectorAll('#rows tr')].find(r => r.querySelector('.name').textContent === 'living-2')"
                     ".querySelector('input').click()")
        seen = wait_for(one, "curves, maps and samples", lambda s: s["charts"] >= 3 and s["maps"] >= 1 and s["samples"])
        if not any("<b>the</b> cat sat & sat" in text for text in seen["samples"]):
            fail(f"samples: {seen['samples']}")
        wait_for(one, "a newer sample", lambda s: s["samples"] and s["samples"] != seen["samples"])
        # A file that is cut, half a line, and a run that is taken away.
        metrics = runs / "a-1" / "metrics.jsonl"
        lines = metrics.read_text().splitlines(keepends=True)
        left = max(json.loads(line)["epoch"] for line in lines[:5] if "seconds" in line)
        metrics.write_text("".join(lines[:5]) + lines[5][:20])
        shutil.rmtree(runs / "b-2")
        for tab in (one, two):
            seen = wait_for(tab, "the run that was cut", lambda s: epoch_of(s, "a-1") == left)
            wait_for(tab, "the run that is gone", lambda s: not row(s, "b-2"))
        living.terminate()
        living.wait()
        wait_for(two, "the run that was stopped", lambda s: row(s, "living-2")["state"] == "stopped")
        # Filter and sorting.
        two.evaluate("(() => { const f = document.getElementById('filter'); f.value = 'lr=0.03'; f.dispatchEvent(new Event('input')); })()")
        wait_for(two, "the filter", lambda s: [r["name"] for r in s["rows"]] == ["sweep/c-3"])
        for look in LOOKS:
            one.look(look)
            wait_for(one, f"{look}: no wider than its window", lambda s: s["wide"] <= LOOKS[look][0], 5)
            one.shoot(look)
        found = list(complaints(browser.events, lambda u: u.startswith(url)))
        if found:
            fail("\n".join(found))
        if not any(e.get("method") == "Network.requestWillBeSent" and e["params"]["request"]["url"] == url for e in browser.events):
            fail("the page itself was not seen among the requests: the test is blind")
        # The server ends: the page says so, and stays.
        browser.events.clear()
        server.terminate()
        if server.wait(10) != 143:
            fail(f"the server ended with {server.returncode}")
        wait_for(one, "the end of the server", lambda s: "does not answer" in s["status"] and len(s["rows"]) == 4)
        # The same as one file.
        subprocess.run([rnnlua, "watch", str(runs), "--once"], check=True, stdout=subprocess.DEVNULL)
        browser.events.clear()
        page = (runs / "index.html").resolve().as_uri()
        three = Tab(browser, page)
        three.look("desk")
        seen = wait_for(three, "the file", lambda s: len(s["rows"]) == 4 and s["charts"] > 0)
        three.shoot("once")
        mine = [e for e in browser.events if e.get("sessionId") == three.session]
        found = list(complaints(mine, lambda u: u == page))
        if found:
            fail("the file: " + "\n".join(found))
    finally:
        browser.close()
        for process in (server, living):
            if process and process.poll() is None:
                process.kill()
print(f"two clients saw a run train, one cut, one gone and one stopped; no other request; pictures: {picture}-*.png")
