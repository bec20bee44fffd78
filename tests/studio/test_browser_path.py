"""People at the page: a newcomer's whole path, reloads, a killed server, two users, two tabs, no mouse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condfoley import examples
from condfoley.audio.onsets import detect_onsets
from condfoley.media import read_sound
from tests.studio.pages import Page, Server, wait_for

pytestmark = pytest.mark.heavy
Serve = Callable[..., Server]
Browse = Callable[..., Page]
NEAR = 0.01  # s between a cue and its sound
MOVE = 0.2  # s


def drag(page: Page, cue: int, seconds: float) -> None:
    """Drag a cue with the mouse, with Alt, so that it snaps to nothing."""
    from selenium.webdriver import ActionChains, Keys

    lane = page.one(".lane-cues .lane-body")
    pixels = seconds * lane.size["width"] / page.view()["duration"]
    head = page.one(f"[data-cue='{cue}'] .cue-head")
    chain = ActionChains(page.driver).click_and_hold(head).key_down(Keys.ALT)
    for _ in range(4):
        chain = chain.move_by_offset(round(pixels / 4), 0)
    chain.release().key_up(Keys.ALT).perform()


def soundtrack(page: Page) -> tuple[np.ndarray, int]:
    """The soundtrack as the page's download: (C, N) and Hz."""
    page.click("[data-tab=files]")
    page.click("[data-do=download][data-of=soundtrack]")
    path = page.downloaded(".wav")
    sound = read_sound(path)
    path.unlink()
    return sound


def cues(view: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(view["cues"], key=lambda cue: cue["time"])


def test_a_newcomer_makes_a_soundtrack_edits_it_and_takes_it_home(serve: Serve, browse: Browse) -> None:
    from selenium.webdriver import Keys

    page = browse(serve().address)
    page.drop("reference", examples.REFERENCE)
    page.drop("target", examples.TARGET)
    wait_for(lambda: "8 events" in page.text("[data-role=reference] .hint[role=status]"))
    wait_for(lambda: "seen in its picture" in page.text("[data-role=target] .hint[role=status]"))
    box = page.one("[data-setting=candidates]")
    box.clear()
    box.send_keys("2")
    page.click("[data-do=generate]")
    page.one(".cue")
    first, rate = soundtrack(page)
    before = cues(page.view())
    moved, drawn = before[2], before[6]

    drag(page, moved["id"], MOVE)
    wait_for(lambda: page.view()["revision"] == 2)
    page.click(f"[data-cue='{drawn['id']}']")
    assert drawn["made_of"] == "recorded" and "It is made of this moment." in page.text("[data-panel=cue]")
    page.click("[data-do=redraw]")
    wait_for(lambda: page.view()["revision"] == 3)
    wait_for(lambda: not page.all(".job"))
    page.click("[data-tab=layers]")
    page.click("[data-do=add-layer]")
    page.click("dialog [data-do=library]")
    page.click("dialog:last-of-type .entry button")
    page.click("dialog input[value=selected]")
    page.click("[data-do=make-layer]")
    page.one(".layer[data-layer=layer2]")
    page.key(Keys.CONTROL, "z")
    wait_for(lambda: len(page.view()["layers"]) == 1)

    last, _ = soundtrack(page)
    view = page.view()
    after = next(cue for cue in view["cues"] if cue["id"] == moved["id"])
    assert after["time"] == pytest.approx(moved["time"] + MOVE, abs=0.01)
    heard, _ = detect_onsets(last.mean(0), rate)
    assert np.abs(heard - after["time"]).min() <= NEAR
    assert not np.array_equal(at(last, rate, drawn), at(first, rate, drawn))
    edited = [(before[1]["time"], before[3]["time"]), (before[5]["time"], view["duration"])]
    untouched = np.ones(last.shape[1], bool)
    for begin, end in edited:
        untouched[int(begin * rate) : int(end * rate)] = False
    assert last.shape == first.shape and untouched.sum() > rate
    assert np.array_equal(last[:, untouched], first[:, untouched])
    assert page.errors() == []


def at(wav: np.ndarray, rate: int, cue: dict[str, Any]) -> np.ndarray:
    """What is heard at a cue."""
    return wav[:, int(cue["time"] * rate) : int((cue["time"] + 0.1) * rate)]


def test_a_reload_goes_on_where_it_was(serve: Serve, browse: Browse) -> None:
    page = browse(serve().address)
    page.start_generating()
    page.one("[data-do=cancel-job]")
    page.driver.refresh()
    page.one(".cue")
    project, cue = page.project(), cues(page.view())[1]
    page.click(f"[data-cue='{cue['id']}']")
    page.key(".")
    page.driver.refresh()  # while the edit is on its way
    page.one(".cue")
    wait_for(lambda: page.view()["revision"] == 2)
    assert page.project() == project
    assert cues(page.view())[1]["time"] > cue["time"]
    page.open(page.driver.current_url.split("#")[0])
    assert page.one(f"[data-do=open-project][data-of='{project}']").text
    assert page.errors() == []


def test_a_killed_server_loses_nothing(serve: Serve, browse: Browse) -> None:
    server = serve()
    page = browse(server.address)
    before = page.generate()
    first = cues(before)[0]
    server.kill()
    page.click(f"[data-cue='{first['id']}']")
    page.key(".")
    assert "kept here" in page.one("[data-banner=offline]").text
    server.start()
    wait_for(lambda: not page.one("body").find_elements(page.css, "[data-banner=offline]:not([hidden])"))
    wait_for(lambda: page.view()["revision"] == before["revision"] + 1)
    assert cues(page.view())[0]["time"] > first["time"]
    assert cues(page.view())[1:] == cues(before)[1:]


def test_two_users_at_once_do_not_see_each_other(serve: Serve, browse: Browse) -> None:
    server = serve("--users", "ada,ben")
    pages = [browse(address) for address in server.addresses()]
    for page in pages:
        page.start_generating()
    for page in pages:
        page.one(".cue")
    mine, other = (page.project() for page in pages)
    assert mine != other
    for page, own, foreign in ((pages[0], mine, other), (pages[1], other, mine)):
        assert [project["id"] for project in page.fetch("/api/projects")] == [own]
        assert "detail" in page.fetch(f"/api/projects/{foreign}")


def test_a_second_tab_reads_only_until_the_first_is_closed(serve: Serve, browse: Browse) -> None:
    page = browse(serve().address)
    view = page.generate()
    first, address = page.driver.current_window_handle, page.driver.current_url
    page.new_tab(address)
    banner = page.one("[data-banner=read-only]")
    assert "tab" in banner.text
    page.click(f"[data-cue='{view['cues'][0]['id']}']")
    page.key(".")
    assert page.one(".toast-error").text
    assert page.view()["revision"] == view["revision"]
    second = page.driver.current_window_handle
    page.driver.switch_to.window(first)
    page.driver.close()
    page.driver.switch_to.window(second)
    wait_for(lambda: not page.all("[data-banner=read-only]:not([hidden])"))
    page.key(".")
    wait_for(lambda: page.view()["revision"] == view["revision"] + 1)


def test_everything_by_keyboard_alone(serve: Serve, browse: Browse) -> None:
    from selenium.webdriver import Keys

    page = browse(serve().address)
    wait_for(lambda: page.all("[data-do=example]:not([hidden])"))

    page.tab_to("[data-do=example]")
    page.key(Keys.ENTER)
    page.one("[data-role=target] img")
    page.tab_to("[data-do=generate]")
    page.key(Keys.ENTER)
    page.one(".cue")
    before = cues(page.view())
    page.run("document.activeElement.blur()")
    page.key(Keys.SHIFT, Keys.ARROW_RIGHT)
    page.key(".")
    wait_for(lambda: page.view()["revision"] == 2)
    assert page.text("#announce")
    moved = [cue for cue, former in zip(cues(page.view()), before, strict=True) if cue["time"] != former["time"]]
    assert len(moved) == 1
    page.tab_to("[data-value=gain]")
    page.key(Keys.CONTROL, "a")
    page.key("-6", Keys.ENTER)
    wait_for(lambda: next(cue for cue in page.view()["cues"] if cue["id"] == moved[0]["id"])["gain"] == -6)
    page.run("document.activeElement.blur()")
    page.key(Keys.CONTROL, "z")
    wait_for(lambda: page.view()["revision"] == 2)
    page.tab_to("[role=tab][aria-selected=true]")
    page.key(Keys.END)
    page.tab_to("[data-do=download][data-of=soundtrack]")
    page.key(Keys.ENTER)
    assert page.downloaded(".wav").stat().st_size > 0
    assert page.errors() == []


def test_a_reference_is_found_in_the_library(serve: Serve, browse: Browse, tmp_path: Path) -> None:
    from tests.made_up import write_video
    from tests.sounds import pulses
    from tests.tiny import write_tiny_weights

    library = tmp_path / "library"
    library.mkdir()
    for name, pitch in (("low.mp4", 300), ("high.mp4", 2500)):
        write_video(library / name, 2.0, pulses([0.3, 1.1], 2.0, pitch))
    weights = write_tiny_weights(tmp_path / "weights")
    page = browse(serve("--library", str(library), "--weights", str(weights)).address)
    assert not page.one("[data-do=find]").is_enabled()  # nothing to fit yet
    page.drop("target", examples.TARGET)
    wait_for(lambda: page.one("[data-do=find]").is_enabled())
    page.click("[data-do=find]")
    wait_for(lambda: len(page.all("dialog .entry")) == 2)
    best = page.text("dialog .entry .entry-name")
    page.click("dialog .entry button")
    wait_for(lambda: best in page.text("[data-role=reference]"))
    page.click("[data-do=similar]")  # by its sound now: itself is first, which is there already
    wait_for(lambda: len(page.all("dialog .entry")) == 1)
    assert best in page.text("dialog")
    other = page.text("dialog .entry .entry-name")
    page.click("dialog .entry button")
    wait_for(lambda: other in page.text("[data-more=references]"))
    assert page.errors() == []
