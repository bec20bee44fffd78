"""What is found in a clip: onsets of its sound, impacts of its picture and how probable one is at each moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condfoley import media
from condfoley.files import plain, write_json
from condfoley.studio.background import Background
from condfoley.studio.clips import Clip
from condfoley.studio.wording import for_page

if TYPE_CHECKING:
    from condfoley.foley import Foley

FOUND = "events.json"
DIGITS = 4


def events_json(clip: Clip, background: Background, model: Callable[[], Foley]) -> dict[str, Any]:
    """What is found, as the page gets it; the first request begins to look. model: loads it, or has it."""
    path = clip.folder / FOUND
    try:
        return {"state": "done", "error": "", **json.loads(path.read_text(encoding="utf-8"))}
    except (OSError, ValueError):
        pass
    state, error = background.ask(clip.folder.parent, ("events", clip.folder), lambda: find_events(clip, model))
    shown = {"state": "running" if state == "done" else state, "error": for_page(error, (clip.path.parent,))}
    return shown | dict.fromkeys(("onsets", "impacts", "curve"))


def find_events(clip: Clip, model: Callable[[], Foley]) -> Path:
    """Writes what is found in a clip into its folder. Raises InputError when it cannot be read."""
    found: dict[str, Any] = {"onsets": None, "impacts": None, "curve": None}
    if clip.sound:
        found["onsets"] = _onsets(clip)
    if clip.picture:
        found["impacts"], found["curve"] = _impacts(clip, model())
    path = clip.folder / FOUND
    write_json(path, plain(found))
    return path


def _onsets(clip: Clip) -> list[dict[str, float]]:
    from condfoley.audio.onsets import detect_onsets
    from condfoley.geometry import Geometry

    rate = Geometry().sample_rate
    times, rises = detect_onsets(media.read_audio(clip.path, rate), rate)
    return [
        {"time": round(time, DIGITS), "strength": round(rise, 1)} for time, rise in zip(times.tolist(), rises.tolist())
    ]


def _impacts(clip: Clip, foley: Foley) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """The impacts that a soundtrack would follow, and the probability of one in each frame."""
    from condfoley.inputs import ClipFile
    from condfoley.layers import watch_scenes
    from condfoley.project.create import confidence
    from condfoley.settings import Settings

    fps = foley.loaded.scorer.geometry.fps
    impacts, curve = [], list[float]()
    for start, events, cues in watch_scenes(foley, ClipFile(clip.path), Settings()):
        curve += events.onset.astype(float).round(3).tolist()
        for time, strength in zip(cues.times.tolist(), cues.strengths.tolist(), strict=True):
            seen = confidence(events.onset, time, fps) or 0.0
            found = {"time": start + time, "confidence": seen, "strength": strength}
            impacts.append({name: round(value, DIGITS) for name, value in found.items()})
    return impacts, {"fps": fps, "probability": curve}
