"""Nothing that the package reads can run code: no pickle, no eval, no shell. The source itself is looked at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "condfoley"
BUILTINS = {"eval", "exec", "compile", "__import__"}
MODULES = {"marshal", "shelve", "dill", "joblib", "cloudpickle", "jsonpickle"}
FUNCTIONS = {"os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "runpy.run_path"}
HARMLESS = {"UnpicklingError"}
"""All that is used of the module pickle: the error that torch.load raises."""
BETWEEN_OWN_PROCESSES = {"parallel.py": "ray.cloudpickle"}
"""Ray's own way to send an item to one of its workers; nothing from a file or a network is read so."""


def dotted(node: ast.expr) -> str:
    """`os.path.join` of a name or attribute; "" of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    head = dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{head}.{node.attr}" if head and isinstance(node, ast.Attribute) else ""


def told(call: ast.Call, name: str) -> object:
    """The constant value of a call's keyword; None without it."""
    found = next((word.value for word in call.keywords if word.arg == name), None)
    return found.value if isinstance(found, ast.Constant) else None


def dangerous(source: str, file: str = "a.py") -> Iterator[str]:
    """What in a source could run code that is read from somewhere."""
    tree = ast.parse(source)
    allowed = BETWEEN_OWN_PROCESSES.get(file, "")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            names = [module or ""] if module else [alias.name for alias in node.names]
            for name in names:
                if name != allowed and MODULES & set(name.split(".")):
                    yield f"import {name}"
            if module == "pickle" and {alias.name for alias in node.names} - HARMLESS:
                yield "from pickle import"
        elif isinstance(node, ast.Attribute) and dotted(node).startswith("pickle.") and not allowed:
            if node.attr not in HARMLESS:
                yield dotted(node)
        elif isinstance(node, ast.Call):
            yield from _dangerous_call(node)


def _dangerous_call(call: ast.Call) -> Iterator[str]:
    name = dotted(call.func)
    if name in BUILTINS | FUNCTIONS:
        yield name
    if any(word.arg == "shell" and told(call, "shell") is not False for word in call.keywords):
        yield "shell=True"
    if name == "torch.load" and told(call, "weights_only") is not True:
        yield "torch.load without weights_only=True"
    if any(word.arg == "allow_pickle" for word in call.keywords) and told(call, "allow_pickle") is not False:
        yield "allow_pickle"


def test_nothing_in_the_package_runs_what_it_reads():
    files = [path for path in PACKAGE.rglob("*.py") if "node_modules" not in path.parts]
    found = {str(path): list(dangerous(path.read_text(encoding="utf-8"), path.name)) for path in files}
    assert len(files) > 200 and {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\npickle.load(file)",
        "from pickle import loads",
        "import marshal",
        "import ray.cloudpickle as pickle",
        "eval('1')",
        "exec(text)",
        "import os\nos.system('ls')",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import subprocess\nsubprocess.run('ls', shell=flag)",
        "import torch\ntorch.load(path)",
        "import torch\ntorch.load(path, weights_only=False)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "import yaml\nyaml.load(text)",
    ],
)
def test_each_of_them_is_found(source):
    assert list(dangerous(source))


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\ntry:\n    pass\nexcept pickle.UnpicklingError:\n    pass",
        "import torch\ntorch.load(path, weights_only=True)",
        "import numpy as np\nnp.load(path, allow_pickle=False)",
        "network.eval()\nre.compile('x')\nyaml.safe_load(text)",
    ],
)
def test_what_is_harmless_is_not(source):
    assert not list(dangerous(source))
