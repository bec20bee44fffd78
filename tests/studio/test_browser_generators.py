"""The generator flow on the page: a soundtrack that starts from a sound, and a cue that is drawn anew from what is heard."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from condfoley import examples
from condfoley.media import probe, write_wav
from tests.made_up import RATE, pulses
from tests.studio.pages import PATIENCE, Page, Server, wait_for

pytestmark = pytest.mark.heavy


def test_a_soundtrack_starts_from_a_sound_and_a_cue_from_what_is_heard(
    serve: Callable[..., Server], browse: Callable[..., Page], tmp_path: Path
) -> None:
    server = serve()
    page = browse(server.address)
    duration = probe(examples.TARGET).duration
    temp = write_wav(tmp_path / "temp track.wav", 0.3 * pulses([0.5, 1.5, 3.0], duration, 700), RATE)
    page.click("[data-do=example]")
    page.one("[data-role=target] img")
    page.click("[data-options=start-from] summary")
    page.click("[data-do=start-from]")
    page.upload("start", temp)
    wait_for(lambda: page.text("[data-options=start-from] .entry-name") == temp.name)
    digits = page.one("[data-options=start-from] [data-value=strength]")
    page.run("arguments[0].value = '0.3'; arguments[0].dispatchEvent(new Event('change'))", digits)
    page.driver.refresh()  # what was chosen is kept
    wait_for(lambda: page.text("[data-options=start-from] .entry-name") == temp.name)
    assert page.one("[data-options=start-from] [data-value=strength]").get_attribute("value") == "0.30"
    page.one("[data-setting=candidates]").send_keys("\b1")
    page.click("[data-do=generate]")
    wait_for(lambda: page.all(".cue"), 5 * PATIENCE)

    folder = next(server.home.glob(f"**/projects/{page.project()}"))
    told = json.loads((folder / "provenance.json").read_text())
    wanted = {"generator": "flow", "strength": 0.3, "candidates": 1}
    assert {name: told["settings"][name] for name in wanted} == wanted
    assert told["inputs"]["start_from"]["name"] == temp.name

    before = page.view()
    page.click(".cue")
    page.click("[data-options=drawing] summary")
    strength = "[data-options=drawing] [data-setting=strength]"
    assert not page.one(strength).is_enabled()
    generator = page.one("[data-options=drawing] [data-setting=generator]")
    page.run("arguments[0].value = 'flow'; arguments[0].dispatchEvent(new Event('change'))", generator)
    page.one(strength).send_keys("0.4")
    if picture := os.environ.get("CONDFOLEY_PICTURE"):
        page.driver.save_screenshot(picture)
    page.click("[data-do=redraw]")
    wait_for(lambda: page.view()["revision"] == before["revision"] + 1, 5 * PATIENCE)
    assert page.all(strength)[0].get_attribute("value") == "0.4"  # for the next one, too
    assert page.errors() == []
