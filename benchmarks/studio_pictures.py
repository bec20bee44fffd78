"""The pictures of docs/studio.md, of the real page: `python -m benchmarks.studio_pictures [--out docs/images]`.

Generates the example pair with the shipped weights, opens it with `condfoley studio` in a browser, and uses it as people do.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

from condfoley import examples
from tests.studio.pages import Page, Server, wait_for

OUT = Path(__file__).parents[1] / "docs" / "images"
COLOURS = 200  # of a picture's palette
SIZE = (1280, 720)
LAYERS = ("--layer", f"steps={examples.REFERENCE}@3.5:")


def shot(page: Page, path: Path) -> None:
    """What the page shows, as a small PNG."""
    from PIL import Image

    settled(page)
    image = Image.open(io.BytesIO(page.driver.get_screenshot_as_png())).convert("RGB")
    image.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


def settled(page: Page) -> None:
    """Waits until nothing is fetched any more."""
    script = """
        const done = arguments[0], count = () => performance.getEntriesByType("resource").length;
        requestIdleCallback(() => setTimeout(() => done(count()), 400))"""
    seen = [-1]
    wait_for(lambda: seen.append(page.driver.execute_async_script(script)) or seen[-1] == seen[-2])


def start_picture(page: Page, out: Path) -> None:
    """The start screen with the example's two clips."""
    page.click("[data-do=example]")
    wait_for(lambda: "events found" in page.text("[data-role=reference] .hint[role=status]"))
    wait_for(lambda: "seen in its picture" in page.text("[data-role=target] .hint[role=status]"))
    shot(page, out / "studio_start.png")


def pictures(page: Page, out: Path) -> None:
    """The editor as it opens; a cue that is being dragged, in the dark and from near."""
    from selenium.webdriver.common.action_chains import ActionChains

    wait_for(lambda: page.run("return globalThis.studio?.store.events?.state") == "done")
    page.run("globalThis.studio.player.seek(arguments[0])", 1.7)
    page.click("#cue-3")
    shot(page, out / "studio_editor.png")
    page.run("localStorage.setItem('theme', 'dark')")
    page.driver.refresh()
    wait_for(lambda: page.run("return globalThis.studio?.store.events?.state") == "done")
    page.run("globalThis.studio.timeline.showSpan([1.9, 4.6])")
    page.one("#cue-5")
    settled(page)
    chain = ActionChains(page.driver).click_and_hold(page.one("#cue-5")).move_by_offset(30, 0).move_by_offset(40, 0)
    chain.perform()
    shot(page, out / "studio_drag.png")
    ActionChains(page.driver).send_keys("\ue00c").release().perform()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args().out
    from condfoley.cli.commands import generate

    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        words = ["--reference", examples.REFERENCE, "--target", examples.TARGET, "--out", home / "bag"]
        generate.run([*map(str, words), *map(str, LAYERS)])
        (home / "downloads").mkdir()
        server = Server(home, str(home / "bag"))
        server.start()
        page = Page(home / "downloads", *SIZE)
        try:
            page.open(server.address)
            start_picture(page, out)
            page.open(server.addresses()[0])
            page.driver.refresh()  # another place on the page alone would not load it
            pictures(page, out)
        finally:
            page.close()
            server.kill()


if __name__ == "__main__":
    main()
