"""The command line: one clear line for each kind of bad input, and the whole result for good input."""

from __future__ import annotations

import hashlib
import json
import math
import os
import resource
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import av
import numpy as np
import pytest

from condfoley.cli.main import main
from condfoley.cli.options import FinetuneOptions, GenerateOptions
from condfoley.errors import InputError, UnwritableError
from condfoley.evaluation.options import EvaluateOptions
from condfoley.media import probe, read_audio, write_wav
from condfoley.settings import Settings
from condfoley.study.options import ExportOptions as StudyOptions
from condfoley.study.options import ServeOptions
from tests.made_up import RATE, pulses, soundtrack, write_video
from tests.tiny import write_tiny_weights

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Good and bad input files, made once."""
    folder = tmp_path_factory.mktemp("clips")
    good = write_video(folder / "reference.mp4", 2.0, pulses([0.5, 1.2], 2.0))
    whole = good.read_bytes()
    for name, content in {
        "text.mp4": b"not a video\n" * 50,
        "empty.mp4": b"",
        "cut.mp4": whole[: len(whole) // 2],
    }.items():
        (folder / name).write_bytes(content)
    write_wav(folder / "sound.wav", pulses([0.5], 1.0), RATE)
    with av.open(str(folder / "hollow.mp4"), "w") as container:  # a video stream and not one frame in it
        container.add_stream("libx264", rate=15).pix_fmt = "yuv420p"
        container.start_encoding()
    return SimpleNamespace(
        folder=folder, reference=str(good), target=str(write_video(folder / "target.mp4", 1.0)),
        missing=str(folder / "no.mp4"),
        text=str(folder / "text.mp4"), empty=str(folder / "empty.mp4"), cut=str(folder / "cut.mp4"),
        hollow=str(folder / "hollow.mp4"),
        sound=str(folder / "sound.wav"),
    )  # fmt: skip


def refused(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    """Runs, expects exit code 2 and one line on stderr; returns it."""
    code = main(words)
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert err.count("\n") == 1 and err.startswith("condfoley: ") and len(err) < 400
    return err


def words(clips: SimpleNamespace, out: Path, *more: str, **inputs: str) -> list[str]:
    reference, target = inputs.get("reference", clips.reference), inputs.get("target", clips.target)
    return ["generate", "--reference", reference, "--target", target, "--out", str(out), *more]


BAD_FILES = [
    ("reference", "missing", "no.mp4"),
    ("target", "missing", "no.mp4"),
    ("reference", "text", "text.mp4"),
    ("target", "text", "text.mp4"),
    ("target", "empty", "empty.mp4"),
    ("target", "hollow", "zero length"),
    ("reference", "cut", "cut.mp4"),
    ("target", "cut", "cut.mp4"),
    ("reference", "target", "no sound"),
    ("target", "sound", "no picture"),
    ("reference", "folder", "clips"),
]


@pytest.mark.parametrize(("role", "kind", "says"), BAD_FILES)
def test_unusable_files(
    clips: SimpleNamespace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    role: str,
    kind: str,
    says: str,
) -> None:
    line = refused(capsys, words(clips, tmp_path / "a" / "out", **{role: str(getattr(clips, kind))}))
    assert says in line
    assert list(tmp_path.iterdir()) == []


def test_a_url_is_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], clips: SimpleNamespace) -> None:
    url = "https://example.org/clip.mp4"
    assert f"{url}: is a URL; download it first" in refused(capsys, words(clips, tmp_path / "out", target=url))


def test_a_picture_that_no_video_with_sound_takes_is_refused_at_once(
    clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], make_clip: Any
) -> None:
    target = make_clip("old.wmv", codec="wmv2")
    line = refused(capsys, words(clips, tmp_path / "out", "--weights", "nowhere", target=str(target)))
    assert f"{target}: its picture (wmv2) cannot be copied into a video with sound; convert it first" in line
    assert list(tmp_path.iterdir()) == [target]


BAD_OPTIONS = [
    (["--candidtes", "3"], "did you mean --candidates?"),
    (["--candidates", "0"], "1 or more"),
    (["--candidates", "many"], "whole number"),
    (["--temperature", "0"], "above 0"),
    (["--temperature", "nan"], "number"),
    (["--top-p", "1.5"], "at most 1"),
    (["--eq-match", "2"], "from 0 to 1"),
    (["--eq-match", "nan"], "number"),
    (["--decay-match", "-1"], "from 0 to 1"),
    (["--texture-match", "2"], "from 0 to 1"),
    (["--top-k", "-1"], "0 or more"),
    (["--tolerance", "-0.1"], "0 or more"),
    (["--seed", "-1"], "0 or more"),
    (["--seed", "99999999999999999999999"], "--seed is 99999999999999999999999; give one below"),
    (["--reference-start", "-1"], "0 or more"),
    (["--reference-start", "x"], "number"),
    (["--reference-start", "99"], "past the end"),
    (["--codec", "mp3"], "aac, pcm"),
    (["--seed"], "needs a value"),
    (["--weights", "-dash"], "written --weights=-..."),
    (["--weights", ""], "--weights is empty"),
    (["--hits", " "], "--hits is empty"),
    (["--hits", "null"], "null: no such file"),
    (["stray"], "stray"),
    (["--weights", "nowhere"], "card.json"),
]


@pytest.mark.parametrize(("more", "says"), BAD_OPTIONS)
def test_unusable_options(
    clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], says: str
) -> None:
    assert says in refused(capsys, words(clips, tmp_path / "out", *more))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["reference", "target", "out"])
def test_what_must_be_given_may_not_be_empty(capsys: pytest.CaptureFixture[str], option: str) -> None:
    given = {"reference": "a", "target": "b", "out": "c"} | {option: ""}
    line = refused(capsys, ["generate", *(f"--{name}={value}" for name, value in given.items())])
    assert f"--{option} is empty" in line


@pytest.mark.parametrize("device", ["toaster", "cuda:99", "meta"])
def test_unknown_device(
    clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], device: str, card: Path
) -> None:
    line = refused(capsys, words(clips, tmp_path / "out", "--device", device, "--weights", str(card)))
    assert "--device" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("where", ["file", "file/below", "file/far/below"])
def test_unwritable_output(
    clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    (tmp_path / "file").write_text("mine")
    assert "choose another --out" in refused(capsys, words(clips, tmp_path / where))
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_existing_output(clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "soundtrack.wav").write_text("old")
    assert "--force" in refused(capsys, words(clips, tmp_path))
    assert (tmp_path / "soundtrack.wav").read_text() == "old"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["genrate"], "did you mean generate?"),
        (["--wat"], "unknown option --wat"),
        (["generate"], "missing: --out"),
        (["simulate", "--clips", "3"], "missing: --out"),
        (["simulate", "--out", "x", "--clips", "0"], "1 or more"),
        (["simulate", "--out", "x", "--sounds", "mine"], "train, heldout, all"),
        (["train", "--steqs", "3"], "did you mean --steps?"),
        (["train", "steqs=3"], "did you mean --steps?"),
        (["train", "loss.mel=loud"], "must be a number"),
        (["train", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["train", "batch_size"], "batch_size"),
    ],
)
def test_unknown_words(capsys: pytest.CaptureFixture[str], line: list[str], says: str) -> None:
    assert says in refused(capsys, line)


@pytest.mark.parametrize(
    ("yaml", "says"),
    [
        ("stepz: 3\n", "unknown config key stepz; did you mean steps?"),
        ("loss: {mell: 3}\n", "unknown config key loss.mell; did you mean loss.mel?"),
        ("steps: many\n", "whole number"),
        ("- [a\n", "config"),
        ("just a text\n", "settings"),
        ("", "settings"),
        ("loss: 3\n", "takes keys"),
        ("geometry: {code_columns: 3}\n", "code_columns must divide"),
        ("mel: 3\n", "did you mean loss.mel?"),
        ("betas: 3\n", "a list"),
    ],
)
def test_unusable_config(tmp_path: Path, capsys: pytest.CaptureFixture[str], yaml: str, says: str) -> None:
    (tmp_path / "stage.yaml").write_text(yaml)
    assert says in refused(capsys, ["train", "--config", str(tmp_path / "stage.yaml")])


def test_config_files_and_words_mix(tmp_path: Path) -> None:
    from condfoley.cli.arguments import parse_config
    from condfoley.training.config import TrainConfig

    (tmp_path / "stage.yaml").write_text("stage: sync\nsteps: 5\nloss: {mel: 2}\nbetas: [0.5, 0.9]\n")
    line = [
        "--config",
        str(tmp_path / "stage.yaml"),
        "steps=7",
        "--loss.stft",
        "3",
        "--data.folder=x=y",
        "resume=false",
    ]
    config = parse_config("condfoley train", TrainConfig, line)
    assert (config.stage, config.steps, config.loss.mel, config.loss.stft) == ("sync", 7, 2.0, 3.0)
    assert (config.data.folder, config.resume, config.betas) == ("x=y", False, (0.5, 0.9))
    assert config.geometry.hop == TrainConfig().geometry.hop


@pytest.fixture
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder that passes for one until its parts are wanted."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / "card.json").write_text(json.dumps({"format": 1, "name": "made-up", "parts": {}}))
    return folder


class FakeFoley:
    """Stands in for the model, which its own tests cover: returns a made-up soundtrack."""

    failure: BaseException | None = None
    asked: ClassVar[Settings]

    @classmethod
    def load(cls, path: str | None = None, device: str = "cpu", engine: str = "auto") -> FakeFoley:
        return cls()

    def generate(
        self, reference: str, target: str, settings: Settings, *, hits: object, progress: Any, **start: object
    ) -> Any:
        assert start["start_from"] is None
        FakeFoley.asked = settings
        progress("drawing", 0.5)
        progress("done", 1.0)
        if self.failure is not None:
            raise self.failure
        return soundtrack([(0.4, 0.9), (np.float32(0.02), 0.5), (0.1, 0.7)], duration=1.0, chosen=2)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, card: Path) -> list[str]:
    """Words that select the fake model."""
    monkeypatch.setattr("condfoley.foley.Foley", FakeFoley)
    monkeypatch.setattr(FakeFoley, "failure", None)
    return ["--weights", str(card)]


RESULTS = [
    "candidates", "cues.csv", "cues.json", "history", "hits.txt", "overview.png", "project.json", "provenance.json", "sounds",
    "soundtrack.wav", "target_with_sound.mp4",
]  # fmt: skip


def test_generate_writes_everything(
    clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: list[str]
) -> None:
    out = tmp_path / "out"
    assert main(words(clips, out, "--candidates", "3", "--no-rerank", "--seed", "7", *fake)) == 0
    stdout, stderr = capsys.readouterr()
    assert sorted(p.name for p in out.iterdir()) == RESULTS
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert [Path(line).name for line in stdout.splitlines()] == [
        "soundtrack.wav", "target_with_sound.mp4", "scores.csv", "hits.txt", "overview.png", "provenance.json",
    ]  # fmt: skip
    assert all(Path(line).is_file() for line in stdout.splitlines())
    stages = ["loading the model", "drawing", "writing the results"]
    assert stderr.splitlines() == [f"condfoley: {stage}" for stage in stages]
    assert FakeFoley.asked == Settings(rerank=False, candidates=3, seed=7)
    assert probe(out / "target_with_sound.mp4").has_audio

    told = json.loads((out / "provenance.json").read_text())
    assert told["inputs"]["target"]["bytes"] == Path(clips.target).stat().st_size
    assert len(told["inputs"]["reference"]["sha256"]) == 64
    assert told["weights"]["name"] == "made-up" and told["chosen"] == 2
    assert told["command"].startswith("condfoley generate --reference ")
    required = {"numpy", "scipy", "soxr", "av"} | ({"torch"} & set(sys.modules))
    assert {"python", "condfoley", "platform"} | required <= told["versions"].keys()
    assert all(told["versions"][name] for name in required) and "pytest" not in told["versions"]
    assert told["options"]["seed"] == 7 and "seed" not in told


def test_json_force_and_quiet(
    clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: list[str]
) -> None:
    (tmp_path / "soundtrack.wav").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    assert main(words(clips, tmp_path, "--json", "--force", "--quiet", *fake)) == 0
    stdout, stderr = capsys.readouterr()
    told = json.loads(stdout)
    assert stderr == "" and stdout.count("\n") == 1
    assert Path(told["soundtrack"]).stat().st_size > 1000 and Path(told["hits"]).is_file()
    assert (told["candidates"][0]["file"], told["candidates"][0]["chosen"]) == ("03_9.flac", True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_target_of_variable_frame_rate_is_told(
    clips: SimpleNamespace, tmp_path: Path, make_clip: Any, capsys: pytest.CaptureFixture[str], fake: list[str]
) -> None:
    varying = make_clip("varying.mp4", times=[0.0, 0.033, 0.066, 0.3, 0.333, 0.366, 0.8, 0.833, 0.866, 1.0])
    for target, count in ((clips.target, 0), (str(varying), 1)):
        assert main(words(clips, tmp_path / str(count), *fake, target=target)) == 0
        lines = capsys.readouterr().err.splitlines()
        assert sum(f"{target} has a variable frame rate" in line and "ffmpeg -i" in line for line in lines) == count


@pytest.mark.parametrize("room", [20_000, 140_000])  # bytes: not enough for a sound, enough for all but the overview
def test_a_full_disk_is_said_to_be_one(
    clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: list[str], room: int
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        line = refused(capsys, words(clips, tmp_path / "out", "--quiet", *fake))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"cannot write to {tmp_path / 'out'} (" in line and "too large)" in line
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_not_utf_8(clips: SimpleNamespace, tmp_path: Path, fake: list[str], capfdbinary: Any) -> None:
    target = shutil.copy(clips.target, tmp_path / "latin\udce9 $x^2 \u65e5.mp4")
    out = tmp_path / "out\udce9"
    assert main(words(clips, out, "--quiet", "--debug", *fake, target=str(target))) == 0
    printed, complaints = capfdbinary.readouterr()
    assert printed.splitlines()[0] == os.fsencode(out / "soundtrack.wav") and not complaints
    assert json.loads((out / "provenance.json").read_text())["inputs"]["target"]["name"] == Path(target).name


def test_hits_that_are_given_stay_as_they_are(clips: SimpleNamespace, tmp_path: Path, fake: list[str]) -> None:
    assert main(words(clips, tmp_path / "out", "--quiet", *fake)) == 0
    hits = tmp_path / "out" / "hits.txt"
    mine = b"# the second is the lid\r\n0.25\t0.25\tbang\r\n0.5\n"
    hits.write_bytes(mine)
    assert main(words(clips, tmp_path / "out", "--quiet", "--force", "--hits", str(hits), *fake)) == 0
    assert hits.read_bytes() == mine
    record = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert record["inputs"]["hits"]["sha256"] == hashlib.sha256(mine).hexdigest()
    assert main(words(clips, tmp_path / "other", "--quiet", "--hits", str(hits), *fake)) == 0
    assert (tmp_path / "other" / "hits.txt").read_bytes() == mine


@pytest.mark.parametrize(
    ("failure", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (RuntimeError("two\nlines"), 1, "RuntimeError: two lines; --debug"),
        (MemoryError(), 1, "MemoryError"),
    ],
)
def test_a_failure_leaves_nothing(
    clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: list[str],
    monkeypatch: pytest.MonkeyPatch, failure: BaseException, code: int, says: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(FakeFoley, "failure", failure)
    assert main(words(clips, tmp_path / "a" / "b", "--quiet", *fake)) == code
    stdout, stderr = capsys.readouterr()
    assert stdout == "" and says in stderr and stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A complete system with tiny random weights."""
    return str(write_tiny_weights(tmp_path_factory.mktemp("tiny")))


def test_the_whole_chain(clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny: str) -> None:
    line = words(clips, tmp_path / "out", "--weights", tiny, "--candidates", "2", "--json", reference=clips.sound)
    assert main(line) == 0, capsys.readouterr().err
    told = json.loads(capsys.readouterr().out)
    wav = read_audio(told["soundtrack"], RATE)
    assert len(wav) / RATE == pytest.approx(probe(clips.target).duration, abs=0.001)
    assert [row["seed"] for row in sorted(told["candidates"], key=lambda row: row["file"])] == [0, 1]


def test_silent_reference(
    clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny: str
) -> None:
    silent = write_video(tmp_path / "silent.mp4", 1.0, np.zeros(RATE, np.float32))
    line = words(clips, tmp_path / "out", "--weights", tiny, "--quiet", reference=str(silent))
    assert "silent" in refused(capsys, line)
    assert [p.name for p in tmp_path.iterdir()] == ["silent.mp4"]


@pytest.mark.parametrize("harm", ["damaged", "foreign", "missing"])
def test_unusable_weights(
    clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny: str, harm: str
) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(tiny, weights)
    part = weights / "vocoder.safetensors"
    if harm == "missing":
        part.unlink()
    else:
        part.write_bytes(part.read_bytes()[:-1] + b"?" if harm == "damaged" else b"something else")
    line = words(clips, tmp_path / "out", "--weights", str(weights), "--quiet")
    assert "vocoder.safetensors" in refused(capsys, line)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (partial(ServeOptions, burst=math.nan), "--burst is nan"),
        (
            partial(StudyOptions, test="t", systems="a,b", out="o", headphone_rounds=math.nan),
            "--headphone-rounds is nan",
        ),
        (partial(EvaluateOptions, test="t", out="o", sample=math.nan), "--sample is nan"),
        (partial(GenerateOptions, reference="r", target="t", out="o", picture_guidance=math.nan), "--picture-guidance"),
        (partial(FinetuneOptions, out="o", steps=math.inf), "--steps is inf"),
    ],
)
def test_no_option_takes_what_is_no_number(options: Any, named: str) -> None:
    with pytest.raises(InputError, match=f"{named}.*; give [01] or more"):
        options()


def test_a_reader_that_goes_away_is_no_complaint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def gone(words: list[str]) -> int:
        raise BrokenPipeError

    monkeypatch.setattr("condfoley.cli.main._run", gone)
    assert main(["--help"]) == 1 and not sys.stderr.closed

    command = [sys.executable, "-m", "condfoley", "--help"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b"" and process.wait() == 1


def test_a_full_disk_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(words: list[str]) -> int:
        raise UnwritableError("out/metrics.json: cannot be written (No space left on device); make room")

    monkeypatch.setattr("condfoley.cli.main._run", full)
    assert "No space left" in refused(capsys, ["evaluate"])


@pytest.mark.parametrize("at", ["--reference", "--target", "--out", "--hits", "--weights"])
def test_a_path_that_the_system_refuses_is_told_in_one_line(
    at: str, clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: list[str]
) -> None:
    line = refused(capsys, [*words(clips, tmp_path / "out", *fake), at, "n" * 256])
    assert "n" * 256 in line and "too long" in line


def test_links_that_lead_in_a_circle_are_told_in_one_line(
    clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: list[str]
) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    line = refused(capsys, [*words(clips, tmp_path / "out", *fake), "--target", str(tmp_path / "one")])
    assert str(tmp_path / "one") in line


def test_a_name_cannot_give_orders_to_the_terminal(
    clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: list[str]
) -> None:
    line = refused(capsys, [*words(clips, tmp_path / "out", *fake), "--target", "\x1b[2Jgone\u202e\x07.mp4"])
    assert r"\x1b[2Jgone\u202e\x07.mp4: no such file" in line


def test_a_command_without_its_words_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    for line in ([], ["study"]):
        assert main(line) == 2 and "usage: condfoley" in capsys.readouterr().out
        assert main([*line, "--help"]) == 0 and "usage: condfoley" in capsys.readouterr().out


def test_debug_shows_the_traceback(
    clips: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(FakeFoley, "failure", RuntimeError("here"))
    assert main(words(clips, tmp_path / "out", "--debug", *fake)) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("line", [["--help"], ["--version"], ["generate", "--help"], ["train", "--help"]])
def test_help_imports_nothing_heavy(line: list[str]) -> None:
    code = (
        "import sys\nfrom condfoley.cli.main import main\n"
        "try:\n    code = main(sys.argv[1:])\nexcept SystemExit as stop:\n    code = stop.code\n"
        "heavy = {'torch', 'av', 'matplotlib', 'librosa', 'numpy', 'transformers'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", code, *line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "condfoley" in done.stdout


@pytest.mark.parametrize(
    "door", [["-m", "condfoley", "generate"], ["sample.py"], ["-m", "condfoley", "train"], ["train.py"]]
)
def test_doors(door: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *door, "--nonsense", "1"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    command = {"sample.py": "generate", "train.py": "train"}.get(door[-1], door[-1])
    assert done.stderr == f"condfoley: unknown option --nonsense; see `condfoley {command} --help`\n"


@pytest.mark.heavy
def test_the_package_is_lazy() -> None:
    code = "import sys, condfoley; assert 'torch' not in sys.modules; print(condfoley.Foley.__name__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "Foley", done.stderr
