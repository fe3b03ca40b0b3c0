"""open.py BROWSER PAGE.html PICTURE.png: opens a page of rnn.logs.report from the disk in headless Chromium, as on a
desk in light and dark and on a phone, and ends with an error unless every chart is drawn, the console is silent, and
nothing is asked from a network. PICTURE.png, PICTURE-dark.png and PICTURE-phone.png show what was seen."""

import base64
import pathlib
import sys
import tempfile

from browser import Browser, complaints

LOOKS = {  # suffix of the picture: width, pixels a dot, colour scheme, phone
    "": (1180, 1, "light", False),
    "-dark": (1180, 1, "dark", False),
    "-phone": (390, 2, "light", True),
}

# How many canvases there are, how many have curves or a map on them, which alone are in colours (axes are grey), and
# whether the page is wider than its window.
INSPECT = """(() => {
  const canvases = [...document.querySelectorAll("canvas")];
  const drawn = canvases.filter(c => {
    const p = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
    let colored = 0;
    for (let i = 0; i < p.length; i += 4)
      colored += p[i + 3] > 0 && Math.max(p[i], p[i + 1], p[i + 2]) - Math.min(p[i], p[i + 1], p[i + 2]) > 80;
    return colored > 50;
  });
  const data = JSON.parse(document.getElementById("data").textContent);
  return { wanted: data.charts.length + data.heat.length, canvases: canvases.length, drawn: drawn.length,
    tooWide: document.documentElement.scrollWidth > innerWidth };
})()"""


def look(browser, page, picture, suffix):
    width, scale, scheme, phone = LOOKS[suffix]
    browser.events.clear()
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=scale, mobile=phone)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.call("Page.navigate", url=page)
    browser.evaluate("new Promise(done => { const go = () => setTimeout(done, 300);"
                     " document.readyState === 'complete' ? go() : addEventListener('load', go); })")
    seen = browser.evaluate(INSPECT)
    # Every scale button once to and fro, and the pointer over every canvas: what draws again must not fail either.
    browser.evaluate("for (let i = 0; i < 2; i++) document.querySelectorAll('button').forEach(b => b.click());"
                     "document.querySelectorAll('canvas').forEach(c => { const r = c.getBoundingClientRect();"
                     " c.dispatchEvent(new PointerEvent('pointermove',"
                     " { clientX: r.left + r.width / 2, clientY: r.top + r.height / 2, bubbles: true })); })")
    size = browser.call("Page.getLayoutMetrics")["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": width, "height": size["height"], "scale": 1}
    shot = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
    path = picture.with_name(picture.stem + suffix + ".png")
    path.write_bytes(base64.b64decode(shot["data"]))
    name = suffix or " on a desk"
    requests = [e for e in browser.events if e.get("method") == "Network.requestWillBeSent"]
    if not any(e["params"]["request"]["url"] == page for e in requests):
        sys.exit(f"{name}: the page itself was not seen among the requests: the test is blind")
    found = list(complaints(browser.events, lambda url: url == page))
    if found:
        sys.exit(f"{name}: " + "\n".join(found))
    if seen["drawn"] != seen["wanted"] or seen["canvases"] != seen["wanted"] or seen["wanted"] == 0:
        sys.exit(f"{name}: {seen['wanted']} charts, {seen['canvases']} canvases, {seen['drawn']} with curves or a map on them")
    if seen["tooWide"]:
        sys.exit(f"{name}: the page is wider than its window")
    return seen["wanted"]


program, page, picture = sys.argv[1], pathlib.Path(sys.argv[2]).resolve().as_uri(), pathlib.Path(sys.argv[3])
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    browser = Browser(program, profile)
    try:
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            browser.call(domain + ".enable")
        count = [look(browser, page, picture, suffix) for suffix in LOOKS][0]
    finally:
        browser.close()
print(f"{count} charts, a silent console, no request; pictures: {picture}")
