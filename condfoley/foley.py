"""The whole system: load once, generate many. How a soundtrack comes about is in `pipeline.py`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from condfoley.audio.rates import converted
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.inputs import Clip, ClipFile, read_target
from condfoley.media.scenes import scene_cuts
from condfoley.memory import Limits, retain_freed_memory
from condfoley.pipeline import Pipeline, Progress
from condfoley.published.generation import PublishedPipeline
from condfoley.redraw import Redraw, Redrawn, redraw, section
from condfoley.resynthesis.library import Library
from condfoley.resynthesis.soundtrack import read_library, resynthesised
from condfoley.runtime.loaded import Loaded
from condfoley.runtime.threads import single_threaded_blas
from condfoley.scenes import run_scenes
from condfoley.settings import EngineName, Mode, Settings
from condfoley.soundtrack import Soundtrack

PIPELINES: dict[Mode, type[Pipeline]] = {"corrected": Pipeline, "published": PublishedPipeline}


class Foley:
    """Conditional Foley: the target's picture, in the sound of the reference.

    loaded: the weights. limits: how much is computed at a time.
    """

    def __init__(self, loaded: Loaded, limits: Limits | None = None):
        self.loaded, self.limits = loaded, limits or Limits()

    @classmethod
    def load(cls, path: str | Path | None = None, device: str = "cpu", engine: EngineName = "auto") -> Foley:
        """The system of a weights folder; None: the weights in the package.

        engine: what runs the networks: onnx (onnxruntime, on the CPU), torch (PyTorch, on any device), or auto: onnx
        where it can run the weights on the device, else torch. Raises InputError for bad weights, and for an engine that
        cannot run them.
        The process from then on keeps what it frees (`memory.retain_freed_memory`).
        """
        retain_freed_memory()
        return cls(Loaded.load(path, device, engine))

    @property
    def geometry(self) -> Geometry:
        """Rates and lengths of the weights."""
        return self.loaded.geometry

    def pipeline(self, duration: float, candidates: int = 1, mode: Mode = "corrected") -> Pipeline:
        """The steps of one target of `duration` s, each of which can be called by itself."""
        return PIPELINES[mode](self.loaded, duration, candidates, self.limits)

    def generate(
        self,
        reference: str | Path,
        target: str | Path,
        settings: Settings | None = None,
        *,
        hits: Hits | ArrayLike | None = None,
        progress: Progress | None = None,
        **changes: Any,
    ) -> Soundtrack:
        """A soundtrack for a video file, timed to its picture, sounding like the reference file.

        reference: clip with sound, with or without picture. target: clip with picture. All else as for `render`.
        Raises InputError when a file or a setting cannot be used, and TypeError for a setting that is none.
        """
        clips = ClipFile(reference), ClipFile(target)
        return self.render(*clips, settings, hits=hits, progress=progress, **changes)

    def render(
        self,
        reference: Clip,
        target: Clip,
        settings: Settings | None = None,
        *,
        hits: Hits | ArrayLike | None = None,
        progress: Progress | None = None,
        **changes: Any,
    ) -> Soundtrack:
        """The same for clips that are in memory (`inputs.Footage`).

        settings: see `Settings`, which says what each is; changes: some of them by name (`candidates=32`). hits: cues,
        times of the target's impacts, (K,) s or with strengths (`read_hits`), in place of what its picture shows; other
        impacts are taken out. progress: called with what is being done and the share that is done.
        Raises InputError when a clip or a setting cannot be used, and TypeError for a setting that is none.
        """
        wanted = dataclasses.replace(settings or Settings(), **changes)
        given = hits if hits is None or isinstance(hits, Hits) else Hits.of(hits)
        duration, frames = read_target(target, self.geometry)
        if given is not None:
            wanted.require_hits_count()
            given.require_within(duration)
        pipeline = self.pipeline(duration, wanted.candidates, wanted.mode)
        report = progress or (lambda stage, share: None)
        cuts = scene_cuts(frames, self.geometry.fps) if wanted.scene_cuts and wanted.mode != "published" else []
        with single_threaded_blas():
            if cuts:
                made = run_scenes(pipeline, cuts, target, frames, reference, wanted, given, report)
            else:
                made = pipeline.run(target, frames, reference, wanted, given, report)
            if wanted.render == "recorded":
                made = resynthesised(made, self.library(reference, wanted))
        track = converted(made.track, wanted.rate or made.track.rate, wanted.channels or made.track.channels)
        return dataclasses.replace(made, track=track)

    def library(self, reference: Clip, settings: Settings) -> Library:
        """What a reference has to make soundtracks of, at the rate and with the channels that `settings` ask for.

        Raises InputError when it cannot be read or has no sound.
        """
        frames, sliding = reference.frames(self.geometry), None
        if frames is not None:
            pipeline = self.pipeline(reference.duration)
            sliding = pipeline.encode_picture(frames, reference).events.sliding
        return read_library(reference, settings, sliding, self.loaded.scorer.geometry.fps)

    def impacts(self, target: Clip) -> Hits:
        """The impacts that a target's picture shows. Raises InputError when it cannot be read or has no picture."""
        duration, frames = read_target(target, self.geometry)
        pipeline = self.pipeline(duration)
        with single_threaded_blas():
            return pipeline.find_cues(pipeline.encode_picture(frames, target).events, None)

    def redraw(
        self,
        reference: Clip,
        target: Clip,
        wanted: Redraw,
        settings: Settings | None = None,
        *,
        progress: Progress | None = None,
        **changes: Any,
    ) -> Redrawn:
        """A span of a target drawn anew, continuing what is heard before it; only its surroundings are computed.

        wanted: see `Redraw`. All else as for `render`. Raises InputError when a clip or a setting cannot be used, or when
        the span is empty or not within the target.
        """
        asked = dataclasses.replace(settings or Settings(), **changes)
        if asked.mode == "published":
            raise InputError("--mode published generates a soundtrack as a whole; generate it again with another seed")
        begin, end = wanted.span
        if not 0 <= begin < end <= target.duration + 1e-6:
            raise InputError(
                f"the span {begin:g}:{end:g} is not one within the target ({target.duration:.2f} s); "
                "give its beginning and its end in seconds, such as 3.2:5"
            )
        place = section(wanted.span, wanted.scene or (0.0, target.duration), self.geometry)
        samples = (place.last - place.first) * self.geometry.column_samples
        pipeline = self.pipeline((samples - 0.25) / self.geometry.sample_rate, asked.candidates)  # not a column more
        with single_threaded_blas():
            return redraw(pipeline, place, reference, target, wanted, asked, progress or (lambda stage, share: None))
