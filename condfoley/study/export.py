"""Writes a study: `public/`, a page that needs no network, and `key.json`, which says what its clips are."""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.errors import InputError
from condfoley.files import scratch_folder
from condfoley.study import assignment, design, page, sources
from condfoley.study.clips import ClipWriter, random_name
from condfoley.study.options import ExportOptions

KEY, PUBLIC, RESULTS, REPORT = "key.json", "public", "results", "report"


def export(options: ExportOptions) -> dict[str, Any]:
    """Write the study into `options.out`; returns the key. Raises InputError, and then leaves no files behind."""
    out = Path(options.out)
    systems = _systems(options)
    _refuse_to_overwrite(out, options.force)
    files = page.page_files(options.texts)  # first, since the browser's library may be missing
    sounds = Path(options.sounds) if options.sounds else out / REPORT
    pairs = sources.list_pairs(options.test, sounds / sources.CLIPS)
    if options.trials > len(pairs):
        raise InputError(
            f"{options.trials} trials a participant need as many targets, {options.test} has {len(pairs)}; "
            f"give --trials {len(pairs)} or more pairs"
        )
    if not options.sounds:
        sources.generate_sounds(options.test, options.systems, sounds, options.render or "recorded", options.force)
    found = sources.load_items(pairs, sounds, systems)
    anchor = systems.index(options.anchor or systems[0])
    shown = design.conditions(options.method, options.compare, len(systems), anchor)
    plan = design.make_plan(len(found), shown, options.judgements, options.trials, options.seed)
    is_new = not out.exists()
    try:
        with scratch_folder(out) as work:
            (work / PUBLIC / "media").mkdir(parents=True)
            clips = ClipWriter(options, work / PUBLIC / "media", found, anchor).write()
            rng = np.random.default_rng(options.seed)
            forms, trials = assignment.assign(plan, clips, options.method, rng, random_name)
            shown_page = forms | _settings(options)
            study = assignment.fingerprint(shown_page)
            key = _key(options, study, systems, anchor, [s.name for s in found], plan.judgements, clips) | {
                "trials": trials
            }
            page.write_page(work / PUBLIC, files, {"study": study} | shown_page)
            (work / KEY).touch(mode=0o600)  # secret: says which system is which
            (work / KEY).write_text(json.dumps(key, indent=1), encoding="utf-8")
            for name in (PUBLIC, KEY):
                _replace(work / name, out / name)
    finally:
        if is_new and out.is_dir() and not any(out.iterdir()):
            out.rmdir()
    return key


def _systems(options: ExportOptions) -> list[str]:
    systems = [name.strip() for name in options.systems.split(",") if name.strip()]
    if not options.sounds:  # only then may a system be written as NAME=FOLDER
        systems = [name.partition("=")[0] for name in systems]
    least = 1 if options.method == design.OPINION else 2
    if len(systems) < least or len(set(systems)) < len(systems):
        raise InputError(f"--systems is {options.systems}; give {least} or more different names, separated by commas")
    if options.anchor and options.anchor not in systems:
        raise InputError(f"--anchor {options.anchor} is not among --systems {options.systems}")
    return systems


def _refuse_to_overwrite(out: Path, force: bool) -> None:
    if (out / RESULTS).exists():
        raise InputError(f"{out} already holds results of a study; choose another --out")
    if any((out / name).exists() for name in (PUBLIC, KEY)) and not force:
        raise InputError(f"{out} already holds a study; choose another --out or give --force to replace it")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file, not a folder; choose another --out")


def _replace(new: Path, destination: Path) -> None:
    if destination.is_dir():
        shutil.rmtree(destination)
    new.replace(destination)


def _settings(options: ExportOptions) -> dict[str, Any]:
    names = ("method", "endpoint", "prolific_code", "headphone_rounds")
    low, high = assignment.scale(options.method)
    return {name: getattr(options, name) for name in names} | {
        "questions": list(assignment.QUESTIONS),
        "scale": [low, high],
    }


def _key(
    options: ExportOptions,
    study: str,
    systems: list[str],
    anchor: int,
    targets: list[str],
    judgements: int,
    clips: assignment.ClipNames,
) -> dict[str, Any]:
    names = {
        name: {"target": targets[t], "system": systems[s]}
        for t, row in enumerate(clips.shown)
        for s, name in enumerate(row)
    }
    return {
        "study": study,
        "secret": secrets.token_hex(32),  # for completion codes and pseudonyms of workers
        "method": options.method,
        "questions": list(assignment.QUESTIONS),
        "systems": systems,
        "anchor": anchor,
        "targets": targets,
        "judgements": judgements,
        "clips": names,
        "options": asdict(options),
    }
