"""A real browser for tests: Chromium, driven over its driver's HTTP protocol (W3C WebDriver) with the standard library.

Debian: ``apt install chromium chromium-driver``. Where one of them is missing `needs_chromium` skips the test and says
so. The browser has a profile of its own, which goes with it, and no network but this machine's.

Whether people with disabilities can use a page is looked at by axe-core (Deque Systems, MPL 2.0), which comes in the
package axe-playwright-python; nothing else of that is used.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, List, Optional, Type

import pytest

from tests.helpers import PATIENCE, wait_until

_DRIVER, _CHROMIUM = shutil.which("chromedriver"), shutil.which("chromium")

needs_chromium = pytest.mark.skipif(
    _DRIVER is None or _CHROMIUM is None, reason="Chromium and its driver are missing: apt install chromium-driver"
)


_AXE = find_spec("axe_playwright_python")

needs_axe = pytest.mark.skipif(_AXE is None, reason="axe-core is missing: pip install --no-deps axe-playwright-python")

_RUN_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
  found => done(found.violations.flatMap(one => one.nodes.map(node => one.id + ": " + node.html + " " +
    node.failureSummary))), error => done(["axe: " + error]));
"""


class Chromium:
    """A window of Chromium that nobody sees. ``folder`` is for its profile and its downloads."""

    def __init__(self, folder: Path, javascript: bool = True) -> None:
        self.folder = folder
        self._short = tempfile.TemporaryDirectory(prefix="c")  # for sockets: paths of at most a hundred
        self._log = (folder / "driver.log").open("w+")
        command = [str(_DRIVER), "--port=0", f"--log-path={folder / 'chromedriver.log'}"]
        self._driver = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "HOME": str(folder), "TMPDIR": self._short.name},
        )  # fmt: skip
        self._session = ""
        try:
            wait_until(self._find_port, "the driver's port")
            self._session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": self._wishes(javascript)}})[
                "sessionId"
            ]
            self.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        except BaseException:
            self.close()
            raise

    def _find_port(self) -> bool:
        words = (self.folder / "driver.log").read_text().partition("started successfully on port ")[2]
        self._url = f"http://127.0.0.1:{words.partition('.')[0]}"
        return "." in words

    def _wishes(self, javascript: bool) -> Dict[str, Any]:
        options = {
            "binary": _CHROMIUM,
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                f"--user-data-dir={self._short.name}/profile", "--hide-scrollbars",
            ],
            "prefs": {"profile.managed_default_content_settings.javascript": 1 if javascript else 2},
        }  # fmt: skip
        return {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}

    def _call(self, method: str, path: str, body: Optional[Dict[str, Any]] = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{method} {path}: {error.read().decode()[:600]}") from None

    def _do(self, method: str, path: str, body: Optional[Dict[str, Any]] = None) -> Any:
        return self._call(method, f"/session/{self._session}{path}", body)

    def open(self, url: str) -> None:
        self._do("POST", "/url", {"url": url})

    @property
    def url(self) -> str:
        return str(self._do("GET", "/url"))

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns; it works in pages without JavaScript, too."""
        return self._do("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def violations(self) -> List[str]:
        """What axe-core has to say against the page: rules of WCAG 2.2 and what is good practice."""
        assert _AXE is not None and _AXE.origin is not None
        source = Path(_AXE.origin).with_name("axe.min.js").read_text(encoding="utf-8")
        found: List[str] = self._do("POST", "/execute/async", {"script": source + _RUN_AXE, "args": []})
        return found

    def text(self, selector: str) -> str:
        """The visible text of the first element that is selected."""
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def texts(self, selector: str) -> List[str]:
        found: List[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map(one => one.innerText)", selector
        )
        return found

    def complaints(self) -> List[str]:
        """What the browser's console says since the last time: violations of the policy, errors of scripts."""
        return [entry["message"] for entry in self._do("POST", "/se/log", {"type": "browser"})]

    def command(self, name: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        return self._do("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def look_like(self, width: int, height: int, dark: bool = False) -> None:
        """The size of the page in pixels, and whether its person likes it dark."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[feature])

    def picture(self) -> bytes:
        return base64.b64decode(self._do("GET", "/screenshot"))

    def close(self) -> None:
        """End the browser and its driver, and all that they have started."""
        try:
            if self._session:
                self._do("DELETE", "")
        finally:
            os.killpg(self._driver.pid, signal.SIGTERM)
            try:
                self._driver.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(self._driver.pid, signal.SIGKILL)
                self._driver.wait()
            self._log.close()
            shutil.rmtree(self._short.name, ignore_errors=True)  # something of it may still be ending
            with suppress(OSError):
                self._short.cleanup()

    def __enter__(self) -> Chromium:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()
