"""`condfoley export condfoleygen DIR --out FILE`: writes our weights as a checkpoint of CondFoleyGen; `export onnx DIR`:
writes their ONNX graphs."""

from __future__ import annotations

from pathlib import Path

from condfoley.cli.arguments import parse_options
from condfoley.cli.commands.import_checkpoint import SYSTEM, insert_option
from condfoley.cli.options import ExportGraphsOptions, ExportOptions
from condfoley.errors import InputError, require_extra

GRAPHS = "onnx"


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    if argv[:1] == [GRAPHS]:
        return _export_graphs(argv[1:])
    options = parse_options(f"condfoley export {SYSTEM}", ExportOptions, insert_option(argv, "export", "weights"))
    require_extra("torch", "exporting a checkpoint")
    from condfoley.published.exporter import export_checkpoint

    print("\n".join(export_checkpoint(options.weights, options.out, options.vocoder)))
    return 0


def _export_graphs(argv: list[str]) -> int:
    given = ["--weights", *argv] if argv and not argv[0].startswith("-") else argv
    options = parse_options(f"condfoley export {GRAPHS}", ExportGraphsOptions, given)
    require_extra("torch", "writing graphs")
    from condfoley.runtime.export import write_graphs

    written = write_graphs(Path(options.weights))
    if not written:
        raise InputError(f"{options.weights} has no part that graphs are made of; PyTorch runs it (--engine torch)")
    print("\n".join(map(str, written)))
    return 0
