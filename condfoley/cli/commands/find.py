"""`condfoley find TARGET LIBRARY/`: ranks a folder of sounds by how well they fit the target."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from condfoley.cli.arguments import from_parsed, option_parser
from condfoley.cli.options import FindOptions
from condfoley.cli.progress import Progress, print_path
from condfoley.errors import tell

if TYPE_CHECKING:
    from condfoley.finding.rank import Ranking


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    parser = option_parser("condfoley find", FindOptions)
    parser.add_argument("target", help="Video or sound file for which sounds are sought.")
    parser.add_argument("library", help="Folder of sounds and videos, which is searched with its subfolders.")
    parsed = parser.parse_args(argv)
    options = from_parsed(parsed, FindOptions)
    from condfoley.finding.files import sounds_in
    from condfoley.finding.rank import Finder

    target, library = Path(parsed.target), Path(parsed.library)
    sounds_in(library)  # before the model is loaded
    progress = Progress(options.quiet)
    try:
        finder = Finder.load(options.weights, options.device, options.engine)
        ranking = finder.find(target, library, options.by, progress)
    finally:
        progress.close()
    if ranking.note:
        tell(ranking.note)
    for path, why in ranking.left_out:
        reason = why.removeprefix(f"{path}: ")
        tell(f"left out {path}: {reason}")
    print_path(_as_json(target, ranking, options) if options.json else _as_lines(ranking, options))
    return 0


def _as_lines(ranking: Ranking, options: FindOptions) -> str:
    """Score, moment and path of the best sounds, one a line."""
    return "\n".join(f"{found.score:6.3f} {found.start:9.2f} s  {found.path}" for found in ranking.found[: options.top])


def _as_json(target: Path, ranking: Ranking, options: FindOptions) -> str:
    found = [{"path": str(f.path), "score": round(f.score, 4), "start": f.start} for f in ranking.found[: options.top]]
    left_out = [{"path": str(path), "reason": why} for path, why in ranking.left_out]
    facts = {"target": str(target), "by": ranking.by, "sounds": len(ranking.found)}
    return json.dumps(facts | {"found": found, "left_out": left_out}, indent=1)
