"""The jobs of `condfoley batch`, one for each pair of a list or a folder, and which of them still have to be run."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from condfoley.cli.options import BatchOptions, GenerateOptions, SoundOptions
from condfoley.errors import InputError, flag
from condfoley.files import plain
from condfoley.files.partial import clear, partial_name
from condfoley.media.formats import VIDEO_SUFFIXES
from condfoley.pair_list import read_pairs
from condfoley.project.store import PROJECT
from condfoley.references.files import by_key
from condfoley.results.folder import CANDIDATES, HITS, OVERVIEW, PROVENANCE, SCORES, SOUNDTRACK, TIMELINES, VIDEO_STEM
from condfoley.weights import sha256_of_input

FAILED = "failed.csv"
COLUMNS = ("reference", "target", "name", "hits", "start_from")  # of a list of pairs
INPUTS = {
    "reference": "another reference",
    "target": "another target",
    "hits": "another hits file",
    "start_from": "another sound to start from",
}
# Options without effect on the results; the inputs are compared by their content, not by their paths.
IGNORED_OPTIONS = {
    *("out", "json", "quiet", "force", "weights", "engine", "perform", "perform_align", "overview"), *INPUTS,
}  # fmt: skip
# Suffixes of targets, so that a damaged one is listed as failed; other files are targets if they have a picture.
TARGETS = VIDEO_SUFFIXES | {
    *(".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".vob", ".wmv", ".asf", ".flv", ".3gp", ".3g2", ".ogv", ".mxf", ".gif")
}


class _Pair(NamedTuple):
    name: str
    reference: str | tuple[str, ...]
    target: Path
    hits: str | None = None
    start_from: str | None = None


def list_jobs(options: BatchOptions) -> list[GenerateOptions]:
    """One job for each pair, each with its own result folder.

    Raises InputError for a list of pairs or a folder that cannot be read, and a pair that cannot have its own folder.
    """
    pairs = _pairs_of_csv(Path(options.pairs)) if options.pairs else _pairs_of_folder(options)
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
    if options.strength is not None and not any(pair.start_from for pair in pairs):
        raise InputError(
            f"no pair of {options.pairs} starts from a sound; name it in a column start_from, or leave out --strength"
        )
    sound = {f.name: getattr(options, f.name) for f in fields(SoundOptions)}
    return [
        GenerateOptions(
            **sound,
            reference=pair.reference,
            target=str(pair.target),
            out=str(Path(options.out) / pair.name),
            hits=pair.hits,
            start_from=pair.start_from,
            strength=options.strength if pair.start_from else None,
        )
        for pair in pairs
    ]


def _pairs_of_csv(path: Path) -> list[_Pair]:
    """The pairs of a CSV file."""
    pairs = []
    for line in read_pairs(path):
        name = line.name or line.target.stem
        if name != Path(name).name or name.startswith("."):
            raise InputError(f"{line.where}: {name} cannot name a folder; leave out slashes and leading dots")
        files = {key: str(path.parent / cell) for key in ("hits", "start_from") if (cell := line.row.get(key))}
        pairs.append(_Pair(name, references_of(path.parent, line.row["reference"]), line.target, **files))
    return pairs


def unread_columns(options: BatchOptions) -> list[str]:
    """The columns of a list of pairs that mean nothing here, such as misspelled ones. Raises InputError as `list_jobs` does."""
    found = read_pairs(Path(options.pairs))[0].row if options.pairs else {}
    return [name for name in found if name and name not in COLUMNS]


def references_of(home: Path, cell: str) -> str | tuple[str, ...]:
    """The references that a cell of a CSV file names: one, or several separated by |; relative to a folder."""
    names = tuple(str(home / name.strip()) for name in cell.split("|") if name.strip())
    return names[0] if len(names) == 1 else names


def _pairs_of_folder(options: BatchOptions) -> list[_Pair]:
    """A pair for each target in a folder, named after it; the suffix is added where names differ only by it."""
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
    return [_Pair(name, options.reference or (), path) for name, path in zip(names, targets, strict=True)]


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


def pending_jobs(jobs: list[GenerateOptions], parts: dict[str, str]) -> list[GenerateOptions]:
    """The jobs whose folders lack complete results of the same options, inputs and weights.

    Those with incomplete results may replace them. parts: SHA-256 of each part of the weights.
    """
    pending = []
    for job in jobs:
        clear(Path(job.out), partial_name(Path(job.out)), Path(job.out))
        earlier = _read_provenance(job)
        same = not job.force and _matches_job(job, earlier, parts)
        if not same:
            pending.append(job)
        elif _lacks_files(job, earlier):
            pending.append(replace(job, force=True))
    return pending


def changed_input(job: GenerateOptions) -> str:
    """Which input of the results in the job's folder differs, such as "another reference"; "" when none does."""
    try:
        return _find_changed_input(job, _read_provenance(job))
    except (OSError, InputError):  # reading the input later raises an error with the reason
        return ""


def changed_options(job: GenerateOptions) -> list[str]:
    """Which options made the results in the job's folder other than it asks for, such as "--seed"; none without results."""
    earlier = _read_provenance(job).get("options")
    return _differing_options(job, earlier) if isinstance(earlier, dict) else []


def _differing_options(job: GenerateOptions, earlier: dict[str, Any]) -> list[str]:
    """The options whose values are not those of earlier ones."""
    values = {name: value for name, value in asdict(job).items() if name not in IGNORED_OPTIONS}
    return [flag(name) for name, value in values.items() if earlier.get(name) != plain(value)]


def _find_changed_input(job: GenerateOptions, earlier: dict[str, Any]) -> str:
    """See `changed_input`. Raises OSError for an input that cannot be read."""
    recorded = earlier.get("inputs")
    if not isinstance(recorded, dict):
        return ""
    given = {"target": job.target, "hits": job.hits, "start_from": job.start_from}
    files = {name: Path(path) for name, path in given.items() if path} | by_key(job.references)
    names = [*files, *(name for name in recorded if name in INPUTS or name.startswith("reference "))]
    changed = (name for name in names if name not in files or _hash(recorded.get(name)) != sha256_of_input(files[name]))
    return next((INPUTS[name.split(" ")[0]] for name in changed), "")


def _read_provenance(job: GenerateOptions) -> dict[str, Any]:
    """Content of provenance.json in the job's folder; empty when it is missing or unreadable."""
    try:
        earlier = json.loads((Path(job.out) / PROVENANCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return earlier if isinstance(earlier, dict) else {}


def _matches_job(job: GenerateOptions, earlier: dict[str, Any], parts: dict[str, str]) -> bool:
    try:
        same = not _differing_options(job, earlier["options"]) and earlier["weights"]["parts"] == parts
        return same and not _find_changed_input(job, earlier)
    except (
        OSError,
        InputError,
        KeyError,
        TypeError,
        AttributeError,
    ):  # an input is missing, or the file is not our provenance.json
        return False


def _lacks_files(job: GenerateOptions, earlier: dict[str, Any]) -> bool:
    """Whether any file that the job would write is missing in its folder."""
    out = Path(job.out)
    names = [SOUNDTRACK, HITS, *([OVERVIEW] if job.overview else []), PROJECT, f"{CANDIDATES}/{SCORES}"]
    if earlier.get("options", {}).get("keep") == "candidates":
        names += [f"{CANDIDATES}/{row['file']}" for row in earlier.get("candidates", [])]
    return not all((out / name).is_file() for name in names) or not any(out.glob(f"{VIDEO_STEM}.*"))


def lacks_timelines(job: GenerateOptions) -> bool:
    """Whether any timeline of a finished job is missing."""
    return not all((Path(job.out) / name).is_file() for name in TIMELINES)


def _hash(record: Any) -> str | None:
    return record.get("sha256") if isinstance(record, dict) else None
