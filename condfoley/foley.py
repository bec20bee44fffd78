"""The whole system: load once, generate many. How a soundtrack comes about is in `pipeline.py`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from condfoley.audio.rates import converted
from condfoley.audio.track import Track
from condfoley.drafting.choice import DRAFTERS
from condfoley.drafting.drafter import Start
from condfoley.errors import InputError, require_share
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.inputs import Clip, ClipFile, highpass, read_target, require_as_long
from condfoley.media.scenes import scene_cuts
from condfoley.memory import Limits, retain_freed_memory
from condfoley.pipeline import Pipeline, Progress
from condfoley.published.generation import PublishedPipeline
from condfoley.redraw import Redraw, Redrawn, redraw, section
from condfoley.references.window import ReferenceFile, as_references, is_long, listened, told
from condfoley.resynthesis.library import Library
from condfoley.resynthesis.soundtrack import read_library, resynthesised, wanted_powers
from condfoley.runtime.contacts import contact_places
from condfoley.runtime.loaded import Loaded
from condfoley.runtime.threads import single_threaded_blas
from condfoley.scenes import run_scenes
from condfoley.settings import EngineName, GeneratorName, Mode, Settings
from condfoley.soundtrack import Soundtrack

HALFWAY = 0.5  # strength where none is given
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

    def pipeline(
        self,
        duration: float,
        candidates: int = 1,
        mode: Mode = "corrected",
        generator: GeneratorName = "auto",
        start: Start | None = None,
    ) -> Pipeline:
        """The steps of one target of `duration` s, each of which can be called by itself."""
        kind = PIPELINES[mode]
        if mode == "published" and self.loaded.diffusion is not None:
            from condfoley.published.diffusion.generation import PublishedDiffusionPipeline as kind
        return kind(self.loaded, duration, candidates, self.limits, generator, start)

    def generate(
        self,
        reference: str | Path | Sequence[str | Path],
        target: str | Path,
        settings: Settings | None = None,
        *,
        hits: Hits | ArrayLike | None = None,
        progress: Progress | None = None,
        start_from: str | Path | None = None,
        strength: float = HALFWAY,
        **changes: Any,
    ) -> Soundtrack:
        """A soundtrack for a video file, timed to its picture, sounding like the reference file.

        reference: clip with sound, with or without picture, or several of one material. target: clip with picture.
        start_from: sound file. All else as for `render`.
        Raises InputError when a file or a setting cannot be used, and TypeError for a setting that is none.
        """
        paths = [reference] if isinstance(reference, str | Path) else reference
        references = [ReferenceFile(path) for path in paths]
        begun = None if start_from is None else ClipFile(start_from)
        given: dict[str, Any] = {"hits": hits, "progress": progress, "start_from": begun, "strength": strength}
        return self.render(references, ClipFile(target), settings, **given, **changes)

    def render(
        self,
        reference: Clip | Sequence[Clip],
        target: Clip,
        settings: Settings | None = None,
        *,
        hits: Hits | ArrayLike | None = None,
        progress: Progress | None = None,
        start_from: Clip | None = None,
        strength: float = HALFWAY,
        **changes: Any,
    ) -> Soundtrack:
        """The same for clips that are in memory (`inputs.Footage`).

        reference: one, or several files of one material (`references.window.ReferenceFile`), of which the model listens to
        the clearest window, and all of which are used unless `render` is vocoder. settings: see `Settings`, which says what
        each is; changes: some of them by name (`candidates=32`). hits: cues, times of the target's impacts, (K,) s or with
        strengths (`read_hits`), in place of what its picture shows; other impacts are taken out. progress: called with what
        is being done and the share that is done. start_from: a sound as long as the target that candidates start from
        (weights with flow only). strength: how far it is changed, from 0, as it is, to 1, not heard any more.
        Raises InputError when a clip or a setting cannot be used, and TypeError for a setting that is none.
        """
        wanted = _decided(settings, changes)
        given = hits if hits is None or isinstance(hits, Hits) else Hits.of(hits)
        if wanted.caption is not None and self.loaded.diffusion is None:
            raise InputError("--caption is for imported weights of AudioLDM; leave it out")
        duration, frames = read_target(target, self.geometry)
        if given is not None:
            wanted.require_hits_count()
            given.require_within(duration)
        start = None if start_from is None else self._start(start_from, strength, wanted, duration)
        pipeline = self.pipeline(duration, wanted.candidates, wanted.mode, wanted.generator, start)
        report = progress or (lambda stage, share: None)
        references = as_references(reference)
        heard = listened(references, wanted.reference_start, self.geometry)
        asked = dataclasses.replace(wanted, reference_start=heard.start)
        cuts = scene_cuts(frames, self.geometry.fps) if wanted.scene_cuts and wanted.mode != "published" else []
        with single_threaded_blas():
            if cuts:
                made = run_scenes(pipeline, cuts, target, frames, heard.clip, asked, given, report)
            else:
                made = pipeline.run(target, frames, heard.clip, asked, given, report)
            made = told(made, heard, references, wanted)
            if wanted.render == "recorded":
                powers = wanted_powers(made.track, made.track.onsets)
                made = resynthesised(made, self.library(references, wanted, powers))
        track = converted(made.track, wanted.rate or made.track.rate, wanted.channels or made.track.channels)
        return dataclasses.replace(made, track=track)

    def _start(self, sound: Clip, strength: float, settings: Settings, duration: float) -> Start:
        """What candidates of a target of `duration` s start from. Raises InputError for what cannot be used."""
        require_share("strength", strength)
        self.require_flow("--start-from", settings)
        wav = sound.sound(self.geometry.sample_rate)
        if wav is None:
            raise InputError(f"{sound.name} has no sound; give one to start from")
        require_as_long(sound.name, len(wav) / self.geometry.sample_rate, duration)
        return Start(Track(highpass(wav, self.geometry.sample_rate), self.geometry.sample_rate), strength)

    def require_flow(self, option: str, settings: Settings) -> None:
        """Raises InputError where an option is asked for that only the generator flow has, and another is used."""
        if settings.mode == "published" or self.loaded.generator(settings.generator) != "flow":
            raise InputError(f"{option} needs the generator flow; give --generator flow, and weights that have it")

    def library(
        self,
        reference: Clip | Sequence[Clip],
        settings: Settings,
        wanted: Sequence[np.ndarray] = (),
        moments: Sequence[tuple[int, float]] = (),
    ) -> Library:
        """What one or several references have to make soundtracks of, at the rate and with the channels that `settings` ask for.

        wanted: band powers of the soundtrack's events (`wanted_powers`), for which long references are searched. moments: see
        `read_library`. Raises InputError when one cannot be read or has no sound.
        """
        references, sliding = as_references(reference), None
        if len(references) == 1 and not is_long(references):
            frames = references[0].frames(self.geometry)
            if frames is not None:
                pipeline = self.pipeline(references[0].duration)
                sliding = pipeline.encode_picture(frames, references[0]).events.sliding
        return read_library(references, settings, wanted, moments, sliding, self.loaded.scorer.geometry.fps)

    def impacts(self, target: Clip) -> Hits:
        """The impacts that a target's picture shows. Raises InputError when it cannot be read or has no picture."""
        duration, frames = read_target(target, self.geometry)
        pipeline = self.pipeline(duration)
        with single_threaded_blas():
            events = pipeline.encode_picture(frames, target).events
            return pipeline.find_cues(events, None, target.late(self.loaded.scorer.geometry))

    def contacts(self, frames: np.ndarray, times: Sequence[float]) -> np.ndarray:
        """Where in a target's picture impacts at some times, (K,) s, are: (K, 2), x and y in [0, 1], (0, 0) top left.

        frames: (T, S, S, 3) uint8 (`inputs.read_target`). Raises InputError for weights that cannot tell.
        """
        self.require_contacts()
        with single_threaded_blas():
            return contact_places(self.loaded.engine, frames, times, self.geometry.fps)

    def require_contacts(self) -> None:
        """Raises InputError for weights that cannot tell where an impact is."""
        if not self.loaded.engine.contact_frames:
            raise InputError(
                "--pan picture: these weights cannot tell where impacts are; train stage contact, or leave it out"
            )

    def hears_both_sides(self, settings: Settings) -> bool:
        """Whether what is drawn anew knows what is heard behind it, too. Raises InputError for weights without that generator."""
        self._require_redrawing()
        return DRAFTERS[self.loaded.generator(settings.generator)].both_sides

    def _require_redrawing(self) -> None:
        """Raises InputError for weights that only write whole soundtracks."""
        if self.loaded.diffusion is not None:
            raise InputError(
                f"weights of {self.loaded.card['system']} write a soundtrack as a whole; generate it again with another seed"
            )

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
        asked = _decided(settings, changes)
        self._require_redrawing()
        if asked.mode == "published":
            raise InputError("--mode published generates a soundtrack as a whole; generate it again with another seed")
        begin, end = wanted.span
        if not 0 <= begin < end <= target.duration + 1e-6:
            raise InputError(
                f"the span {begin:g}:{end:g} is not one within the target ({target.duration:.2f} s); "
                "give its beginning and its end in seconds, such as 3.2:5"
            )
        if wanted.strength is not None:
            require_share("strength", wanted.strength)
            self.require_flow("--strength", asked)
        both_sides = self.hears_both_sides(asked)
        place = section(wanted.span, wanted.scene or (0.0, target.duration), self.geometry, both_sides)
        samples = (place.last - place.first) * self.geometry.column_samples
        seconds = (samples - 0.25) / self.geometry.sample_rate  # not a column more
        pipeline = self.pipeline(seconds, asked.candidates, generator=asked.generator)
        heard = listened(as_references(reference), asked.reference_start, self.geometry)
        asked = dataclasses.replace(asked, reference_start=heard.start)
        with single_threaded_blas():
            made = redraw(pipeline, place, heard.clip, target, wanted, asked, progress or (lambda stage, share: None))
        return dataclasses.replace(made, reference_start=made.reference_start + heard.offset)


def _decided(settings: Settings | None, changes: dict[str, Any]) -> Settings:
    """Settings with some of them changed by name, that say what makes the sound."""
    wanted = dataclasses.replace(settings or Settings(), **changes)
    return dataclasses.replace(wanted, render=wanted.renderer)
