"""Every `condfoley` command in the README and in the documents of its users is run, in a folder that has what it names.

Toy sizes and few steps are added; nothing else is changed.
"""

import dataclasses
from pathlib import Path

import pytest
import soundfile

from condfoley.cli.main import main
from condfoley.sizes import JudgesConfig
from tests.data import stand_ins
from tests.documents import ROOT, executed
from tests.sounds import RATE, noise_bursts
from tests.tiny import BIND, CONTACT, EVENTS, GEOMETRY, SYNC, TOKENIZER, TRANSFORMER, VIDEO, VOCODER, write_tiny_weights
from tests.training.toy import write_clips, write_hits

pytestmark = pytest.mark.heavy  # commands that train

COMMANDS = executed()

JUDGES = JudgesConfig(widths=(4, 8), depths=(1, 1), grid=(2, 2), hidden=8)
SIZES = {
    "tokenizer": TOKENIZER, "vocoder": VOCODER, "video": VIDEO, "transformer": TRANSFORMER, "sync": SYNC,
    "events": EVENTS, "contact": CONTACT, "bind": BIND, "judges": JUDGES,
}  # fmt: skip
RUN = ["steps=2", "batch_size=2", "threads=1", "data.frame_size=40", "data.workers=1", "data.validation=0.3"]
IMPACTS = ["judges.impact_frames=16", "judges.impact_widths=[4,8]", "data.instruments=8"]
LOSS = ["loss.disc_channels=4", "loss.adversarial_from=1", "loss.quantise_from=1"]


def stated(group: str, values: object) -> list[str]:
    """A dataclass as `group.key=value` words."""
    fields = dataclasses.asdict(values).items()  # type: ignore[call-overload]
    words = {k: list(v) if isinstance(v, tuple) else "null" if v is None else v for k, v in fields}
    return [f"{group}.{k}={v}" for k, v in words.items()]


def toy(words: list[str]) -> list[str]:
    """What is added to a command so that it takes a second."""
    if words[0] == "train":
        sizes = [w for group, values in SIZES.items() for w in stated(group, values)]
        impacts = IMPACTS if any(word.startswith("configs/recordings/") for word in words) else []
        return [*RUN, *LOSS, *sizes, *stated("geometry", GEOMETRY), *impacts]
    own = words[:2] == ["prepare", "countix-av"]  # says itself what is for validation
    return {
        "generate": ["--candidates", "1", "--force"],
        "edit": [],
        "undo": [],
        "stems": [],
        "redo": ["--candidates", "1"],
        "timeline": ["--force"],
        "batch": ["--candidates", "1", "--force"],
        "simulate": ["--clips", "4", "--size", "32", "--duration", "4.5", "--workers", "1"],
        "prepare": ["--workers", "1", "--short-side", "32", *(() if own else ("--validation", "0.4"))],
        "finetune": ["--weights", "toy", "--steps", "15", "--batch-size", "2", "--listen", "0"],
    }[words[0]]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the commands name."""
    folder = tmp_path_factory.mktemp("desk")
    for name in ("configs", "recordings"):
        (folder / name).symlink_to(ROOT / name)
    write_tiny_weights(folder / "toy")
    for name in ("A.mp4", "B.mp4"):
        write_hits(folder / name, seed=1, events=False)
    soundfile.write(folder / "take.wav", noise_bursts([0.5, 1.1], [40.0, 40.0], 2.0), RATE)
    for name in ("boots.wav", "cup.wav"):
        soundfile.write(folder / name, noise_bursts([0.3, 0.9], [40.0, 40.0], 1.5), RATE)
    soundfile.write(folder / "room.wav", noise_bursts([], [], 1.0, floor=1e-2), RATE)
    (folder / "pairs.csv").write_text("reference,target\nA.mp4,B.mp4\n")
    for name in ("videos", "my_clips", "my_videos"):
        (folder / name).mkdir()
        write_clips(folder / name, 3)
    stand_ins.greatest_hits(folder / "vis-data")
    stand_ins.countix_av(folder / "countix")
    return folder


@pytest.mark.parametrize("words", COMMANDS, ids=[" ".join(words)[:60] for words in COMMANDS])
def test_a_command_of_the_documents_runs(words, desk, monkeypatch, capsys):
    if words[0] == "simulate":
        pytest.importorskip("mujoco")
    monkeypatch.chdir(desk)
    assert main([*words, *toy(words)]) == 0, capsys.readouterr().err
    if words[0] == "generate":
        assert (desk / "DIR" / "soundtrack.wav").stat().st_size > 1000


def test_the_documents_show_every_command_that_makes_or_learns_something():
    assert {words[0] for words in COMMANDS} == {
        "generate",
        "edit",
        "redo",
        "undo",
        "stems",
        "timeline",
        "batch",
        "simulate",
        "prepare",
        "finetune",
        "train",
    }
