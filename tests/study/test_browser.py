"""Twelve participants in a real browser, the server killed in between: nothing lost, the truth recovered."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condfoley.cli.commands import study
from condfoley.study import crowd, results
from condfoley.study.store import read_sessions
from tests.study.people import write_sources

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is missing: pip install -e '.[dev]'")
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no chromium with its driver: apt-get install chromium chromium-driver"
    ),
]
ROBOT = (Path(__file__).parent / "robot.js").read_text()
ATTENTIVE, RANDOM, FAILING = 8, 2, 2
TRIALS, SENTINELS = 5, 1
AT_ONCE = 4  # windows; more do not go faster on two cores
PATIENCE = 400  # s before a participant counts as stuck, on the busiest machine


@pytest.fixture(scope="module")
def folder(web: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study for twelve: five targets of half a second, each heard by everybody."""
    home = tmp_path_factory.mktemp("browser")
    pairs, sounds = write_sources(home / "sources", TRIALS, seconds=0.5)
    words = ["--test", pairs, "--sounds", sounds, "--systems", "noise,ours", "--out", home / "study"]
    words += [
        "--trials",
        TRIALS,
        "--judgements",
        12,
        "--practice",
        1,
        "--sentinels",
        SENTINELS,
        "--headphone-rounds",
        0,
    ]
    assert study.run(["export", *map(str, words)]) == 0
    return home / "study"


@pytest.fixture
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    quiet = ("background-timer-throttling", "renderer-backgrounding", "backgrounding-occluded-windows")
    for flag in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1000,1150", "disable-gpu"):
        options.add_argument(f"--{flag}")
    for name in quiet:
        options.add_argument(f"--disable-{name}")
    options.add_argument("--autoplay-policy=no-user-gesture-required")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def serve(folder: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """serve() starts the server's process on the port that serve.port names, and waits until it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "condfoley", "study", "serve", str(folder), "--port", str(port)]
        running.append(subprocess.Popen([*command, "--burst", "5000"]))
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        return running[-1]

    start.port = port  # type: ignore[attr-defined]
    yield start
    for process in running:
        process.kill()
        process.wait()


def wait_for(done: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    end = time.monotonic() + seconds
    while not (value := done()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)
    return value


def answers_in(folder: Path) -> int:
    return sum(len(session.answers) for session in read_sessions(folder / "results" / "answers.sqlite")[1])


def participants(folder: Path) -> list[dict[str, Any]]:
    """What each robot is told: eight prefer "ours" in 28 of 40 trials, two choose blindly, two fail the sentinels."""
    key = json.loads((folder / "key.json").read_text())
    page = json.loads((folder / "public" / "plan.js").read_text().removeprefix("window.STUDY = ").rstrip(";\n"))
    ours = [name for name, clip in key["clips"].items() if clip["system"] == "ours"]
    pages = {shown["trial"]: shown for form in page["forms"] for shown in form}
    right = {pages[t]["clips"][1 - known["wrong"]] for t, known in key["trials"].items() if known["kind"] == "sentinel"}
    right |= {shown["clips"][1 - shown["wrong"]] for shown in page["practice"]}
    rng = np.random.default_rng(3)
    attentive = rng.permutation([True] * 28 + [False] * 12).reshape(ATTENTIVE, TRIALS)
    blind = rng.random((RANDOM + FAILING, TRIALS)) < 0.5
    told = {"favourites": ours, "right": sorted(right)}
    return [
        told | {"pattern": pattern, "notices": number < ATTENTIVE + RANDOM}
        for number, pattern in enumerate([*attentive.tolist(), *blind.tolist()])
    ]


def test_twelve_participants_and_a_killed_server(folder: Path, browser: Any, serve: Any) -> None:
    server = serve()
    robots = participants(folder)
    codes = []
    for begin in range(0, len(robots), AT_ONCE):
        windows = []
        for number in range(begin, begin + AT_ONCE):
            browser.switch_to.new_window("window")
            browser.get(f"http://p{number}.localhost:{serve.port}/?participant=worker{number}")  # an origin for each
            wait_for(lambda: browser.execute_script("return !!document.querySelector('h1')"))
            browser.execute_script(ROBOT, robots[number])
            windows.append(browser.current_window_handle)
        if begin == 0:
            wait_for(lambda: answers_in(folder) >= 8)
            os.kill(server.pid, signal.SIGKILL)
            server.wait()
            before = answers_in(folder)
            time.sleep(1)  # participants go on, their answers wait in the browser
            serve()
        for window in windows:
            browser.switch_to.window(window)
            codes.append(
                wait_for(lambda: browser.execute_script("return document.querySelector('.code')?.textContent"))
            )
            browser.close()
        browser.switch_to.window(browser.window_handles[0])
    assert len(set(codes)) == len(robots)
    assert 8 <= before < answers_in(folder) == len(robots) * (TRIALS + SENTINELS)
    check_analysis(folder, len(robots) * (TRIALS + SENTINELS))


def check_analysis(folder: Path, answers: int) -> None:
    """The 70 % are found, the two who failed the sentinels are out, every answer is in the table."""
    assert study.run(["analyse", str(folder / "results")]) == 0
    people = table(folder, "participants")
    assert sum(int(row["answers"]) for row in people) == answers
    _, kept = read_sessions(folder / "results" / "answers.sqlite")
    key = json.loads((folder / "key.json").read_text())
    deaf = {crowd.participant(key["secret"], f"worker{ATTENTIVE + RANDOM + k}") for k in range(FAILING)}
    failed = {session.name for session in kept if session.participant in deaf}
    assert {row["session"]: row["reason"] for row in people if row["kept"] == "no"} == dict.fromkeys(
        failed, "did not notice obviously wrong sounds"
    )
    for row in table(folder, "preferences"):
        assert (row["system"], row["over"], int(row["judgements"])) == ("ours", "noise", (ATTENTIVE + RANDOM) * TRIALS)
        assert float(row["crossed_low"]) <= 70 <= float(row["crossed_high"])


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with open(folder / "analysis" / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_from_a_disk_by_keyboard_alone_and_resumed(exported: Any, browser: Any, tmp_path: Path) -> None:
    words = ("--trials", "2", "--judgements", "1", "--practice", "1", "--sentinels", "0", "--headphone-rounds", "1")
    folder, key = exported(*words)
    browser.get((folder / "public" / "index.html").as_uri())

    def script(code: str) -> Any:
        return browser.execute_script(f"return {code}")

    def press(where: str, key: str = Keys.SPACE) -> None:
        """Go to a control with the tab key and press it."""
        wait_for(lambda: script(f"!!document.querySelector('{where}:not(:disabled)')"))
        for _ in range(30):
            if script(f"document.activeElement.matches('{where}')"):
                return browser.switch_to.active_element.send_keys(key)
            browser.switch_to.active_element.send_keys(Keys.TAB)
        raise AssertionError(f"{where} cannot be reached by keyboard")

    def heading() -> str:
        return script("document.querySelector('h1')?.textContent ?? ''")

    def page() -> None:
        """Play everything in order, then answer both questions."""
        before = heading()
        for _ in range(3):
            press(".next button")
            wait_for(lambda: script("[...document.querySelectorAll('video')].every((video) => video.paused)"))
        press("fieldset:nth-of-type(1) input")
        press("fieldset:nth-of-type(2) input")
        press(".continue", Keys.ENTER)
        if before.startswith("Practice"):
            assert script("document.querySelector('.feedback').getAttribute('role')") == "alert"
            press(".continue", Keys.ENTER)
        wait_for(lambda: heading() != before)

    wait_for(heading)
    press("#jspsych-html-button-response-btngroup button")
    press(".play")
    press("#jspsych-html-button-response-btngroup button")
    press(".play")
    press("#jspsych-html-button-response-btngroup button")
    press("#jspsych-html-button-response-btngroup button")
    assert heading() == "Practice 1 of 1"
    assert script("document.querySelector('fieldset').disabled && document.querySelector('.continue').disabled")
    assert script("document.querySelector('[role=status]').textContent") == "Next: Reference"
    assert script("[...document.querySelectorAll('input')].every((input) => input.labels.length === 1)")
    page()
    press("#jspsych-html-button-response-btngroup button")
    page()
    browser.refresh()
    wait_for(lambda: heading() == "Trial 2 of 2")
    page()
    assert wait_for(lambda: script("document.querySelector('a[download]')?.href")).startswith("blob:")
    assert script("performance.getEntriesByType('resource').every((entry) => entry.name.startsWith('file:'))")
    (tmp_path / "answers.json").write_text(script("Saving.file()"))
    (session,) = results.load_results(tmp_path, key).sessions
    assert session.finished and len(session.answers) == 2 and len(session.headphones) == 1
