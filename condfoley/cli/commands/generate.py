"""`condfoley generate`: checks the inputs, runs the model, writes all results or none."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condfoley.cli.arguments import parse_options
from condfoley.cli.layered import Layered, check_layers, generate_layered, rows_of, unmuted_rows
from condfoley.cli.options import MASTER, GenerateOptions, SoundOptions
from condfoley.cli.progress import Progress, ReportsProgress, print_path, then_writing
from condfoley.errors import InputError
from condfoley.results.folder import HITS, ResultFolder
from condfoley.settings import Settings
from condfoley.weights import SHIPPED, read_card

if TYPE_CHECKING:
    from condfoley.foley import Foley, Soundtrack
    from condfoley.hits import Hits
    from condfoley.media import MediaInfo
    from condfoley.project.perform import Performance


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    options = parse_options("condfoley generate", GenerateOptions, with_examples(argv))
    progress = Progress(options.quiet)
    try:
        summary = generate_results(options, ["condfoley", "generate", *argv], progress)
    finally:
        progress.close()
    print_path(json.dumps(summary) if options.json else "\n".join(summary[name] for name in FILES if name in summary))
    return 0


def with_examples(argv: list[str]) -> list[str]:
    """The arguments, with the example pair in the package added if they give neither reference nor target."""
    if {word.partition("=")[0] for word in argv} & {"--reference", "--target", "--help", "-h"}:
        return argv
    from condfoley import examples

    return [*argv, "--reference", str(examples.REFERENCE), "--target", str(examples.TARGET)]


FILES = ("soundtrack", "video", "scores", "hits", "overview", "provenance")


def generate_results(
    options: GenerateOptions, command: list[str], progress: ReportsProgress, foley: Foley | None = None
) -> dict[str, Any]:
    """Generate one soundtrack and its result folder; returns paths (those of FILES that are there), candidates, the chosen
    one and the takes.

    foley: the model, if it is loaded already. Raises InputError when something cannot be used.
    """
    from condfoley.media import variable_rate_note
    from condfoley.project.store import forget_sounds

    started = datetime.now(timezone.utc)
    clips = check_inputs(options)
    hits = None if options.layer else read_hits_option(options, clips[1].duration, progress.note)
    played = read_perform_option(options, clips[1].duration)
    specs, rows = check_layers(options, clips[1].duration) if options.layer else ([], None)
    started_from = [Path(options.start_from)] if options.start_from else []
    inputs = *options.references, Path(options.target), *(Path(spec.reference) for spec in specs), *started_from
    with ResultFolder(Path(options.out), force=options.force, inputs=inputs) as folder:
        model = foley or load_model(options, progress)
        check_model(options, model)
        if played:
            hits = _performed(options, played, progress, model)
            rows = rows_of(hits)
        layered = generate_layered(options, specs, rows, progress, model) if specs else None
        soundtrack = layered.made[layered.first] if layered else _soundtrack(options, hits, progress, model)
        with folder.writing():
            summary = _write(folder.work, options, soundtrack, layered, clips, (command, started), progress, model)
            folder.commit()
            forget_sounds(folder.work)
    if not len(soundtrack.cues.times) and options.mode != "published":
        progress.note(
            f"no impacts were detected in {options.target}; add their times to {HITS} and pass it with --hits"
        )
    for note in (*(layered or soundtrack).remarks, variable_rate_note(clips[1])):
        if note:
            progress.note(note)
    return {name: str(folder.out / file) for name, file in summary.pop("files").items()} | summary


def load_model(options: SoundOptions, progress: ReportsProgress) -> Foley:
    """The model that the options name, on their device. Raises InputError when either cannot be used."""
    from condfoley.runtime.engine import generators_of

    folder = Path(options.weights) if options.weights else SHIPPED
    there, asked = generators_of(read_card(folder)), options.generator if isinstance(options, Settings) else "auto"
    if asked != "auto" and asked not in there:
        raise InputError(f"--generator {asked}: the weights in {folder} have no {asked}; leave it out, or give others")
    if options.engine != "onnx":  # which refuses another device itself
        check_device(options.device)
    progress("loading the model", 0.0)
    from condfoley.foley import Foley

    return Foley.load(options.weights, device=options.device, engine=options.engine)


def check_model(options: GenerateOptions, foley: Foley) -> None:
    """Raises InputError for options that the weights cannot follow."""
    if options.pan == "picture":
        foley.require_contacts()
    if options.keep != "codes" or options.mode == "published":
        return
    if (name := foley.loaded.generator(options.generator)) != "transformer":
        raise InputError(f"--keep codes: the generator {name} writes no codes; give --keep candidates")


def check_inputs(options: GenerateOptions) -> tuple[MediaInfo, MediaInfo]:
    """Properties of the first reference and the target. Raises InputError for one that cannot be used. Needs no model."""
    from condfoley.inputs import require_as_long
    from condfoley.media import mux_suffix, probe, require_audio, require_video

    references, target = [probe(path) for path in options.references], probe(options.target)
    for reference in references:
        require_audio(reference)  # a sound without picture is a valid reference
    reference = references[0]
    require_video(target)
    if options.start_from is not None:
        start = probe(options.start_from)
        require_audio(start)
        require_as_long(options.start_from, start.duration, target.duration)
    mux_suffix(options.target, options.codec)  # raises for a video codec that no container supports
    if options.reference_start is not None and len(references) > 1:
        raise InputError("--reference-start is of one reference; give one, or leave it out")
    if options.reference_start is not None and options.reference_start >= reference.duration:
        raise InputError(
            f"--reference-start {options.reference_start:g} is past the end of {options.reference} "
            f"({reference.duration:.2f} s); give an earlier time"
        )
    return reference, target


def read_hits_option(
    options: GenerateOptions, duration: float, note: Callable[[str], None] = lambda text: None
) -> Hits | None:
    """The hits of the --hits file; None without it.

    duration: of the target, s. note: called with what there is to say of the file. Raises InputError when it cannot be
    read or a hit is past the target's end.
    """
    if options.hits is None:
        return None
    from condfoley.cues.files import read_cues
    from condfoley.hits import read_hits

    hits = read_hits(Path(options.hits))
    hits.require_within(duration, options.hits)
    for remark in read_cues(Path(options.hits), "hits").notes:
        note(remark)
    return hits


def read_perform_option(options: GenerateOptions, duration: float) -> Performance | None:
    """The cues of the --perform recording; None without it.

    duration: of the target, s. Raises InputError when it cannot be read or nothing is heard in it.
    """
    if options.perform is None:
        return None
    from condfoley.project.perform import read_performance

    return read_performance(options.perform, duration)


def _performed(options: GenerateOptions, played: Performance, progress: ReportsProgress, foley: Foley) -> Hits:
    """The performed cues, aligned to the picture if asked; what there is to say of them is said."""
    if options.perform_align:
        from condfoley.inputs import ClipFile
        from condfoley.project.perform import align_to_picture

        target = ClipFile(options.target)
        played = align_to_picture(played, foley.impacts(target).times, target.duration)
    for note in played.notes:
        progress.note(note)
    return played.hits


def check_device(name: str) -> None:
    """Raises InputError for a device that torch does not know or that this machine does not have."""
    if name == "cpu":
        return
    try:
        import torch
    except ImportError:
        raise InputError(f"--device {name} needs PyTorch; run: pip install 'condfoley[torch]'") from None
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"unknown device {name}; give --device cpu, cuda, cuda:1 or mps") from None
    if device.type == "cpu":
        return
    backend = {"cuda": torch.cuda, "mps": torch.backends.mps}.get(device.type)
    present = backend is not None and backend.is_available()
    if not present or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        raise InputError(f"this machine has no device {name} that torch can use; give --device cpu")


def _soundtrack(options: GenerateOptions, hits: Hits | None, progress: ReportsProgress, foley: Foley) -> Soundtrack:
    wanted = Settings.of(vars(options))
    start: dict[str, Any] = {"start_from": options.start_from}
    if options.strength is not None:
        start["strength"] = options.strength
    return foley.generate(
        options.references, options.target, wanted, hits=hits, progress=then_writing(progress), **start
    )


def _write(
    work: Path,
    options: GenerateOptions,
    soundtrack: Soundtrack,
    layered: Layered | None,
    clips: tuple[MediaInfo, MediaInfo],
    run: tuple[list[str], datetime],
    progress: ReportsProgress,
    foley: Foley,
) -> dict[str, Any]:
    """Write all results into `work`; returns the values that --json prints, with file names relative to `work`."""
    from condfoley.cues.rows import MAIN
    from condfoley.project.create import new_project
    from condfoley.project.layers import with_rows
    from condfoley.project.outputs import video_of, write_generated
    from condfoley.results import folder as outputs
    from condfoley.results import overview, provenance

    reference, target = clips
    heard = (layered.references[layered.first] if layered else options.references)[soundtrack.reference_number]
    if layered:
        project = layered.project(work, target.path, options.keep)
    else:
        project = new_project(work, soundtrack, options.references, target.path, options.keep)
        if options.hits:
            project = with_rows(project, MAIN, unmuted_rows(options.hits))
    if options.ambience:
        from condfoley.project.beds import with_ambience

        project, notes = with_ambience(work, project, options.ambience, options.ambience_gain)
        for note in notes:
            progress.note(note)
    if options.pan == "picture":
        from condfoley.project.panning import panned

        project = panned(project, lambda times: foley.contacts(soundtrack.target_frames, times), options.pan_width)
    from condfoley.project.master import with_master

    project, notes = with_master(work, project, **{name: getattr(options, name) for name in MASTER})
    for note in notes:
        progress.note(note)
    write_generated(work, project, soundtrack, options.hits, options.stems, options.codec)
    video = video_of(work)
    assert video
    title = f"{target.path.name} with the sound of {heard.name}"
    aspects = (reference.width / max(1, reference.height), target.width / target.height)
    if options.overview:
        overview.draw(soundtrack, work / outputs.OVERVIEW, title, aspects)
    record = provenance.record(options, soundtrack, *run)
    provenance.write(work / outputs.PROVENANCE, record)
    names = (outputs.SOUNDTRACK, video.name, f"{outputs.CANDIDATES}/{outputs.SCORES}")
    files = dict(zip(FILES, (*names, outputs.HITS, outputs.OVERVIEW, outputs.PROVENANCE), strict=True))
    if not options.overview:
        del files["overview"]
    return {"files": files} | {key: record[key] for key in ("candidates", "chosen", "takes", "elapsed")}
