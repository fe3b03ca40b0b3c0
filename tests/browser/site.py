"""site.py BROWSER SITE PICTURES AXE.js: every page of the site (docs/site.lua) in headless Chromium, from the disk: on a
desk of 1280 pixels and on a phone of 390, some in dark. Ends with an error unless the console is silent, nothing but the site
itself is asked for, no page is wider than its window or heavier than 300 kB, every link leads somewhere, search finds,
and, where AXE.js is there, contrast and headings are in order. Pictures of some pages are PICTURES-*.png."""

import base64
import pathlib
import sys
import tempfile
import urllib.parse

from browser import Browser, complaints

LOOKS = {"desk": (1280, 1, "light", False), "dark": (1280, 1, "dark", False), "phone": (390, 2, "light", True)}
SHOWN = ["index", "index.pt", "tutorial", "howto/padding", "course/02-neuron.pt", "manual/recurrent", "phrasebook"]
HEAVIEST = 300_000

INSPECT = """({ wide: document.documentElement.scrollWidth - innerWidth, title: document.title,
  headings: [...document.querySelectorAll("main h1")].length,
  broken: [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src),
  ids: [...document.querySelectorAll("[id]")].map(e => e.id),
  links: [...document.querySelectorAll("a[href]")].map(a => a.href),
  parts: [...document.querySelectorAll("img, script[src], link[rel=stylesheet]")].map(e => e.src || e.href) })"""

LOADED = ("new Promise(done => { const go = () => setTimeout(done, 20);"
          " document.readyState === 'complete' ? go() : addEventListener('load', go); })")


def file_of(url):
    return pathlib.Path(urllib.parse.unquote(urllib.parse.urlparse(url).path))


def visit(browser, url, look):
    width, scale, scheme, phone = LOOKS[look]
    browser.events.clear()
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=scale, mobile=phone)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    if url:  # else the page that is open, in another window
        browser.call("Page.navigate", url=url)
        browser.evaluate(LOADED)
    return browser.evaluate(INSPECT)


def picture(browser, path):
    shot = browser.call("Page.captureScreenshot", format="png")
    path.write_bytes(base64.b64decode(shot["data"]))


program, site, pictures = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), sys.argv[3]
axe = pathlib.Path(sys.argv[4])
axe = axe.read_text() if axe.exists() else None
pages = sorted(site.rglob("*.html"))
faults, ids, links = [], {}, {}
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    browser = Browser(program, profile)
    try:
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            browser.call(domain + ".enable")
        for page in pages:
            url, name = page.as_uri(), str(page.relative_to(site).with_suffix(""))
            looks = list(LOOKS) if name in SHOWN else ["desk", "phone"]
            for look in looks:
                seen = visit(browser, url if look == "desk" else None, look)
                where = f"{name}, {look}"
                faults += [f"{where}: {c}" for c in complaints(browser.events, lambda u: u.startswith(site.as_uri()))]
                if seen["wide"] > 0:
                    faults.append(f"{where}: {seen['wide']} pixels wider than its window")
                if seen["headings"] != 1:
                    faults.append(f"{where}: {seen['headings']} first headings")
                faults += [f"{where}: no picture {src}" for src in seen["broken"]]
                if axe and look != "phone" and name in SHOWN:
                    browser.evaluate(axe)
                    found = browser.evaluate("axe.run().then(r => r.violations.map(v => v.id + ': ' + v.help + ' ' +"
                                             " v.nodes.slice(0, 2).map(n => n.html).join(' ')))")
                    faults += [f"{where}: axe: {text[:300]}" for text in found]
                if name in SHOWN:
                    picture(browser, pathlib.Path(f"{pictures}-{name.replace('/', '-')}-{look}.png"))
            ids[page], links[page] = set(seen["ids"]), set(seen["links"])
            weight = page.stat().st_size + sum(file_of(part).stat().st_size for part in set(seen["parts"]))
            if weight > HEAVIEST:
                faults.append(f"{name}: {weight} bytes")
        # Search: what stands on a page is found, and the first hit is a link to it.
        for start, word, wanted in [("index", "padding", "howto/padding"), ("course/02-neuron.pt", "tutorial", "tutorial")]:
            visit(browser, (site / f"{start}.html").as_uri(), "desk")
            browser.evaluate(f"(() => {{ const f = document.getElementById('search'); f.value = '{word}';"
                             " f.dispatchEvent(new Event('input')); })()")
            browser.evaluate("new Promise(done => setTimeout(done, 400))")
            hits = browser.evaluate("[...document.querySelectorAll('#found a')].map(a => a.href)")
            if not any(wanted in hit for hit in hits[:5]):
                faults.append(f"search for {word} from {start}: {hits[:5]}")
            picture(browser, pathlib.Path(f"{pictures}-search-{word}.png"))
    finally:
        browser.close()
for page, targets in links.items():
    for url in targets:
        if url.startswith("file:"):
            file, anchor = file_of(url), urllib.parse.unquote(urllib.parse.urlparse(url).fragment)
            if not file.is_file():
                faults.append(f"{page.relative_to(site)}: there is no {url}")
            elif anchor and anchor not in ids.get(file, ()):
                faults.append(f"{page.relative_to(site)}: there is no place {url}")
if len(pages) < 40:
    faults.append(f"only {len(pages)} pages: the test is blind")
if faults:
    sys.exit("\n".join(faults[:40]) + f"\n{len(faults)} faults")
print(f"{len(pages)} pages, {sum(map(len, links.values()))} links, a silent console, no request"
      f"{'' if axe else '; contrast and headings not checked, as axe-core is not there'}; pictures: {pictures}")
