"""`condfoley label CLIP`: marks contacts in a clip's frames, and compares them with its sound and what is detected."""

from __future__ import annotations

from pathlib import Path

from condfoley.cli.arguments import from_parsed, option_parser
from condfoley.cli.options import LabelOptions
from condfoley.cli.progress import print_path
from condfoley.errors import InputError

NAME = "contacts.csv"


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    parser = option_parser("condfoley label", LabelOptions)
    parser.add_argument("clip", help="Video in which contacts are marked.")
    parsed = parser.parse_args(argv)
    options, clip = from_parsed(parsed, LabelOptions), Path(parsed.clip)
    folder = Path(options.out or f"{clip.stem}_label")
    if options.contacts is not None or options.unsure is not None:
        _mark(clip, folder, options)
    elif not options.report:
        _draw(clip, folder, options)
    if options.report:
        print(_compare(clip, folder, options))
    else:
        print_path(str(folder))
    return 0


def _mark(clip: Path, folder: Path, options: LabelOptions) -> None:
    from condfoley.files import make_folder
    from condfoley.labelling.contacts import parse_frames, write_contacts
    from condfoley.labelling.sheets import frame_times

    sure, doubtful = (
        [] if text is None else parse_frames(text, option)
        for text, option in ((options.contacts, "--contacts"), (options.unsure, "--unsure"))
    )
    if (folder / NAME).exists() and not options.force:
        raise InputError(f"{folder / NAME} is there already; give another --out, or --force to replace it")
    shown = frame_times(clip)
    make_folder(folder)
    write_contacts(folder / NAME, shown, sure, doubtful)


def _draw(clip: Path, folder: Path, options: LabelOptions) -> None:
    from condfoley import media
    from condfoley.files import make_folder
    from condfoley.labelling.sheets import write_sheets

    info = media.probe(clip)
    media.require_video(info)
    if options.begin >= info.duration:
        raise InputError(f"--begin {options.begin:g} is past the end of {clip} ({info.duration:.2f} s)")
    there = sorted(folder.glob("sheet-*.png"))
    if there and not options.force:
        raise InputError(f"{folder} has sheets already; give another --out, or --force to replace them")
    for sheet in there:
        sheet.unlink()
    make_folder(folder)
    write_sheets(clip, folder, options.width, options.begin, options.end)


def _compare(clip: Path, folder: Path, options: LabelOptions) -> str:
    from condfoley.audio.onsets import detect_onsets
    from condfoley.foley import Foley
    from condfoley.inputs import ClipFile
    from condfoley.labelling.contacts import read_contacts
    from condfoley.labelling.report import report

    contacts = read_contacts(folder / NAME)
    foley, target = Foley.load(options.weights), ClipFile(clip)
    rate = foley.geometry.sample_rate
    sound = target.sound(rate)
    heard = None if sound is None else detect_onsets(sound, rate)[0]
    return report(clip.name, contacts, heard, foley.impacts(target).times).text()
