"""Reads a study's key.json, and checks that all is there that serving and analysing need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Self

from condfoley.errors import InputError

Index = Annotated[int, Field(ge=0)]
WRONG_KEY = "{} is not the key of a study{}; give the key.json that `condfoley study export` wrote"


class _Part(BaseModel):
    """Further fields are allowed: the key says more than is needed later."""

    model_config = ConfigDict(extra="allow", strict=True)


class _Trial(_Part):
    """A trial as the key knows it: see `assignment.assign`."""

    kind: Literal["trial", "sentinel"]
    form: Annotated[int, Field(ge=0, lt=100_000)]
    target: Index
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    systems: list[Index] | None = None
    wrong: Annotated[int, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.systems if self.kind == "trial" else self.wrong) is None:
            raise ValueError(f"a {self.kind} lacks its {'systems' if self.kind == 'trial' else 'wrong clip'}")
        return self


class _Options(_Part):
    compare: str


class _Key(_Part):
    study: str
    secret: Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$")]
    method: Literal["forced-choice", "rating", "opinion"]
    questions: Annotated[list[str], Field(min_length=1)]
    systems: Annotated[list[str], Field(min_length=1)]
    anchor: Index
    targets: list[str]
    trials: Annotated[dict[str, _Trial], Field(min_length=1)]
    options: _Options

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, trial in self.trials.items():
            if trial.target >= len(self.targets) or any(s >= len(self.systems) for s in trial.systems or ()):
                raise ValueError(f"trial {name} has a target or a system that is not listed")
        if self.anchor >= len(self.systems):
            raise ValueError("the anchor is not listed")
        return self


def read_key(path: Path) -> dict[str, Any]:
    """The content of a study's key.json. Raises InputError when it is missing, damaged or of something else."""
    if not path.exists():
        raise InputError(f"there is no {path}; give the key.json that `condfoley study export` wrote, or its folder")
    try:
        content = path.read_text(encoding="utf-8")
        _Key.model_validate_json(content)
        key: dict[str, Any] = json.loads(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        raise InputError(WRONG_KEY.format(path, f" ({where} {first['msg'].lower()[:120]})")) from None
    except (OSError, ValueError, RecursionError):
        raise InputError(WRONG_KEY.format(path, "")) from None
    return key
