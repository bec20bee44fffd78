"""What is chosen on the start screen: several references, level, room and panning, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from condfoley import examples
from condfoley.audio.loudness import integrated_loudness
from condfoley.audio.true_peak import true_peak_db
from condfoley.media import probe, read_sound, write_wav
from condfoley.project.store import read_project
from condfoley.studio.record import read_record
from tests.made_up import RATE, pulses
from tests.studio.pages import PATIENCE, Page, Server, wait_for

pytestmark = pytest.mark.heavy


def test_references_level_room_and_panning(serve: Callable[..., Server], browse: Callable[..., Page], tmp_path) -> None:
    from selenium.webdriver import Keys

    server = serve()
    page = browse(server.address)
    other = write_wav(tmp_path / "another.wav", 0.3 * pulses([0.4, 1.2, 2.1], 3.0, 700), RATE)
    page.drop("reference", examples.REFERENCE)
    page.drop("target", examples.TARGET)
    assert page.one("[data-value=reference-start]")
    hint = "[data-role=reference] .hint[role=status]"
    wait_for(lambda: "a window that you drag" in page.text(hint))
    page.click("[data-do=add-reference]")
    page.upload("reference", other)
    wait_for(lambda: page.text("[data-more=references] .entry-name") == other.name)
    wait_for(lambda: not page.one("[data-role=reference]").find_elements(page.css, "[data-do=best-part]:not([hidden])"))
    page.click("[data-do=add-reference]")
    page.upload("reference", other)
    # an upload makes a clip of its own, even of the same file
    wait_for(lambda: len(page.all("[data-more=references] .entry")) == 2)
    page.click("[data-more=references] .entry:last-child button")
    wait_for(lambda: len(page.all("[data-more=references] .entry")) == 1)

    assert "events found" in page.text(hint) and "a window that you drag" not in page.text(hint)
    box = page.one("[data-setting=candidates]")
    box.clear()
    box.send_keys("1")
    page.tab_to("[data-options=delivery] summary")
    page.key(Keys.ENTER)
    assert (
        not page.one("[data-setting=room_gain]").is_enabled() and not page.one("[data-setting=pan_width]").is_enabled()
    )
    for name, words in (
        ("loudness", "-24"),
        ("true_peak", "-2"),
        ("bits", "1"),
        ("room", "H"),
        ("room_gain", "-6"),
        ("pan", "W"),
    ):
        page.tab_to(f"[data-setting={name}]")
        if name in ("true_peak", "room_gain"):
            page.key(Keys.CONTROL, "a")
        page.key(words)
    page.tab_to("[data-setting=pan_width]")
    page.driver.refresh()  # what was chosen is kept
    wait_for(lambda: page.text("[data-more=references] .entry-name") == other.name)
    page.click("[data-options=delivery] summary")
    assert page.one("[data-setting=room_gain]").get_attribute("value") == "-6"
    page.click("[data-do=generate]")
    wait_for(lambda: page.all(".cue"), 5 * PATIENCE)

    folder = next(server.home.glob(f"**/projects/{page.project()}"))
    project, record = read_project(folder), read_record(folder)
    master = project.master
    assert (master.loudness, master.true_peak, master.bits) == (-24, -2, "16")
    assert (master.room, master.room_gain) == ("hall", -6)
    assert len(project.layer("main").references) == 2 and len(record.inputs) == 2
    assert set(record.clips) == {clip["id"] for clip in page.fetch("/api/clips") if clip["id"] in record.clips}
    assert {cue["reference"] for cue in page.view()["cues"]} <= set(record.inputs.values())
    assert any(cue.pan for cue in project.cues)
    sound, rate = read_sound(folder / "soundtrack.wav")
    assert (rate, len(sound)) == (probe(examples.REFERENCE).sample_rate, 2)
    assert integrated_loudness(sound, rate) == pytest.approx(-24, abs=0.2)
    assert true_peak_db(sound) < -1.9
    assert page.errors() == []
