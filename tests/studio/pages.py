"""A server that can be killed and started again, and a page in a real browser, as people use it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
PATIENCE = 120  # s before something counts as stuck, on the busiest machine
FLAGS = (
    "headless=new",
    "no-sandbox",
    "disable-dev-shm-usage",
    "disable-gpu",
    "disable-background-timer-throttling",
    "disable-renderer-backgrounding",
    "disable-backgrounding-occluded-windows",
    "autoplay-policy=no-user-gesture-required",
    "use-fake-device-for-media-stream",  # a microphone that beeps
    "use-fake-ui-for-media-stream",
)

DROP_INPUT = """
const zone = document.querySelector(`[data-zone=${arguments[0]}]`), input = document.createElement("input");
Object.assign(input, { type: "file", id: `dropped-${arguments[0]}` });
input.onchange = () => {
  const data = new DataTransfer();
  data.items.add(input.files[0]);
  input.remove();
  for (const type of ["dragenter", "dragover", "drop"])
    zone.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
};
document.body.append(input);
return input.id;
"""


def wait_for(done: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What done() gives as soon as that is true."""
    end = time.monotonic() + seconds
    while not (value := done()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
    return value


class Server:
    """A process of `condfoley studio` that can be killed and started again at the same address."""

    def __init__(self, home: Path, *words: str) -> None:
        self.home, self.words, self.log = home / "studio", words, home / "server.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Of the page."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Returns when it answers."""
        options = ["--home", str(self.home), "--port", str(self.port), "--no-browser", *self.words]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "condfoley", "studio", *options], stderr=log, stdout=log
            )
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0)

    def kill(self) -> None:
        """As a machine that loses its power."""
        if self.process:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def addresses(self) -> list[str]:
        """The addresses that it printed, one for each user with a token."""
        return list(wait_for(lambda: [part for part in self.log.read_text().split() if part.startswith("http://")]))


class Page:
    """One window of a browser with a profile of its own. downloads: where it saves files."""

    def __init__(self, downloads: Path, width: int = 1280, height: int = 720) -> None:
        from selenium import webdriver
        from selenium.webdriver.common.by import By

        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in (*FLAGS, f"window-size={width},{height}"):
            options.add_argument(f"--{flag}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        self.size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", self.size)
        self.downloads, self.css = downloads, By.CSS_SELECTOR

    def open(self, address: str) -> None:
        """Go to an address."""
        self.driver.get(address)

    def new_tab(self, address: str) -> None:
        """Go to an address in another tab."""
        self.driver.switch_to.new_window("tab")
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", self.size)
        self.driver.get(address)

    def all(self, css: str) -> list[Any]:
        """All elements of a selector, shown or not."""
        return list(self.driver.find_elements(self.css, css))

    def one(self, css: str) -> Any:
        """The first shown element of a selector, as soon as there is one."""

        def shown() -> Any:
            from selenium.common.exceptions import StaleElementReferenceException

            try:
                return next((element for element in self.all(css) if element.is_displayed()), None)
            except StaleElementReferenceException:
                return None

        return wait_for(shown)

    def click(self, css: str) -> None:
        """Click the first shown element of a selector as soon as it can be."""
        from selenium.common.exceptions import StaleElementReferenceException, WebDriverException

        def clicked() -> bool:
            try:
                element = self.one(css)
                if not element.is_enabled():
                    return False
                element.click()
                return True
            except StaleElementReferenceException:
                return False
            except WebDriverException as error:
                if "intercepted" in str(error):
                    return False
                raise

        wait_for(clicked)

    def text(self, css: str) -> str:
        """Words of an element, shown or not; "" without one."""
        return str(self.run("return document.querySelector(arguments[0])?.textContent ?? ''", css))

    def run(self, script: str, *values: Any) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(script, *values)

    def fetch(self, path: str) -> Any:
        """What the server answers to the page, as JSON."""
        script = "const done = arguments[1]; fetch(arguments[0]).then((answer) => answer.json()).then(done, () => done(null))"
        return self.driver.execute_async_script(script, path)

    def upload(self, role: str, file: Path) -> None:
        """Choose a file for the reference or the target."""
        wait_for(lambda: self.all(f"[data-upload={role}]"))[0].send_keys(str(file))

    def drop(self, role: str, file: Path) -> None:
        """Drop a file on the zone of the reference or the target, as from a file manager."""
        self.one(f"[data-zone={role}]")
        name = self.run(DROP_INPUT, role)
        self.driver.find_element(self.css, f"#{name}").send_keys(str(file))

    def start_generating(self, candidates: int = 2) -> None:
        """Generate for the example pair."""
        self.click("[data-do=example]")
        self.one("[data-role=target] img")
        box = self.one("[data-setting=candidates]")
        box.clear()
        box.send_keys(str(candidates))
        self.click("[data-do=generate]")

    def generate(self, candidates: int = 2) -> dict[str, Any]:
        """The same, and wait for the editor. Gives the project's view."""
        self.start_generating(candidates)
        self.one(".cue")
        return self.view()

    def key(self, *keys: str) -> None:
        """Press keys where the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def tab_to(self, css: str) -> None:
        """Reach a control with the tab key, as soon as it is enabled."""
        from selenium.webdriver import Keys

        wait_for(lambda: self.all(f"{css}:not(:disabled)"))
        for _ in range(150):
            if self.run("return document.activeElement.matches(arguments[0])", css):
                return
            self.key(Keys.TAB)
        raise AssertionError(f"{css} cannot be reached by keyboard")

    def downloaded(self, suffix: str) -> Path:
        """The newest complete download of that suffix."""

        def complete() -> Path | None:
            found = sorted(self.downloads.glob(f"*{suffix}"), key=lambda path: path.stat().st_mtime_ns)
            return found[-1] if found and not list(self.downloads.glob("*.crdownload")) else None

        return Path(wait_for(complete))

    def errors(self) -> list[str]:
        """What the browser's console shows as errors."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def project(self) -> str:
        """Id of the project in the editor, as soon as there is one."""
        wait_for(lambda: "#/project/" in self.driver.current_url)
        return str(self.driver.current_url).rsplit("/", 1)[1]

    def view(self) -> dict[str, Any]:
        """The project in the editor, as the server has it."""
        return dict(self.fetch(f"/api/projects/{self.project()}"))

    def close(self) -> None:
        """Ends the browser."""
        self.driver.quit()
