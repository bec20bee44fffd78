"""Without the optional packages every command's help works, and a command that needs one says how to get it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from condfoley.cli.main import COMMANDS
from condfoley.errors import EXTRAS, InputError, require_extra

ROOT = Path(__file__).parents[1]
BLOCKED = {
    *(module for modules in EXTRAS.values() for module in modules),
    *("peft", "wandb", "mir_eval", "pydantic", "starlette", "skimage", "numba", "lightning", "omegaconf", "onnx"),
}
PACKAGES = {
    "taming": "taming-transformers",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "ray": "ray[data]",
    "python_multipart": "python-multipart",
    "otio_fcp_adapter": "otio-fcp-adapter",
}


def bare(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """`condfoley WORDS` in a process that has the base dependencies only."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({sorted(BLOCKED)})); "
        f"from condfoley.cli.main import main; sys.exit(main({words}))"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, env=env, check=False
    )


HELP = [
    *([name] for name in COMMANDS if name not in ("study", "import", "export")),
    *(["study", action] for action in ("export", "serve", "analyse")),
    *(["import", system] for system in ("condfoleygen", "vta-ldm", "audioldm")),
    ["export", "condfoleygen"],
]


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_help_needs_no_extra(words, tmp_path):
    done = bare([*words, "--help"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: condfoley") and done.stderr == ""


NEEDS = {
    "train": (["train", "stage=vocoder"], "train"),
    "finetune": (["finetune", "clips", "--out", "out"], "train"),
    "prepare": (["prepare", "folder", str(ROOT / "configs"), "out"], "train"),
    "evaluate": (["evaluate", "--test", "pairs.csv", "--out", "out"], "evaluate"),
    "simulate": (["simulate", "--out", "out", "--clips", "1"], "simulate"),
    "serve": (["serve", "--port", "0"], "studio"),
    "timeline": (["timeline", "out"], "studio"),
    "study export": (["study", "export", "--test", "x", "--systems", "a,b", "--out", "out"], "study"),
    "study serve": (["study", "serve", "out"], "study"),
    "study analyse": (["study", "analyse", str(ROOT / "configs"), "--key", str(ROOT / "pyproject.toml")], "study"),
    "import": (["import", "condfoleygen", "x.ckpt", "--out", "out"], "torch"),
    "import vta-ldm": (["import", "vta-ldm", "x", "--out", "out"], "diffusion"),
    "import audioldm": (["import", "audioldm", "x", "--out", "out"], "diffusion"),
    "export": (["export", "condfoleygen", str(ROOT / "condfoley/weights"), "--out", "out"], "torch"),
}


@pytest.mark.parametrize("name", NEEDS)
def test_a_missing_extra_is_one_line_with_the_command_that_installs_it(name, tmp_path):
    words, extra = NEEDS[name]
    if extra == "diffusion" and sys.version_info < (3, 11):
        pytest.skip("that extra is told to need a newer Python")
    done = bare(words, tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and f"run `pip install 'condfoley[{extra}]'`" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_engine_ray(monkeypatch):
    from condfoley import parallel

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        InputError, match=r"needs ray; run `pip install 'condfoley\[cluster\]'`, or use the engine local"
    ):
        next(parallel.run(str, [1], engine="ray"))


@pytest.fixture
def project():
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no reader of pyproject.toml")
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_extras_are_those_of_the_project(project):
    assert EXTRAS.keys() <= project["optional-dependencies"].keys()
    for extra, modules in EXTRAS.items():
        listed = "\n".join(project["optional-dependencies"][extra])
        if "condfoley[torch]" in listed:
            listed += "\n".join(project["optional-dependencies"]["torch"])
        assert [module for module in modules if PACKAGES.get(module, module) not in listed] == []


def test_base_dependencies_hold_no_package_of_the_engine_torch(project):
    base = {line.split(">")[0].split("=")[0].split("[")[0] for line in project["dependencies"]}
    assert "onnxruntime" in base
    assert base.isdisjoint({"torch", "torchvision", "transformers", "librosa", "einops", "webdataset"})


def test_an_installed_extra_is_no_error():
    require_extra("study", "numbers", ("json", "numpy"))
