"""`condfoley export condfoleygen DIR --out FILE`: weights of ours as a published checkpoint."""

from __future__ import annotations

from condfoley.arguments import parse_options
from condfoley.commands.import_checkpoint import SYSTEM, named
from condfoley.options import ExportOptions


def run(words: list[str]) -> int:
    """Run with command-line words; returns 0. Raises InputError for anything that cannot be used."""
    options = parse_options(f"condfoley export {SYSTEM}", ExportOptions, named(words, "export", "weights"))
    from condfoley.published.exporter import export_checkpoint

    print("\n".join(export_checkpoint(options.weights, options.out, options.vocoder)))
    return 0
