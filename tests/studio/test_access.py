"""People who see little, or nothing, or use no mouse: axe-core finds no serious fault on any screen, light or dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import condfoley.studio
from tests.studio.pages import Page, Server, wait_for

pytestmark = pytest.mark.heavy
AXE = Path(condfoley.studio.__file__).parent / "web/node_modules/axe-core/axe.min.js"
RUN = """
const done = arguments[0];
axe.run().then((found) => done(found.violations.map(({ id, impact, nodes }) =>
  [impact, id, ...nodes.map((node) => node.html.slice(0, 200))])), (error) => done([["critical", String(error)]]));
"""
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module", autouse=True)
def axe() -> None:
    if not AXE.is_file():
        pytest.skip("axe-core was not fetched: make studio-web")


def faults(page: Page) -> list[Any]:
    """What axe-core finds on the page as it is now. Colours that are still changing are waited for."""
    page.run("for (const one of document.getAnimations()) one.finish()")
    page.run(AXE.read_text(encoding="utf-8"))
    return [found for found in page.driver.execute_async_script(RUN) if found[0] in GRAVE]


def show(page: Page, theme: str) -> None:
    """The colours that the system asks for."""
    features = [{"name": "prefers-color-scheme", "value": theme}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def in_both_themes(page: Page, where: str) -> None:
    for theme in ("light", "dark"):
        show(page, theme)
        assert faults(page) == [], f"{where}, {theme}"


def test_the_page_has_no_serious_fault(serve: Callable[..., Server], browse: Callable[..., Page]) -> None:
    page = browse(serve().address)
    page.one("[data-zone=target]")
    in_both_themes(page, "start screen")
    page.click("[data-do=library]")
    page.one("dialog .entry")
    in_both_themes(page, "library")
    page.click("[data-do=close-dialog]")
    page.click("[data-do=example]")
    wait_for(lambda: "events found" in page.text("[data-role=reference] .hint[role=status]"))
    page.click("summary")
    in_both_themes(page, "reference and target")
    view = page.generate()
    page.click(f"[data-cue='{view['cues'][0]['id']}']")
    in_both_themes(page, "a selected cue")
    for tab in ("layers", "takes", "versions", "files"):
        page.click(f"[data-tab={tab}]")
        in_both_themes(page, tab)
    page.click("[data-do=help]")
    in_both_themes(page, "help")
    page.click("[data-do=close-dialog]")
    page.click("[data-tab=layers]")
    page.click("[data-do=add-layer]")
    page.click("dialog input[value=tapped]")
    in_both_themes(page, "a new layer")
    page.click("[data-do=close-dialog]")
    page.driver.refresh()  # the lease of the former tab has not ended yet, or was given back: either way it is shown
    page.one(".cue")
    in_both_themes(page, "editor without a selection")
