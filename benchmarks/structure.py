"""Structure of the code, measured: `python -m benchmarks.structure [--skip-detections]`.

Import cycles, modules that generating a soundtrack must not import, files beside the folders, long functions and files,
and how often onsets are detected while one soundtrack is generated. Imports are read from the source, also those inside
functions; imports under `if TYPE_CHECKING` do not count.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.results.tables import Table

PACKAGE = Path(__file__).resolve().parents[1] / "condfoley"
ENTRY_POINTS = ("condfoley.foley", "condfoley.cli.commands.generate")
SEPARATE = ("evaluation", "training", "study")  # packages that no entry point may import
MAX_LINES = 300  # of a file
CANDIDATES = 8  # of the soundtrack whose detections are counted

Imports = dict[str, set[str]]
"""Module -> the modules of the same package that it imports."""


@dataclass(frozen=True)
class Function:
    """A function or method: its module, its qualified name, and its number of lines without decorators."""

    module: str
    name: str
    lines: int


def find_modules(package: Path = PACKAGE) -> dict[str, Path]:
    """Dotted name -> file of all modules of a package, sorted by name."""
    found = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return dict(sorted(found.items()))


def runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a syntax tree, without the bodies of `if TYPE_CHECKING`."""
    yield tree
    children: list[ast.AST] = list(ast.iter_child_nodes(tree))
    if isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.dump(tree.test):
        children = list(tree.orelse)
    for child in children:
        yield from runtime_nodes(child)


def read_imports(modules: Mapping[str, Path]) -> Imports:
    """The imports among these modules, at module level and inside functions. Imports must be absolute."""
    imports: Imports = {}
    for name, path in modules.items():
        found: set[str] = set()
        for node in runtime_nodes(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                members = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= members & modules.keys()
                found |= {node.module} if members - modules.keys() else set()
        imports[name] = found & modules.keys() - {name}
    return imports


def find_cycles(imports: Imports) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others."""
    from scipy.sparse import lil_matrix
    from scipy.sparse.csgraph import connected_components

    names = sorted(imports)
    index = {name: i for i, name in enumerate(names)}
    edges = lil_matrix((len(names), len(names)), dtype=bool)
    for name, targets in imports.items():
        for target in targets:
            edges[index[name], index[target]] = True
    _, labels = connected_components(edges.tocsr(), directed=True, connection="strong")
    groups: dict[int, list[str]] = {}
    for name, label in zip(names, labels, strict=True):
        groups.setdefault(int(label), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def reachable(imports: Imports, start: Sequence[str]) -> set[str]:
    """The modules that are imported, directly or through others, by `start`, with the packages that contain them."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name in found or name not in imports:
            continue
        found.add(name)
        waiting += [*imports[name], name.rpartition(".")[0]]
    return found


def find_misplaced(imports: Imports, entry_points: Sequence[str] = ENTRY_POINTS) -> list[str]:
    """The modules of SEPARATE packages that the entry points import."""
    prefixes = tuple(f"condfoley.{name}" for name in SEPARATE)
    return sorted(name for name in reachable(imports, entry_points) if name.startswith(prefixes))


def find_functions(modules: Mapping[str, Path]) -> list[Function]:
    """All functions and methods, the longest first."""
    found = []
    for module, path in modules.items():
        waiting: list[tuple[ast.AST, str]] = [(ast.parse(path.read_text(encoding="utf-8")), "")]
        while waiting:
            parent, prefix = waiting.pop()
            for node in ast.iter_child_nodes(parent):
                name = prefix
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    name = f"{prefix}.{node.name}".strip(".")
                    if not isinstance(node, ast.ClassDef):
                        found.append(Function(module, name, (node.end_lineno or node.lineno) - node.lineno + 1))
                waiting.append((node, name))
    return sorted(found, key=lambda f: -f.lines)


def long_files(modules: Mapping[str, Path], max_lines: int = MAX_LINES) -> dict[str, int]:
    """Module -> number of lines of its file, for files with more than `max_lines`."""
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules.items()}
    return {name: count for name, count in lines.items() if count > max_lines}


def top_files(package: Path = PACKAGE) -> list[str]:
    """Names of the Python files beside the package's folders."""
    return sorted(path.name for path in package.glob("*.py"))


def count_detections(candidates: int = CANDIDATES) -> tuple[int, int]:
    """(calls of `detect_onsets`, most calls on the same samples) while the soundtrack of the example pair is generated."""
    from benchmarks.speed import REFERENCE, TARGET, example
    from condfoley.audio import onsets
    from condfoley.foley import Foley

    calls: Counter[int] = Counter()
    original = onsets.detect_onsets

    def counted(wav: np.ndarray, *rest: Any, **options: Any) -> Any:
        calls[hash(np.ascontiguousarray(wav).tobytes())] += 1
        return original(wav, *rest, **options)

    foley = Foley.load()
    users = [m for name, m in list(sys.modules.items()) if name.startswith("condfoley")]
    users = [m for m in users if getattr(m, "detect_onsets", None) is original]  # such as audio.onsets and audio.track
    for module in users:
        module.detect_onsets = counted  # type: ignore[attr-defined]
    try:
        foley.generate(example(REFERENCE), example(TARGET), candidates=candidates, seed=0)
    finally:
        for module in users:
            module.detect_onsets = original  # type: ignore[attr-defined]
    return sum(calls.values()), max(calls.values(), default=0)


def structure_table(detections: bool = True) -> Table:
    """All measurements beside what is wanted."""
    modules = find_modules()
    imports, functions = read_imports(modules), find_functions(modules)
    cycles, misplaced, files, long = find_cycles(imports), find_misplaced(imports), top_files(), long_files(modules)
    longest = functions[0]
    rows = [
        ("import cycles", str(len(cycles)), "0"),
        (f"modules of {', '.join(SEPARATE)} that generating imports", str(len(misplaced)), "0"),
        ("files beside the folders", str(len(files)), "about 20"),
        ("lines of the longest function", str(longest.lines), "at most 60"),
        (f"files over {MAX_LINES} lines", str(len(long)), "0"),
    ]
    if detections:
        total, same = count_detections()
        rows += [
            (f"onset detections for one soundtrack of {CANDIDATES} candidates", str(total), ""),
            ("most detections on the same samples", str(same), "at most 1"),
        ]
    notes = [
        *(f"cycle: {', '.join(cycle)}" for cycle in cycles),
        *(f"imported when generating: {name}" for name in misplaced),
        f"longest function: {longest.module}.{longest.name}",
        *(f"long file: {name}, {lines} lines" for name, lines in long.items()),
    ]
    return Table("Structure", ("what", "measured", "wanted"), tuple(rows), tuple(notes))


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table; returns 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.structure", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--skip-detections", action="store_true", help="do not generate a soundtrack to count detections"
    )
    print(structure_table(not parser.parse_args(argv).skip_detections).text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
