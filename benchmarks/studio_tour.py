"""`python -m benchmarks.studio_tour`: the studio's page in twenty seconds, as an animation of real screenshots.

It starts `condfoley studio`, goes through the example pair with a real Chromium, from the drop to the download, and writes
docs/images/studio.webp. Needs what the tests of the page need: chromium with its driver, and `make studio-web`.
"""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from condfoley.media.write import new_media_file
from tests.studio.pages import Page, Server, wait_for

OUT = Path("docs/images/studio.webp")
WIDTH, HEIGHT, SHOWN = 1280, 720, (960, 540)  # of the window, and of the animation, in pixels
QUALITY = 80
LIMIT = 1.5e6  # bytes
POINTER = ((0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12))


class Tour:
    """Screenshots of a page with a pointer, and how long each is shown (s)."""

    def __init__(self, page: Page) -> None:
        self.page, self.frames, self.seconds = page, list[Image.Image](), list[float]()
        self.pointer = (640.0, 600.0)
        self.caption = ""

    def show(self, seconds: float, caption: str | None = None) -> None:
        """The page as it is now."""
        self.caption = self.caption if caption is None else caption
        image = Image.open(io.BytesIO(self.page.driver.get_screenshot_as_png())).convert("RGB")
        draw = ImageDraw.Draw(image, "RGBA")
        if self.caption:
            font = ImageFont.truetype(_font(), 21)
            left, top, right, bottom = draw.textbbox((0, 0), self.caption, font=font)
            x, y = (WIDTH - right + left) / 2, HEIGHT - 58
            draw.rounded_rectangle((x - 20, y - 9, x + right - left + 20, y + bottom + 9), 18, (20, 24, 28, 225))
            draw.text((x, y), self.caption, (255, 255, 255), font=font)
        x, y = self.pointer
        draw.polygon([(x + a * 1.3, y + b * 1.3) for a, b in POINTER], (0, 0, 0), (255, 255, 255))
        self.frames.append(image.resize(SHOWN, Image.Resampling.LANCZOS))
        self.seconds.append(seconds)

    def watch(self, seconds: float, every: float) -> None:
        """The page while something happens."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            self.show(every)
            time.sleep(max(0.0, every - (time.monotonic() - began)))

    def point(self, css: str, steps: int = 4) -> Any:
        """Move the pointer to the middle of an element."""
        element = self.page.one(css)
        box = element.rect
        to = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        first = self.pointer
        for step in range(1, steps + 1):
            share = step / steps
            self.pointer = (first[0] + share * (to[0] - first[0]), first[1] + share * (to[1] - first[1]))
            self.show(0.06)
        return element

    def click(self, css: str, seconds: float = 0.25) -> None:
        """Move there, click, and show what comes of it."""
        self.point(css)
        self.page.click(css)
        time.sleep(0.15)
        self.show(seconds)

    def drag(self, css: str, across: int, steps: int = 8) -> None:
        """Drag an element to the right, by pixels."""
        from selenium.webdriver import ActionChains

        head = self.point(css)
        ActionChains(self.page.driver, duration=20).click_and_hold(head).perform()
        for _ in range(steps):
            ActionChains(self.page.driver, duration=20).move_by_offset(across // steps, 0).perform()
            self.pointer = (self.pointer[0] + across // steps, self.pointer[1])
            self.show(0.1)
        ActionChains(self.page.driver).release().perform()

    def save(self, path: Path) -> None:
        """Write the animation. Raises ValueError when it is too large."""
        durations = [round(1000 * seconds) for seconds in self.seconds]
        with new_media_file(path) as part:
            first, *others = self.frames
            options = {"duration": durations, "loop": 0, "quality": QUALITY, "method": 6, "minimize_size": True}
            first.save(part, "WEBP", save_all=True, append_images=others, **options)
            if part.stat().st_size > LIMIT:
                raise ValueError(f"{part.stat().st_size / 1e6:.1f} MB; lower QUALITY")


def _font() -> str:
    import matplotlib

    return f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf"


def choose(tour: Tour) -> None:
    """Reference, target, and the generation."""
    page = tour.page
    wait_for(lambda: page.all("[data-do=example]:not([hidden])"))
    tour.show(1.6, "Drop a sound that you like, and a silent video")
    tour.click("[data-do=example]", 0.4)
    wait_for(lambda: "events found" in page.text("[data-role=reference] .hint[role=status]"))
    wait_for(lambda: "seen in its picture" in page.text("[data-role=target] .hint[role=status]"))
    time.sleep(0.5)
    tour.show(1.8, "Events are found in the sound, impacts in the picture")
    tour.click("[data-do=generate]", 0.3)
    for _ in range(5):
        tour.show(0.3, "Generated on this machine, without a GPU")
        time.sleep(1.2)
    page.one(".cue")
    time.sleep(2.5)


def edit(tour: Tour) -> None:
    """One cue moved, others heard, a layer added, taken home."""
    page = tour.page
    order = sorted(page.view()["cues"], key=lambda cue: cue["time"])
    tour.show(1.4, "Each impact is a cue that can be seen, heard and fixed")
    page.key(" ")
    tour.watch(1.8, 0.15)
    page.key("k")
    tour.caption = "Drag it: only what lies between its neighbours changes"
    tour.drag(f"[data-cue='{order[3]['id']}'] .cue-head", 48)
    wait_for(lambda: page.view()["revision"] == 2)
    time.sleep(0.8)
    tour.show(1.0)
    tour.caption = "Other sounds for it, side by side"
    tour.click("[data-do=variations]", 0.3)
    page.one("[data-do=use-alternative]")
    time.sleep(0.8)
    tour.show(1.0)
    tour.click("[data-do=use-alternative][data-of='2']", 0.6)
    time.sleep(0.8)
    tour.show(0.8)
    tour.caption = "Layers of other recordings, with their own gain"
    tour.click("[data-tab=layers]", 0.3)
    tour.click("[data-do=add-ambience]", 0.7)
    tour.click("[data-do=make-ambience]", 0.3)
    page.one("[data-layer=ambience]")
    time.sleep(1.0)
    tour.show(1.2)
    tour.click("[data-tab=takes]", 1.4)
    tour.caption = "Video, stems, timeline, REAPER project"
    tour.click("[data-tab=files]", 2.2)


def main() -> None:
    """Make the animation."""
    with tempfile.TemporaryDirectory() as home:
        server = Server(Path(home))
        server.start()
        page = Page(Path(home), WIDTH, HEIGHT)
        try:
            page.open(server.address)
            tour = Tour(page)
            choose(tour)
            edit(tour)
            tour.save(OUT)
            print(f"{OUT}: {len(tour.frames)} frames, {sum(tour.seconds):.1f} s, {OUT.stat().st_size / 1e6:.2f} MB")
        finally:
            page.close()
            server.kill()


if __name__ == "__main__":
    main()
