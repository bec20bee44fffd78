"""How fluid the page of `condfoley studio` is: `python -m benchmarks.studio_page [--minutes 10] [--cues 300]`.

Opens a made-up project in Chromium and measures, while it plays, scrolls and zooms: frames a second, and the time that the
page's main thread computes for a frame, of which it has 16.7 ms at 60 a second; then the time from an edit
until the server has it, and until its sound is scheduled. Prints one line each. Needs Chromium with its driver.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.studio import made_project
from tests import made_up
from tests.studio.pages import Page, Server, wait_for

SECONDS = 4  # of each measurement
EDITS = 10
FRAMES = """
const [act, seconds, done] = arguments, step = new Function("studio", "k", act), begin = performance.now(), times = [];
requestAnimationFrame(function turn(now) {
  times.push(now);
  step(globalThis.studio, times.length);
  if (performance.now() - begin < 1000 * seconds) requestAnimationFrame(turn);
  else done(times);
});
"""
EDIT = """
const [cue, done] = arguments, { store, player } = globalThis.studio, begin = performance.now();
const before = new Set(player.sound.voices.values());
const time = Math.round((store.cue(cue).time + 0.02) * 1e6) / 1e6;
store.edit([{ op: "change", cue, values: { time } }]).then(() => {
  const edited = performance.now() - begin;
  const heard = () => [...player.sound.voices.values()].some((voice) => !before.has(voice));
  (function ask() { heard() ? done([edited, performance.now() - begin]) : setTimeout(ask, 1); })();
});
"""
ACTS = {
    "playing, everything in view": "",
    "playing, 20 s in view": "if (k === 1) studio.timeline.show(0, studio.timeline.width / 20)",
    "playing and scrolling by 9 s a second": "studio.timeline.show(k * 0.15)",
    "playing and zooming, up to everything": "studio.timeline.zoom(k % 80 < 40 ? 1.09 : 1 / 1.09, studio.player.time)",
}


def computed(page: Page) -> float:
    """s that the page's main thread has computed."""
    metrics = page.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def frames(page: Page, act: str) -> dict[str, float]:
    """Frames a second, their 95th percentile in ms, and ms of computing for each, while something is done."""
    before = computed(page)
    times = np.array(page.driver.execute_async_script(FRAMES, act, SECONDS))
    gaps = np.diff(times)
    return {
        "fps": 1000 / gaps.mean(),
        "gap_95": float(np.quantile(gaps, 0.95)),
        "computing": 1000 * (computed(page) - before) / len(times),
    }


def edits(page: Page) -> np.ndarray:
    """(EDITS, 2) ms until an edit of what plays was answered, and until its sound is scheduled."""
    page.run("studio.player.seek(30)")
    wait_for(lambda: page.run("return studio.player.sound.voices.size"))
    found: list[Any] = []
    for _ in range(EDITS):
        cue = page.run(
            "const { store, player } = studio; return store.view.cues.find((cue) => cue.time > player.time + 1).id"
        )
        found.append(page.driver.execute_async_script(EDIT, cue))
    return np.array(found)


def measure(duration: float, cues: int) -> list[str]:
    """Lines of results."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        folder = home / "DIR"
        folder.mkdir()
        made_project(folder, duration, cues, 22050, 1, made_up.write_video(home / "target.mp4", duration))
        server = Server(home, str(folder))
        server.start()
        page = Page(home)
        try:
            page.driver.set_script_timeout(120)
            page.open(server.addresses()[0])
            wait_for(lambda: page.run("return globalThis.studio?.player.clock.video !== undefined"))
            page.driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
            page.run("studio.player.play()")
            wait_for(lambda: page.run("return studio.player.sound.voices.size"))
            lines = []
            for what, act in ACTS.items():
                row = frames(page, act)
                lines.append(
                    f"{what}: {row['fps']:.0f} frames a second, 95 % within {row['gap_95']:.0f} ms, "
                    f"{row['computing']:.1f} ms of computing each"
                )
            page.run("studio.timeline.fit()")
            answered, heard = np.median(edits(page), axis=0)
            lines.append(f"an edit: answered after {answered:.0f} ms, its sound scheduled after {heard:.0f} ms")
            return lines
        finally:
            page.close()
            server.kill()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--cues", type=int, default=300)
    options = parser.parse_args()
    print(f"{options.minutes:g} minutes, {options.cues} cues")
    for line in measure(60 * options.minutes, options.cues):
        print(line)


if __name__ == "__main__":
    main()
