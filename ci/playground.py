"""Drive the playground in Chromium as a person does, and take its pictures.

    python ci/playground.py FOLDER [--page URL] [--frames]   pictures and report.json go into the folder

Chromium is $CHROMIUM, or what is on the PATH. It is told what to do over its own protocol, by the package `websockets`.
--page: a published playground, with Pyodide, in place of `nnx playground` on this machine. --frames: only the time of a
frame, best with `taskset -c 0` in front, which gives the server and the browser one core together.
"""

import argparse
import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import websockets

PAGE = Path(__file__).resolve().parent.parent / "nnx" / "playground" / "page"

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--remote-debugging-port=0", "--window-size=1440,1000"),
)
SIZES = {
    "wide": (1440, 1150, False),
    "dark": (1440, 1150, True),
    "laptop": (1280, 800, False),
    "middle": (900, 1300, False),
    "phone": (360, 780, False),
}


class Page:
    """A page of Chromium, by its protocol."""

    def __init__(self, socket):
        self.socket, self.number, self.errors, self.requests = socket, 0, [], []

    async def send(self, method, **params):
        self.number += 1
        number = self.number
        await self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(await self.socket.recv())
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self.note(message)

    def note(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"].get("exception", {}).get("description", str(params)))
        if method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        if method == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.errors.append(str(params["args"]))
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    async def run(self, code):
        """The value of an expression of JavaScript, awaited."""
        found = await self.send("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, (
            code,
            found["exceptionDetails"].get("exception", {}).get("description"),
        )
        return found["result"].get("value")

    async def until(self, code, seconds=20.0):
        """Wait until an expression is true."""
        for _ in range(int(seconds * 20)):
            if await self.run(f"Boolean({code})"):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"not within {seconds:g} s: {code}; {await self.run('document.body.innerText')}")

    async def size(self, width, height, dark):
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])
        await asyncio.sleep(0.4)

    async def shot(self, path, *, whole=False):
        found = await self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(found["data"]))

    async def click(self, selector):
        """A press of the mouse in the middle of an element."""
        box = await self.run(
            f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}}); "
            "const b = e.getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2]; })()"
        )
        await self.press(*box)

    async def press(self, x, y):
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    async def key(self, key, code=None, text=None, shift=False):
        given = {"key": key, "code": code or key, "windowsVirtualKeyCode": CODES.get(key, ord(key[0].upper()))}
        extra = {"text": text} if text else {}
        modifiers = 8 if shift else 0
        await self.send("Input.dispatchKeyEvent", type="keyDown", modifiers=modifiers, **given, **extra)
        await self.send("Input.dispatchKeyEvent", type="keyUp", modifiers=modifiers, **given)


CODES = {
    "Tab": 9,
    "Enter": 13,
    " ": 32,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
    "Delete": 46,
}


async def looked(page, folder):
    """Pictures at all sizes."""
    for name, (width, height, dark) in SIZES.items():
        await page.size(width, height, dark)
        await page.run("scrollTo(0, 0)")
        await page.shot(folder / f"{name}.png", whole=name == "phone")
        wide = await page.run("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name}: the page is {wide} pixels too wide"
        tall = await page.run("document.querySelector('.bar').offsetHeight")
        assert width < 1280 or tall < 70, f"{name}: the header has several lines"
    await page.size(*SIZES["wide"])


async def driven(page, folder, address):
    """Each function of the page, used once; what was found."""
    found = {}
    await opened(page, address)
    found["backend"] = await page.run("playground.options.backend")
    first = await page.run("playground.shown.loss")
    await page.shot(folder / "begin.png")

    # Play and pause, one step, one epoch, reset.
    await page.click("#play")
    await page.until("playground.shown.step > 300 && playground.shown.loss < 0.5", 60)
    await page.click("#play")
    await page.until("!playground.playing")
    await asyncio.sleep(0.3)
    before = await page.run("playground.shown.step")
    await page.click("#step")
    await page.until(f"playground.shown.step === {before + 1}")
    epoch = await page.run("playground.shown.epoch")
    await page.click("#epoch")
    await page.until(f"playground.shown.step > {before + 1} && playground.shown.epoch >= {epoch}")
    found["loss"] = [first, await page.run("playground.shown.loss")]
    await looked(page, folder)

    # Copy as Python: the script prints the losses that are shown.
    await page.click("#python")
    await page.until("document.querySelector('#code').open && document.querySelector('#code-text').value")
    script = await page.run("document.querySelector('#code-text').value")
    await page.shot(folder / "python.png")
    shown = await page.run("[playground.shown.loss, playground.shown.test]")
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    found["script"] = {"page": shown, "printed": [float(line.split()[1]) for line in printed.splitlines()]}
    exact = await page.run("playground.options.exact")
    for one, other in zip(*found["script"].values(), strict=True):
        assert one == other if exact else abs(one / other - 1) < 0.01, found["script"]
    await page.click("#code-close")

    # Step by step, and the check of a gradient by a press on a weight.
    for part in ("evaluate", "loss", "backprop", "update"):
        await page.run("playground.panels.steps.next()")
        assert await page.run("document.querySelector('.parts [aria-current]').textContent") == part
        await page.run("document.querySelector('#panel-steps').scrollIntoView()")
        await page.shot(folder / f"part-{part}.png")
    at = await page.run(
        "(() => { scrollTo(0, 0); const n = playground.network, b = n.canvas.getBoundingClientRect();"
        "const [p, q] = n.places;"
        "return [b.left + (p[0].x + q[0].x) / 2, b.top + (p[0].y + q[0].y) / 2]; })()"
    )
    await page.press(*at)
    await page.until("document.querySelector('#gradient table')")
    found["gradient"] = await page.run("document.querySelector('#gradient').innerText")
    assert "They agree" in found["gradient"] and "rows of the last batch" in found["gradient"]
    await page.shot(folder / "gradient.png")
    near = await page.run(
        "(() => { const b = document.querySelector('#gradient').getBoundingClientRect();"
        f"const [x, y] = {at}; return b.left <= x + 8 && b.right >= x - 8"
        " && b.top <= y + 40 && b.bottom >= y - 40; })()"
    )
    assert near, "the gradient is far from the press"
    await page.key("Escape")
    assert await page.run("document.querySelector('#gradient').hidden")

    # A refused value goes back, is marked and told, until the next action.
    await page.run(
        "(() => { const e = document.querySelector('#set-rate'); e.focus(); e.value = '1000';"
        "e.dispatchEvent(new Event('change')); })()"
    )
    await page.until("!document.querySelector('#message').hidden")
    told = "[document.querySelector('#message').textContent, document.querySelector('#set-rate').value, "
    told += "document.querySelector('#set-rate').classList.contains('refused')]"
    found["refused"] = await page.run(told)
    assert found["refused"][1:] == [str(await page.run("playground.settings.rate")), True], found["refused"]
    await page.shot(folder / "refused.png")
    await asyncio.sleep(1.2)
    await page.click("#step")
    await page.until("document.querySelector('#message').hidden")
    await page.until("!document.querySelector('#set-rate').classList.contains('refused')")

    # Layers and units by their buttons; every activation.
    await page.click("#layer-more")
    await page.until("playground.settings.hidden.length === 3")
    await page.click("[data-key='1+']")
    await page.until("playground.settings.hidden[0] === 9")
    for name in await page.run("Object.keys(playground.options.activations)"):
        assert await page.run(f"playground.change({{activation: {name!r}}})"), name
    await page.run("playground.change({activation: 'relu', norm: 'batch', dropout: 0.1, hidden: [32,32,16,16,8,4]})")
    await page.run("playground.train({do: 'run', epoch: true})")
    await asyncio.sleep(0.3)
    await looked_at(page, folder, "deep")

    # A unit under the keyboard: its picture, its weights.
    await page.run("playground.change({...playground.usual, data: 'spiral'})")
    await page.run("document.querySelector('.unit-button[tabindex=\"0\"]').focus()")
    await page.key("ArrowRight")
    await page.key("ArrowDown")
    assert await page.run("document.activeElement.getAttribute('aria-label')") == "Hidden layer 1, unit 4"
    await page.key("Enter", text="\r")
    await page.until("document.querySelector('#unit table')")
    await looked_at(page, folder, "unit")
    await page.key("Enter", text="\r")

    # Points by mouse and by keyboard; a table; wrong input.
    await page.click("#plane")
    await page.until("playground.settings.data === 'own'")
    count = await page.run("playground.settings.points.length")
    await page.run("document.querySelector('#plane').focus()")
    await page.key("ArrowLeft")
    await page.key("Enter", text="\r")
    await page.until(f"playground.settings.points.length === {count + 1}")
    await page.key("Delete")
    await page.until(f"playground.settings.points.length === {count}")
    await page.run("document.querySelector('#own-table').open = true")
    rows = "\\n".join(
        f"{i % 7 + 0.5 * (i % 3)},{i % 5},{'red' if i % 2 else 'blue' if i % 3 else 'green'}" for i in range(60)
    )
    await page.run(f"document.querySelector('#csv').value = 'length,width,kind\\n{rows}'")
    await page.click("#csv-use")
    await page.until("playground.state.classes === 3")
    await page.run("playground.train({do: 'run', steps: 300})")
    await looked_at(page, folder, "table")
    await page.run("playground.readTable('1,2\\n3')")
    await page.until("!document.querySelector('#message').hidden")
    found["wrong table"] = await page.run("document.querySelector('#message').textContent")
    await looked_at(page, folder, "wrong")
    await page.run("playground.change({...playground.usual, data: 'hills', loss: 'squared_error', hidden: [12, 8]})")
    await page.run("playground.train({do: 'run', steps: 1500})")
    await looked_at(page, folder, "values")

    # Restarts, race, weights.
    await page.run("playground.change({...playground.usual, data: 'xor', hidden: [4], rate: 0.03})")
    await page.click("#tab-restarts")
    await page.click("#restarts-play")
    await page.until("playground.panels.restarts.answer && playground.panels.restarts.answer.epoch >= 20", 60)
    await page.click("#restarts-play")
    await looked_at(page, folder, "restarts", "#tabs")
    await page.click("#restarts-python")
    await page.until("document.querySelector('#code').open")
    shown = await page.run("playground.panels.restarts.answer.members.map((m) => m.loss)")
    script = await page.run("document.querySelector('#code-text').value")
    await page.shot(folder / "restarts-python.png")
    await page.click("#code-close")
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    losses = [float(line.split()[-1]) for line in printed.splitlines()]
    for one, other in zip(shown, losses, strict=True):
        assert one == other if exact else abs(one / other - 1) < 0.01, (shown, losses)
    await page.click("#tab-race")
    await page.click("#race-run")
    await page.until("playground.panels.race.answer", 60)
    await asyncio.sleep(3)
    await looked_at(page, folder, "race", "#tabs")
    await page.run("document.querySelector('#race-way').value = 'weights'; playground.panels.race.show()")
    await page.click("#race-run")
    await asyncio.sleep(4)
    await looked_at(page, folder, "race-weights", "#tabs")
    await page.click("#tab-weights")
    await page.until("document.querySelectorAll('#panel-weights table').length === 2")
    await page.click("#panel-weights td button")
    await page.until("!document.querySelector('#gradient').hidden")
    assert await page.run("!document.querySelector('#panel-weights').hidden")
    await looked_at(page, folder, "weights", "#tabs")
    await page.click("#gradient .close")
    assert await page.run("document.activeElement.closest('#panel-weights') !== null")

    # The address opens the same.
    await page.run(
        "playground.change({...playground.usual, data: 'gauss', hidden: [3, 2], activation: 'silu', seed: 5})"
    )
    await page.run("playground.train({do: 'run', steps: 40})")
    told = await page.run("[playground.shown.loss, location.hash]")
    link = f"{address.split('#')[0]}{told[1]}&steps=40"
    await page.send("Page.navigate", url="about:blank")
    await page.send("Page.navigate", url=link)
    await page.until("document.documentElement?.dataset.ready === 'true' && playground.shown.step === 40", 60)
    assert await page.run("playground.shown.loss") == told[0]
    found["link"] = told[1]

    await page.send("Page.navigate", url="about:blank")
    await page.send("Page.navigate", url=f"{address.split('#')[0]}#hidden=99")
    await page.until("document.documentElement?.dataset.ready === 'true'", 60)
    found["wrong link"] = await page.run("document.querySelector('#message').textContent")
    assert found["wrong link"].startswith("this address cannot be opened: hidden must be from 1 to 32")
    wild = "{...playground.usual, optimizer: 'sgd', rate: 90, loss: 'squared_error', activation: 'relu'}"
    await page.run(f"playground.change({wild})")
    await page.run("playground.play()")
    await page.until("!playground.playing && !playground.looping")
    found["not finite"] = await page.run("document.querySelector('#message').textContent")
    assert "not finite" in found["not finite"]
    await page.run("playground.change(playground.usual)")
    await page.run("playground.train({do: 'run', steps: 40})")

    # On a phone: the deepest network, and each of the panels.
    await page.size(*SIZES["phone"])
    await page.run("playground.change({...playground.usual, hidden: [32, 32, 16, 16, 8, 4]})")
    for tab in ("steps", "restarts", "race", "weights"):
        await page.run(f"playground.openTab({tab!r})")
        await page.run(
            {"steps": "playground.panels.steps.next()", "race": "playground.panels.race.race()"}.get(tab, "0")
        )
        await page.run("playground.panels.restarts.run(true)" if tab == "restarts" else "0")
        await asyncio.sleep(0.5)
        await page.shot(folder / f"phone-{tab}.png", whole=True)
        wide = await page.run("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"phone, {tab}: the page is {wide} pixels too wide"
    await page.click("#panel-weights td button")
    await page.until("!document.querySelector('#gradient').hidden")
    wide = await page.run("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"phone, gradient: the page is {wide} pixels too wide"
    await page.shot(folder / "phone-gradient.png")
    await page.size(*SIZES["wide"])
    await page.run("playground.change(playground.usual)")
    await page.run("playground.train({do: 'run', steps: 40})")

    # Keys.
    await page.run("document.activeElement.blur()")
    await page.key("s")
    await page.until("playground.shown.step === 41")
    await page.key("r")
    await page.until("playground.shown.step === 0")

    found |= await timed(page)
    own = address.split("#")[0]
    foreign = [url for url in page.requests if not url.startswith((own, "about:", "data:", own.replace("http", "ws")))]
    found["requests to others"] = foreign
    found["errors"] = list(page.errors)
    assert not foreign and not page.errors, found
    found["alone"] = await alone(page, folder, own)
    return found


async def alone(page, folder, address):
    """What the page says without a session, and as a file."""
    await page.send("Network.setBlockedURLs", urls=["*where.json"])
    await page.send("Page.navigate", url="about:blank")
    await page.send("Page.navigate", url=address)
    await page.until("document.querySelector('#message')?.textContent")
    without = await page.run("document.querySelector('#message').textContent")
    assert not await page.run("document.querySelectorAll('button:enabled, select:enabled').length")
    await page.shot(folder / "without.png")
    await page.send("Page.navigate", url=(PAGE / "index.html").as_uri())
    await asyncio.sleep(2)
    file = await page.run("document.querySelector('#no-server').innerText")
    assert "python -m http.server" in file
    await page.shot(folder / "file.png")
    return [without, file]


async def timed(page):
    """Frames a second on 2-8-8-2, and the medians of what they take."""
    found = {
        "an answer alone, ms": await page.run(
            "(async () => { const all = []; for (let i = 0; i < 100; i++) { const began = performance.now();"
            "await playground.ask({do: 'step'}); all.push(performance.now() - began); }"
            "return Math.round(100 * all.sort((a, b) => a - b)[50]) / 100; })()"
        )
    }
    found["drawing alone, ms"] = await page.run(
        "(() => { const all = []; for (let i = 0; i < 60; i++) { const began = performance.now();"
        "playground.draw(); all.push(performance.now() - began); }"
        "return Math.round(100 * all.sort((a, b) => a - b)[30]) / 100; })()"
    )
    for name, code in {"nothing": "", "drawing": "playground.draw()"}.items():
        found[f"frames a second of {name} alone"] = await page.run(
            f"new Promise((done) => {{ let n = 0; const began = performance.now(); const next = () => {{ {code}; n++;"
            "const t = performance.now() - began; if (t < 2000) requestAnimationFrame(next);"
            "else done(Math.round(10000 * n / t) / 10); }; requestAnimationFrame(next); })"
        )
    for speed in ("step", "epoch", "most"):
        await page.run("playground.change({...playground.usual, data: 'spiral'})")
        await page.run(f"document.querySelector('#speed').value = {speed!r}")
        await page.run("playground.play()")
        await asyncio.sleep(3)
        found[f"frames, {speed}"] = await page.run(
            "(() => { const f = playground.frames, middle = (v) => Math.round(100 * [...v].sort((a, b) => a - b)"
            "[Math.floor(v.length / 2)]) / 100; return {frames_a_second: Math.round(10000 * f.draw.length / "
            "(performance.now() - f.since)) / 10, session_and_carrier_ms: middle(f.session), "
            "drawing_ms: middle(f.draw), steps: playground.shown.step}; })()"
        )
        await page.run("playground.play()")
        await page.until("!playground.looping")
    return found


async def looked_at(page, folder, name, selector=None):
    await asyncio.sleep(0.3)
    await page.run(f"document.querySelector({selector!r}).scrollIntoView()" if selector else "scrollTo(0, 0)")
    await asyncio.sleep(0.2)
    await page.shot(folder / f"{name}.png")


async def opened(page, address):
    await page.size(*SIZES["wide"])
    await page.send("Page.navigate", url=address)
    await page.until("document.documentElement?.dataset.ready === 'true'", 120)


async def all_of(folder, address, frames):
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "no Chromium: set CHROMIUM"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [chromium, *FLAGS, f"--user-data-dir={profile}", "about:blank"], stderr=subprocess.PIPE, text=True
        )
        try:
            line = next(line for line in browser.stderr if "DevTools listening on" in line)
            port = re.search(r":(\d+)/", line)[1]
            pages = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json"))
            target = next(p["webSocketDebuggerUrl"] for p in pages if p["type"] == "page")
            async with websockets.connect(target, max_size=2**28) as socket:
                page = Page(socket)
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await page.send(f"{domain}.enable")
                if frames:
                    await opened(page, address)
                    return await timed(page)
                return await driven(page, folder, address)
        finally:
            browser.kill()
            browser.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--page")
    parser.add_argument("--frames", action="store_true")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    server, address = None, given.page
    if address is None:
        command = [sys.executable, "-m", "nnx", "playground", "--no-browser"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        address = server.stdout.readline().split()[0]
    try:
        found = asyncio.run(all_of(given.folder, address, given.frames))
    finally:
        if server is not None:
            server.terminate()
            server.wait()
    text = json.dumps(found, indent=2)
    (given.folder / "report.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
