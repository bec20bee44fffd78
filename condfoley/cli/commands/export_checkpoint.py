"""`condfoley export condfoleygen DIR --out FILE`: weights of ours as a published checkpoint."""

from __future__ import annotations

from condfoley.cli.arguments import parse_options
from condfoley.cli.commands.import_checkpoint import SYSTEM, named
from condfoley.cli.options import ExportOptions


def run(words: list[str]) -> int:
    """Run with command-line words; returns 0. Raises InputError for anything that cannot be used."""
    options = parse_options(f"condfoley export {SYSTEM}", ExportOptions, named(words, "export", "weights"))
    from condfoley.published.exporter import export_checkpoint

    print("\n".join(export_checkpoint(options.weights, options.out, options.vocoder)))
    return 0
