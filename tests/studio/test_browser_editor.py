"""The editor in a real browser: cues by pointer and by keys alone, undo, reload in the middle, many cues, the WAV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from condfoley.audio.onsets import detect_onsets
from condfoley.project.create import project_of
from condfoley.project.find_inputs import input_of
from condfoley.project.outputs import write_generated
from tests import made_up
from tests.project.conftest import DURATION, TIMES, generated
from tests.sounds import noise_bursts
from tests.studio.pages import Page, Server, wait_for

pytest.importorskip("selenium", reason="selenium is missing: pip install -e '.[dev]'")
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.heavy
LANE = ".lane-wave .lane-body"
CUT_OFF = """
for (const one of document.querySelectorAll("details")) one.open = true;
return [...document.querySelectorAll("[data-panel] select")].filter((one) => {
  const whole = one.parentElement.appendChild(one.cloneNode(true));
  whole.style = "position: absolute; width: auto; min-width: 0; max-width: none";
  const cut = one.offsetWidth > 0 && one.offsetWidth < whole.offsetWidth;
  whole.remove();
  return cut;
}).map((one) => one.dataset.setting ?? one.id);
"""  # choices that are narrower than their longest option


class Editor:
    """The editor of one project."""

    def __init__(self, page: Page, home: Path) -> None:
        self.page, self.home = page, home
        page.one("[data-command=play]")
        wait_for(lambda: page.run("return globalThis.studio?.player.clock.video !== undefined"))

    @property
    def folder(self) -> Path:
        """Of the project."""
        (found,) = self.home.glob(f"users/*/projects/{self.page.project()}")
        return found

    def cues(self) -> list[dict[str, Any]]:
        """As the server has them."""
        return list(self.page.view()["cues"])

    def said(self) -> str:
        """The last announcement to screen readers."""
        return self.page.text("#announce")

    def press(self, *keys: str) -> None:
        """Keys at the same time."""
        chain = ActionChains(self.page.driver)
        for key in keys[:-1]:
            chain.key_down(key)
        chain.send_keys(keys[-1])
        for key in keys[:-1]:
            chain.key_up(key)
        chain.perform()

    def revision(self) -> int:
        """Of the server."""
        return int(self.page.view()["revision"])

    def after(self, edit: Callable[[], Any]) -> list[dict[str, Any]]:
        """Does an edit; the cues once server and page have it."""
        before = self.revision()
        edit()
        wait_for(lambda: self.revision() != before)
        wait_for(lambda: self.page.run("return globalThis.studio.store.server.revision") == self.revision())
        wait_for(lambda: self.page.run("return globalThis.studio.store.edits.list.length") == 0)
        return self.cues()

    def drag(self, cue: int, seconds: float, free: bool = False, down: int = 0) -> None:
        """Moves a cue with the pointer, free: with Alt, without snapping."""
        element = self.page.one(f"#cue-{cue}")
        scale = float(self.page.run("return globalThis.studio.timeline.scale"))
        chain = ActionChains(self.page.driver)
        if free:
            chain.key_down(Keys.ALT)
        across = round(seconds * scale)
        chain.click_and_hold(element).move_by_offset(across // 2, down // 2).move_by_offset(
            across - across // 2, down - down // 2
        )
        chain.release()
        if free:
            chain.key_up(Keys.ALT)
        chain.perform()

    def sound(self) -> np.ndarray:
        """(N, C) of the current revision, as the page plays it."""
        script = """
            const done = arguments[0], { store } = globalThis.studio;
            fetch(`/api/projects/${store.id}/sound?revision=${store.server.revision}&begin=0&end=${store.view.duration}`)
              .then((answer) => answer.arrayBuffer())
              .then((buffer) => done([...new Uint8Array(buffer)].map((byte) => String.fromCharCode(byte)).join("")))"""
        path = self.page.downloads / "sound.wav"
        path.write_bytes(self.page.driver.execute_async_script(script).encode("latin-1"))
        samples: np.ndarray = soundfile.read(path, always_2d=True, dtype="float32")[0]
        return samples


def result(home: Path, times: tuple[float, ...] = TIMES, duration: float = DURATION, count: int = 3) -> Path:
    """A folder as `condfoley generate` writes it, with bursts of noise at `times`."""
    target = made_up.write_video(home / "target.mp4", duration)
    reference = made_up.write_video(home / "reference.mp4", 1.0, noise_bursts([0.2, 0.6], [60.0, 60.0], 1.0, 1e-3, 9))
    folder = home / "DIR"
    folder.mkdir()
    soundtrack = generated(times, duration, count=count)
    project = project_of(folder, soundtrack, {"target": input_of(target), "reference": input_of(reference)})
    write_generated(folder, project, soundtrack, None, False, "aac")
    return folder


@pytest.fixture
def edit(serve: Any, browse: Any, tmp_path: Path) -> Iterator[Callable[..., Editor]]:
    """edit() opens a made-up result of four cues; edit(folder) another one. No error may have come to the console."""
    opened: list[Editor] = []

    def start(folder: Path | None = None) -> Editor:
        server: Server = serve(str(folder or result(tmp_path)))
        (address,) = server.addresses()
        opened.append(Editor(browse(address), server.home))
        return opened[-1]

    yield start
    assert not [line for editor in opened for line in editor.page.errors()]


def others(cues: list[dict[str, Any]], key: int) -> list[dict[str, Any]]:
    """Cues but one, by what a user sets."""
    names = ("id", "time", "strength", "kind", "gain", "locked", "muted")
    return [{name: cue[name] for name in names} for cue in cues if cue["id"] != key]


def test_a_drag_moves_one_cue_and_nothing_else(edit: Any) -> None:
    editor = edit()
    before, heard = editor.cues(), editor.sound()
    key, former = before[1]["id"], before[1]["time"]
    after = editor.after(lambda: editor.drag(key, 0.2, free=True))
    (cue,) = [cue for cue in after if cue["id"] == key]
    assert abs(cue["time"] - former - 0.2) < 0.01  # as far as pixels go
    assert others(after, key) == others(before, key)
    assert f"{cue['time']:.3f} s" in editor.said()
    now, rate = editor.sound(), editor.page.view()["rate"]
    onsets = detect_onsets(now.mean(1), rate)[0]
    assert np.abs(onsets - cue["time"]).min() < 0.01
    changed = np.flatnonzero((now != heard).any(1)) / rate
    assert before[0]["time"] < changed.min() and changed.max() < before[2]["time"] + 0.001
    assert editor.after(lambda: editor.press(Keys.CONTROL, "z"))[1]["time"] == former
    assert np.array_equal(editor.sound(), heard)
    assert editor.after(lambda: editor.press(Keys.CONTROL, Keys.SHIFT, "z"))[1]["time"] == cue["time"]
    assert np.array_equal(editor.sound(), now)


def test_a_drag_upwards_changes_strength_and_escape_ends_a_drag(edit: Any) -> None:
    editor = edit()
    before = editor.cues()
    key = before[2]["id"]
    after = editor.after(lambda: editor.drag(key, 0, down=-16))
    (cue,) = [cue for cue in after if cue["id"] == key]
    assert cue["strength"] > before[2]["strength"] and cue["time"] == before[2]["time"]
    chain = ActionChains(editor.page.driver).click_and_hold(editor.page.one(f"#cue-{key}"))
    chain.move_by_offset(40, 0).send_keys(Keys.ESCAPE).release().perform()
    assert editor.cues() == after and editor.page.view()["revision"] == 2


def test_all_by_keys(edit: Any) -> None:
    """Reaches the cues with Tab, then steps, moves, raises, mutes, locks, copies, pastes and removes."""
    editor = edit()
    for _ in range(80):
        editor.press(Keys.TAB)
        if editor.page.run("return document.activeElement.classList.contains('cue')"):
            break
    editor.press(Keys.SHIFT, Keys.ARROW_RIGHT)
    chosen = [int(key) for key in editor.page.run("return [...globalThis.studio.store.selection]")]
    before = {cue["id"]: cue for cue in editor.cues()}
    (key,) = chosen

    def now(*keys: str) -> dict[str, Any]:
        return next(cue for cue in editor.after(lambda: editor.press(*keys)) if cue["id"] == key)

    assert now(Keys.ALT, Keys.ARROW_RIGHT)["time"] == pytest.approx(before[key]["time"] + 0.001)
    stronger = now(Keys.ARROW_UP)
    assert stronger["strength"] > before[key]["strength"] and stronger["gain"] > before[key]["gain"]
    assert now(Keys.SHIFT, Keys.ARROW_DOWN)["gain"] == pytest.approx(stronger["gain"] - 1)
    assert now("m")["muted"] and not now("m")["muted"]
    assert now("f")["locked"]
    editor.press(Keys.DELETE)
    assert len(editor.cues()) == len(before) and editor.page.one(".toast")  # locked cues stay
    assert not now("f")["locked"]
    editor.press(Keys.CONTROL, "c")
    editor.press(Keys.END)
    for _ in range(3):
        editor.press(Keys.ARROW_LEFT)
    assert len(editor.after(lambda: editor.press(Keys.CONTROL, "v"))) == len(before) + 1
    assert len(editor.after(lambda: editor.press(Keys.DELETE))) == len(before)


def test_a_key_adds_a_cue_while_it_plays(edit: Any, tmp_path: Path) -> None:
    """A tap selects a cue that it is beside: here a minute is free of them, whenever a busy machine taps."""
    editor = edit(result(tmp_path, duration=60.0))
    before = editor.cues()
    editor.press(Keys.SPACE)
    wait_for(lambda: editor.page.run("return globalThis.studio.player.time") > max(TIMES) + 0.2)
    after = editor.after(lambda: editor.press("t"))
    (added,) = [cue["time"] for cue in after if cue["id"] not in {cue["id"] for cue in before}]
    assert max(TIMES) + 0.2 < added <= editor.page.run("return globalThis.studio.player.time")
    assert editor.page.run("return globalThis.studio.player.playing")
    editor.press(Keys.SPACE)
    assert not editor.page.run("return globalThis.studio.player.playing")


def test_a_cue_added_beside_another_one_selects_that(edit: Any) -> None:
    editor = edit()
    first, second, *_ = editor.cues()
    for off in (-0.02, 0.0, 0.029):
        editor.page.run("globalThis.studio.store.select([arguments[0]])", second["id"])
        editor.page.run("globalThis.studio.player.seek(arguments[0])", first["time"] + off)
        editor.press("t")
        wait_for(lambda: editor.page.run("return [...globalThis.studio.store.selection]") == [first["id"]])
    assert "There is a cue already" in editor.page.one(".toast").text
    assert editor.revision() == 1 and not editor.page.all(".toast-error")
    editor.page.run("globalThis.studio.player.seek(arguments[0])", first["time"] + 0.031)
    assert len(editor.after(lambda: editor.press("t"))) == 5


def test_what_is_heard_is_the_soundtrack_and_an_edit_is_heard_while_it_plays(edit: Any) -> None:
    editor = edit()
    script = """
        const { player } = globalThis.studio, [voice] = player.sound.voices.values();
        return voice ? [...voice.node.buffer.getChannelData(0)] : null"""
    editor.press("c")  # over and over, as the clip is short
    editor.press(Keys.SPACE)
    first = np.array(wait_for(lambda: editor.page.run(script)), np.float32)
    assert np.array_equal(first, editor.sound()[:, 0])
    editor.after(lambda: editor.drag(editor.cues()[3]["id"], 0.3, free=True))
    now = editor.sound()[:, 0]
    assert not np.array_equal(now, first)
    wait_for(lambda: np.array_equal(np.array(editor.page.run(script) or [], np.float32), now))
    assert editor.page.run("return globalThis.studio.player.playing")


def test_a_reload_in_the_middle_loses_no_edit(edit: Any) -> None:
    editor = edit()
    before = editor.cues()
    key = before[0]["id"]
    # The edit is on its way when the page goes away: what the page was about to send is sent after the reload.
    editor.page.run(
        "globalThis.studio.store.edits.work = () => {};"
        "globalThis.studio.store.edit([{ op: 'change', cue: arguments[0], values: { gain: -4.5 } }])",
        key,
    )
    assert editor.cues() == before
    editor.page.driver.refresh()
    editor = Editor(editor.page, editor.home)
    wait_for(lambda: editor.cues()[0]["gain"] == -4.5)
    assert others(editor.cues(), key) == others(before, key)
    assert editor.page.run("return globalThis.studio.store.writable")  # the same tab, so it may edit at once


def test_three_hundred_cues(edit: Any, tmp_path: Path) -> None:
    times = tuple(np.round(0.3 + np.arange(300) * 0.4, 3))
    editor = edit(result(tmp_path, times, 121.0, count=2))
    assert len(editor.cues()) == 300
    drawn = "return document.querySelectorAll('.cue').length"
    assert editor.page.run(drawn) == 300
    editor.page.run("globalThis.studio.timeline.show(60, 100)")
    wait_for(lambda: 10 < editor.page.run(drawn) < 60)  # those in view, and a few beside it
    key = next(cue["id"] for cue in editor.cues() if cue["time"] > 63)
    former = next(cue["time"] for cue in editor.cues() if cue["id"] == key)
    after = editor.after(lambda: editor.drag(key, 0.1, free=True))
    assert next(cue["time"] for cue in after if cue["id"] == key) == pytest.approx(former + 0.1, abs=0.011)
    editor.press("0")
    wait_for(lambda: editor.page.run(drawn) == 300)
    assert editor.page.run("return document.querySelector(`#cue-${arguments[0]}`).ariaSetSize", key) == "300"


def test_a_span_is_selected_and_looped(edit: Any) -> None:
    editor = edit()
    lane = editor.page.one(LANE)
    chain = ActionChains(editor.page.driver).move_to_element_with_offset(lane, -150, 0).click_and_hold()
    chain.move_by_offset(60, 0).move_by_offset(180, 0).release().perform()
    begin, end = editor.page.run("return globalThis.studio.store.span")
    inside = {cue["id"] for cue in editor.cues() if begin <= cue["time"] <= end}
    assert inside and set(editor.page.run("return [...globalThis.studio.store.selection]")) == inside
    editor.press("c")
    editor.press(Keys.SPACE)
    passed = "return globalThis.studio.player.time"
    wait_for(lambda: editor.page.run(passed) > begin + 0.6 * (end - begin))
    wait_for(lambda: begin - 0.1 < editor.page.run(passed) < begin + 0.4 * (end - begin))  # it began again
    editor.press(Keys.SPACE)
    editor.press(Keys.ESCAPE)
    assert editor.page.run("return globalThis.studio.store.span") is None


def test_cues_are_called_by_the_numbers_that_commands_and_messages_use(edit: Any) -> None:
    editor = edit()
    page, times = editor.page, [cue["time"] for cue in editor.cues()]
    page.run("globalThis.studio.player.seek(arguments[0])", (times[0] + times[1]) / 2)
    assert [cue["id"] for cue in editor.after(lambda: editor.press("t"))] == [1, 5, 2, 3, 4]
    for number in (5, 2):
        page.click(f"#cue-{number}")
        assert page.one(f"#cue-{number}").get_attribute("aria-label").startswith(f"Cue {number}, ")
        assert page.one("[data-panel=cue] h2").text == f"Cue {number}"


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 700)])
def test_no_choice_is_cut_off(edit: Any, width: int, height: int) -> None:
    page = edit().page
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", page.size | {"width": width, "height": height})
    page.click("#cue-2")
    for tab in ("cue", "master"):
        page.click(f"[data-tab={tab}]")
        assert page.run(CUT_OFF) == []


def test_the_master_panel(edit: Any) -> None:
    """Level, room and colour by mouse and keys; undo brings all of it back, and the controls show that."""
    editor = edit()
    page = editor.page
    page.click("[data-tab=master]")

    def given(name: str, words: str) -> None:
        box = page.one(f"[data-panel=master] [data-setting={name}]")
        if box.tag_name == "input":
            box.clear()
        box.send_keys(words, *([Keys.ENTER] if box.tag_name == "input" else []))

    def master() -> dict[str, Any]:
        return dict(page.view()["master"])

    assert not page.one("[data-setting=room_gain]").is_enabled()
    editor.after(lambda: given("loudness", "-30"))
    assert master()["loudness"] == -30
    wait_for(lambda: "-30.0 LUFS" in page.text(".loudness"))
    editor.after(lambda: given("room", "Hall"))
    assert master()["room"] == "hall" and page.view()["channels"] == 2
    assert editor.sound().shape[1] == 2
    editor.after(lambda: page.click("[data-do=level-again]"))
    wait_for(lambda: "-30.0 LUFS" in page.text(".loudness"))
    page.click("[data-tab=layers]")
    editor.after(lambda: page.click("[data-do=colour-layer]"))
    assert page.view()["layers"][0]["colour"] == 1
    assert "--layer-1" in page.run(
        "return document.querySelector('.cue-list').closest('[style*=layer]').getAttribute('style')"
    )
    page.click("[data-tab=master]")
    for _ in range(4):
        editor.after(lambda: editor.press(Keys.CONTROL, "z"))
    assert master() == {"loudness": None, "true_peak": -1.0, "bits": "24", "room": "dry", "room_gain": 0.0}
    wait_for(lambda: page.one("[data-setting=loudness]").get_attribute("value") == "")
    assert page.one("[data-setting=room]").get_attribute("value") == "dry"


def test_versions_say_what_they_changed(edit: Any) -> None:
    editor = edit()
    page = editor.page
    editor.after(lambda: editor.drag(2, 0.1, free=True))
    page.click("[data-tab=versions]")
    listed = wait_for(lambda: [one.text for one in page.all(".version .words")])
    assert len(listed) == 2 and listed[0].startswith("cue 2 moved by +") and listed[1] == "generated: main 4 cues"
