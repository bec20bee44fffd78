"""What `condfoley batch` makes: one job a pair, from a list or a folder, and whether an earlier run has made it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from condfoley.cli.options import BatchOptions, GenerateOptions, SoundOptions
from condfoley.errors import InputError
from condfoley.media.formats import VIDEO_SUFFIXES
from condfoley.pair_list import read_pairs
from condfoley.results.folder import CANDIDATES, HITS, OVERVIEW, PROVENANCE, SCORES, SOUNDTRACK, VIDEO_STEM
from condfoley.weights import sha256

FAILED = "failed.csv"
INPUTS = {"reference": "another reference", "target": "another target", "hits": "another hits file"}
# Options that change nothing in the results; the inputs are compared by what they hold, not by how they are called.
NOT_SOUND = {"out", "json", "quiet", "force", "weights", "engine", *INPUTS}
# Taken as targets unseen, so that a damaged one is listed as failed; any other file is one if it has a picture.
TARGETS = VIDEO_SUFFIXES | {
    *(".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".vob", ".wmv", ".asf", ".flv", ".3gp", ".3g2", ".ogv", ".mxf", ".gif")
}


class _Pair(NamedTuple):
    name: str
    reference: Path
    target: Path
    hits: str | None = None


def plan(options: BatchOptions) -> list[GenerateOptions]:
    """One job a pair, each with its own result folder.

    Raises InputError for a list of pairs or a folder that cannot be read, and a pair that cannot have its own folder.
    """
    pairs = _listed(Path(options.pairs)) if options.pairs else _found(options)
    counts = Counter(pair.name for pair in pairs)
    for name, count in counts.items():
        if count > 1:
            remedy = (
                "give each its own name (column `name` of the CSV)"
                if options.pairs
                else "rename one of the two targets"
            )
            raise InputError(f"two pairs would write to {name}; {remedy}")
        if name == FAILED:
            raise InputError(f"a pair is called {FAILED}, as the list of failures is; give it another name")
    sound = {f.name: getattr(options, f.name) for f in fields(SoundOptions)}
    return [
        GenerateOptions(
            **sound,
            reference=str(pair.reference),
            target=str(pair.target),
            out=str(Path(options.out) / pair.name),
            hits=pair.hits,
        )
        for pair in pairs
    ]


def _listed(path: Path) -> list[_Pair]:
    """The pairs of a CSV file."""
    pairs = []
    for line in read_pairs(path):
        name = line.name or line.target.stem
        if name != Path(name).name or name.startswith("."):
            raise InputError(f"{line.where}: {name} cannot name a folder; leave out slashes and leading dots")
        hits = line.row.get("hits")
        pairs.append(_Pair(name, line.reference, line.target, str(path.parent / hits) if hits else None))
    return pairs


def _found(options: BatchOptions) -> list[_Pair]:
    """One pair a target in a folder, named after it, with its suffix where two differ only by that."""
    folder = Path(str(options.targets))
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give --targets a folder of videos")
    try:
        targets = sorted(path for path in folder.iterdir() if _is_target(path))
    except OSError as error:
        raise InputError(f"--targets {folder} cannot be read ({error.strerror}); change its permissions") from None
    if not targets:
        raise InputError(f"{folder} holds no videos; give --targets a folder of videos")
    stems = Counter(path.stem for path in targets)
    names = [p.stem if stems[p.stem] == 1 else f"{p.stem}_{p.suffix[1:]}" for p in targets]
    return [_Pair(name, Path(str(options.reference)), path) for name, path in zip(names, targets, strict=True)]


def _is_target(path: Path) -> bool:
    if path.name.startswith(".") or not path.is_file():
        return False
    if path.suffix.lower() in TARGETS:
        return True
    from condfoley.media import probe

    try:
        return probe(path).has_video
    except InputError:
        return False


def left_to_do(jobs: list[GenerateOptions], parts: dict[str, str]) -> list[GenerateOptions]:
    """The jobs whose folders do not hold complete results of the same options, inputs and weights.

    Those whose results have lost a file may replace what is left. parts: SHA-256 of each part of the weights.
    """
    todo = []
    for job in jobs:
        earlier = _record(job)
        same = not job.force and _as_asked(job, earlier, parts)
        if not same:
            todo.append(job)
        elif _missing(Path(job.out), earlier):
            todo.append(replace(job, force=True))
    return todo


def changed_input(job: GenerateOptions) -> str:
    """What the results in the job's folder were made from in place of the job's own inputs; "" where they were not."""
    try:
        return _other_input(job, _record(job))
    except OSError:  # whoever reads that input says what is wrong with it
        return ""


def _other_input(job: GenerateOptions, earlier: dict[str, Any]) -> str:
    """See `changed_input`. Raises OSError for an input that cannot be read."""
    made_from = earlier.get("inputs")
    if not isinstance(made_from, dict):
        return ""
    now = {name: sha256(Path(path)) for name in INPUTS if (path := getattr(job, name))}
    return next((what for name, what in INPUTS.items() if _hash(made_from.get(name)) != now.get(name)), "")


def _record(job: GenerateOptions) -> dict[str, Any]:
    """What provenance.json in the job's folder says, nothing where there is none that can be read."""
    try:
        earlier = json.loads((Path(job.out) / PROVENANCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return earlier if isinstance(earlier, dict) else {}


def _as_asked(job: GenerateOptions, earlier: dict[str, Any], parts: dict[str, str]) -> bool:
    try:
        same = [earlier["options"].get(key) == value for key, value in asdict(job).items() if key not in NOT_SOUND]
        return all(same) and not _other_input(job, earlier) and earlier["weights"]["parts"] == parts
    except (OSError, KeyError, TypeError, AttributeError):  # an input is gone, or this is no record of ours
        return False


def _missing(out: Path, earlier: dict[str, Any]) -> bool:
    """Whether a file that a run leaves is not there."""
    names = [SOUNDTRACK, HITS, OVERVIEW, f"{CANDIDATES}/{SCORES}"]
    names += [f"{CANDIDATES}/{row['file']}" for row in earlier.get("candidates", [])]
    return not all((out / name).is_file() for name in names) or not any(out.glob(f"{VIDEO_STEM}.*"))


def _hash(record: Any) -> str | None:
    return record.get("sha256") if isinstance(record, dict) else None
