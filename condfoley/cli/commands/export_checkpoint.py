"""`condfoley export condfoleygen DIR --out FILE`: writes our weights as a checkpoint of CondFoleyGen."""

from __future__ import annotations

from condfoley.cli.arguments import parse_options
from condfoley.cli.commands.import_checkpoint import SYSTEM, insert_option
from condfoley.cli.options import ExportOptions
from condfoley.errors import require_extra


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    options = parse_options(f"condfoley export {SYSTEM}", ExportOptions, insert_option(argv, "export", "weights"))
    require_extra("torch", "exporting a checkpoint")
    from condfoley.published.exporter import export_checkpoint

    print("\n".join(export_checkpoint(options.weights, options.out, options.vocoder)))
    return 0
