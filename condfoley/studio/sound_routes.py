"""HTTP routes of what the page plays and draws of a project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, Request, Response

from condfoley.studio.listening import Source, cue_alone, samples_between, source_of, wav_bytes
from condfoley.studio.peaks import Peaks, peaks_json, span_in_samples
from condfoley.studio.spectrogram import require_size, spectrogram_png

if TYPE_CHECKING:
    from condfoley.studio.projects import Projects


@dataclass
class Asked:
    """Which sound a request is about: a revision's, or the current one's; with begin and end, s.

    layers: names with commas between them; only those. candidate: that sound. true: the target's own.
    """

    revision: int | None = None
    begin: float | None = None
    end: float | None = None
    layers: str | None = None
    candidate: str | None = None
    true: bool = False


Query = Annotated[Asked, Depends()]


def add_sound_routes(app: FastAPI, projects: Projects) -> None:
    """Adds the routes of sounds, peaks and spectrograms below /api/projects/ID."""

    @contextmanager
    def source(request: Request, key: str, asked: Asked) -> Iterator[tuple[Source, int]]:
        """A sound, and the samples of the target."""
        with projects.opened(request, key) as opened:
            version = opened.version(asked.revision)
            names = [name for name in (asked.layers or "").split(",") if name]
            yield source_of(opened, version, names, asked.candidate, asked.true), version.project.samples

    @app.get("/api/projects/{key}/sound")
    def sound(request: Request, key: str, asked: Query) -> Response:
        with source(request, key, asked) as (found, length):
            samples = samples_between(found, asked.begin, asked.end, length)
        return Response(wav_bytes(samples, found.rate), media_type="audio/wav")

    @app.get("/api/projects/{key}/cues/{cue}/sound")
    def cue_sound(
        request: Request, key: str, cue: int, revision: int | None = None, alternative: int | None = None
    ) -> Response:
        with projects.opened(request, key) as opened:
            version = opened.version(revision)
            samples, onset = cue_alone(opened, version, cue, alternative)
        headers = {"X-Onset": f"{onset:.6f}"}
        return Response(wav_bytes(samples, version.project.rate), media_type="audio/wav", headers=headers)

    @app.get("/api/projects/{key}/peaks")
    def peaks(request: Request, key: str, asked: Query, points: int = 1000) -> dict[str, Any]:
        with source(request, key, asked) as (found, _):
            return shifted_peaks(found.peaks, found.start, asked.begin, asked.end, points)

    @app.get("/api/projects/{key}/spectrogram.png")
    def spectrogram(request: Request, key: str, asked: Query, width: int = 1000, height: int = 200) -> Response:
        with source(request, key, asked) as (found, length):
            require_size(width, height)
            first, last = span_in_samples(asked.begin, asked.end, found.rate, length)
        image = spectrogram_png(found.samples, found.rate, first - found.start, last - found.start, width, height)
        return Response(image, media_type="image/png")


def shifted_peaks(peaks: Peaks, start: int, begin: float | None, end: float | None, points: int) -> dict[str, Any]:
    """`peaks_json` of a sound whose first sample is heard at the target's sample `start`."""
    late = start / peaks.rate
    found = peaks_json(peaks, None if begin is None else begin - late, None if end is None else end - late, points)
    return found | {"begin": found["begin"] + late, "end": found["end"] + late}
