"""Bodies of requests for jobs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from condfoley.settings import PAN_WIDTH, GeneratorName

MAX_CUES = 10_000
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Time = Annotated[float, Field(ge=0, lt=1e6, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Body(BaseModel):
    """Unknown keys are refused, so that nothing is silently left out."""

    model_config = ConfigDict(extra="forbid")


class GivenCue(Body):
    """A cue of a new soundtrack; times in s."""

    time: Time
    strength: Annotated[float, Field(ge=0, le=1)] | None = None
    kind: Literal["impact", "slide"] | None = None
    duration: Annotated[float, Field(gt=0, lt=1e6)] | None = None


class NewSoundtrack(Body):
    """A soundtrack of a target, in the sound of a reference, or of several of one material.

    start_from: a clip whose sound is changed by the setting `strength`, in place of a new sound (generator flow).
    """

    kind: Literal["generate"]
    name: Annotated[str, Field(max_length=200)] = ""
    references: Annotated[list[Id], Field(min_length=1, max_length=16)]
    target: Id
    reference_start: Time | None = None
    start_from: Id | None = None
    settings: dict[str, Any] = {}
    cues: Annotated[list[GivenCue], Field(max_length=MAX_CUES)] | None = None


class NewSounds(Body):
    """A span, s, or a cue of a project drawn anew, or alternatives of a cue.

    generator: what draws; auto: what the project was made with. strength: how far what is heard there is changed (generator
    flow); None: a new sound.
    """

    kind: Literal["redo"]
    project: Id
    base: int
    span: tuple[Time, Time] | None = None
    layer: Annotated[str, Field(max_length=100)] | None = None
    cue: int | None = None
    variations: Annotated[int, Field(ge=1, le=16)] | None = None
    generator: GeneratorName = "auto"
    strength: Annotated[float, Field(ge=0, le=1)] | None = None


class NewLayer(Body):
    """A layer with another reference: cues at times, s, or as a recording performs them, or as the picture shows."""

    kind: Literal["layer"]
    project: Id
    base: int
    reference: Id
    layer: Annotated[str, Field(max_length=60)]
    times: Annotated[list[Time], Field(min_length=1, max_length=MAX_CUES)] | None = None
    performance: Id | None = None


class NewBed(Body):
    """A bed beneath the impacts, from a clip; None: from the quiet parts of the project's reference. gain: dB."""

    kind: Literal["ambience"]
    project: Id
    base: int
    reference: Id | None = None
    gain: Annotated[float, Field(ge=-60, le=60)] = 0.0


class NewPans(Body):
    """All cues where the picture shows them, between left and right, or in the middle. width: pan of the picture's edges."""

    kind: Literal["pan"]
    project: Id
    base: int
    pan: Literal["middle", "picture"]
    width: Annotated[float, Field(ge=0, le=1)] = PAN_WIDTH


class Files(Body):
    """Files of a project for download."""

    kind: Literal["files"]
    project: Id
    what: Literal["video", "soundtrack", "stems", "timeline", "reaper", "all"]


NewJob = Annotated[NewSoundtrack | NewSounds | NewLayer | NewBed | NewPans | Files, Field(discriminator="kind")]


class LibraryFile(Body):
    """A file of the library, by the name that it is listed by."""

    name: Annotated[str, Field(max_length=1000)]
