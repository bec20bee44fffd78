"""`condfoley export condfoleygen DIR --out FILE`: writes our weights as a checkpoint of CondFoleyGen; `export onnx DIR`:
writes their ONNX graphs."""

from __future__ import annotations

from pathlib import Path

from condfoley.cli.arguments import parse_options
from condfoley.cli.commands.import_checkpoint import SYSTEM, insert_option
from condfoley.cli.options import ExportGraphsOptions, ExportOptions
from condfoley.errors import InputError

GRAPHS = "onnx"


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    if argv[:1] == [GRAPHS]:
        return _export_graphs(argv[1:])
    options = parse_options(f"condfoley export {SYSTEM}", ExportOptions, insert_option(argv, "export", "weights"))
    from condfoley.published.exporter import export_checkpoint

    print("\n".join(export_checkpoint(options.weights, options.out, options.vocoder)))
    return 0


def _export_graphs(words: list[str]) -> int:
    given = ["--weights", *words] if words and not words[0].startswith("-") else words
    options = parse_options(f"condfoley export {GRAPHS}", ExportGraphsOptions, given)
    try:
        import onnx  # noqa: F401  (the exporter of PyTorch needs it)

        from condfoley.runtime.export import write_graphs
    except ImportError as error:
        raise InputError(
            f"graphs are written with torch and onnx ({error}); run: pip install 'condfoley[torch]'"
        ) from None
    print("\n".join(map(str, write_graphs(Path(options.weights)))))
    return 0
