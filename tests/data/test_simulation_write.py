"""Simulated clips as files: complete, resumable, aligned; one failure doesn't stop the others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="simulated clips need MuJoCo")

from condfoley.audio.onsets import detect_onsets
from condfoley.data.events import Event
from condfoley.data.simulation import write
from condfoley.data.simulation.bank import SoundBank
from condfoley.data.simulation.like import hear
from condfoley.data.simulation.motion import Hand, impact_speed
from condfoley.data.simulation.plan import Style, plan_events
from condfoley.data.simulation.render import open_context
from condfoley.data.simulation.scene import Scene
from condfoley.data.simulation.sound import Instrument
from condfoley.data.simulation.write import SimulateOptions, write_clips
from condfoley.data.sources.folder import read_notes
from condfoley.errors import InputError
from condfoley.media import read_audio, write_wav
from tests.data.stand_ins import interruptible
from tests.made_up import RATE, pulses

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def drawing() -> None:
    try:
        open_context()
    except InputError as error:
        pytest.skip(f"no OpenGL here: {error}")


def decoded(path: Path) -> np.ndarray:
    import av

    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]).astype(float)


def recipe(folder: Path, **changes: object) -> SimulateOptions:
    return SimulateOptions(
        **{"out": folder, "clips": 3, "workers": 1, "seed": 3, "duration": 1.0, "size": 64, **changes}
    )  # type: ignore[arg-type]


def test_a_missing_clip_is_made_again_and_only_that(tmp_path: Path, drawing: None) -> None:
    assert write_clips(recipe(tmp_path), quiet=True) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"00000{index}.{suffix}" for index in range(3) for suffix in ("json", "mp4")
    ]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    pictures = decoded(tmp_path / "000001.mp4")
    (tmp_path / "000001.json").unlink()
    assert write_clips(recipe(tmp_path), quiet=True) == []
    for path, (content, written) in before.items():
        # x264 does not always code the same pictures into the same bytes, so the made one is compared decoded.
        assert path.read_bytes() == content or path.name == "000001.mp4"
        assert (path.stat().st_mtime_ns == written) == (path.stem != "000001")
    assert np.abs(decoded(tmp_path / "000001.mp4") - pictures).mean() < 2


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_half_written_stays(way: signal.Signals, tmp_path: Path, drawing: None) -> None:
    out = tmp_path / "out"
    settings = ["--clips", "40", "--duration", "3", "--size", "64", "--seed", "3", "--workers", "2"]
    process = interruptible(["simulate", "--out", str(out), *settings])
    while not (list(out.glob("*.json")) and list(out.glob(".parts/*"))):
        time.sleep(0.002)
        assert process.poll() is None
    if way == signal.SIGKILL:
        process.kill()  # the command alone: its workers find out by themselves, and let go of stderr
        process.communicate()
        done = len(list(out.glob("*.json")))
        assert write_clips(recipe(out, clips=done, duration=3.0), quiet=True) == []
    else:
        os.killpg(process.pid, way)
        assert process.communicate()[1].endswith("condfoley: interrupted\n") and process.returncode == 130
    left = sorted(path.name for path in out.iterdir())
    assert len(left) < 80 and [name for name in left if name.startswith(".") or name[6:] not in (".mp4", ".json")] == []
    for path in out.iterdir():
        assert json.loads(path.read_text()) if path.suffix == ".json" else len(decoded(path)) == 45


def test_other_settings_in_the_same_folder_are_refused(tmp_path: Path, drawing: None) -> None:
    write_clips(recipe(tmp_path, clips=1), quiet=True)
    with pytest.raises(InputError, match="another seed"):
        write_clips(recipe(tmp_path, clips=1, seed=4), quiet=True)


def test_decoded_sound_is_the_rendered_sound(tmp_path: Path, drawing: None) -> None:
    import av

    write_clips(recipe(tmp_path, clips=1, duration=3.0), quiet=True)
    truth = json.loads((tmp_path / "000000.json").read_text())
    bank = SoundBank.load("train")
    rng = np.random.default_rng([truth["seed"], 0x50D])
    instrument = Instrument.draw(rng, bank)
    wanted = instrument.render([Event.from_dict(event) for event in truth["events"]], 3.0, rng)
    with av.open(str(tmp_path / "000000.mp4")) as file:
        blocks = list(file.decode(audio=0))
    assert blocks[0].pts == 0 and truth["material"] == instrument.material
    found = np.concatenate([block.to_ndarray()[0] for block in blocks])[: len(wanted)]
    spectrum = np.fft.rfft(found, 2 * len(wanted)) * np.conj(np.fft.rfft(wanted, 2 * len(wanted)))
    lag = int(np.argmax(np.fft.irfft(spectrum)))
    assert min(lag, 2 * len(wanted) - lag) <= 2  # samples


def test_one_failure_does_not_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def fails_once(recipe: SimulateOptions, index: int, bank: SoundBank) -> None:
        if index == 1:
            raise RuntimeError("out of luck\nsecond line")
        made.append(index)

    monkeypatch.setattr(write, "write_clip", fails_once)
    assert write_clips(recipe(tmp_path), quiet=True) == [(1, "RuntimeError: out of luck")]
    assert made == [0, 2]


def test_a_missing_simulator_is_said_once_and_up_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mujoco", None)  # as if it were not installed
    with pytest.raises(InputError, match=r"condfoley\[simulate\]"):
        write_clips(recipe(tmp_path), quiet=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clips": 0}, "clips"),
        ({"size": 33}, "even"),
        ({"duration": 0.0}, "duration"),
        ({"seed": -1}, "seed"),
    ],
)
def test_impossible_recipes_are_refused(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        recipe(tmp_path, **changes)


def test_the_command_reports_a_wrong_call_in_one_line(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(REPOSITORY / "data_prep" / "simulate.py"),
        "--out",
        str(tmp_path),
        "--size",
        "33",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env={"PYTHONPATH": "."}, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "even number" in done.stderr


def test_a_folder_made_without_unheard_movement_is_not_mixed_with_it(tmp_path: Path, drawing: None) -> None:
    assert write_clips(recipe(tmp_path, clips=1), quiet=True) == []
    truth = json.loads((tmp_path / "000000.json").read_text())
    assert truth["unheard"] == 0 and read_notes(tmp_path / "000000.mp4")[1]  # known as simulated
    with pytest.raises(InputError, match="another unheard"):
        write_clips(recipe(tmp_path, clips=1, unheard=0.5), quiet=True)
    del truth["unheard"]  # of no version that was released
    (tmp_path / "000000.json").write_text(json.dumps(truth))
    with pytest.raises(InputError, match="another unheard"):
        write_clips(recipe(tmp_path, clips=1), quiet=True)
    with pytest.raises(InputError, match="between 0 and 1"):
        recipe(tmp_path, unheard=1.5)


def test_clips_from_before_a_setting_are_what_its_default_makes(tmp_path: Path, drawing: None) -> None:
    assert write_clips(recipe(tmp_path, clips=1), quiet=True) == []
    path = tmp_path / "000000.json"
    truth = json.loads(path.read_text())
    assert truth.pop("rhythmic") == 0 and truth["scene"]["timing"] == "loose"
    path.write_text(json.dumps(truth))
    assert write_clips(recipe(tmp_path, clips=1), quiet=True) == [] and "rhythmic" not in json.loads(path.read_text())
    with pytest.raises(InputError, match="another capture"):
        write_clips(recipe(tmp_path, clips=1, capture="camera"), quiet=True)
    with pytest.raises(InputError, match="another rhythmic"):
        write_clips(recipe(tmp_path, clips=1, rhythmic=1.0), quiet=True)
    with pytest.raises(InputError, match="--rhythmic must be between 0 and 1"):
        recipe(tmp_path, rhythmic=-0.1)
    assert write_clips(recipe(tmp_path / "steady", clips=1, rhythmic=1.0), quiet=True) == []
    assert json.loads((tmp_path / "steady" / "000000.json").read_text())["scene"]["timing"] == "steady"


def sound_to_follow(path: Path) -> Path:
    """A hard hit, a soft one soon after it, another hard one, and a stroke."""
    wav = pulses([0.3, 0.9], 2.0) + 0.3 * pulses([0.5], 2.0)
    stroke = np.random.default_rng(0).normal(0, 0.1, round(0.5 * RATE))
    wav[round(1.3 * RATE) :][: len(stroke)] += stroke
    return write_wav(path, wav.astype(np.float32), RATE)


def test_a_video_strikes_when_the_sound_does_it_was_made_for(tmp_path: Path, drawing: None) -> None:
    like, out = sound_to_follow(tmp_path / "sound.wav"), tmp_path / "out"
    heard = hear(like)
    assert [event.kind for event in heard.events] == ["hit", "hit", "hit", "scratch"]
    options = SimulateOptions(out=out, like=like, workers=1, size=32, seed=4)
    assert write_clips(options, quiet=True) == []
    assert sorted(path.name for path in out.iterdir()) == ["000000.json", "000000.mp4"]
    made, _ = read_notes(out / "000000.mp4")
    onsets, _ = detect_onsets(read_audio(like, RATE), RATE)
    assert [event.time for event in made] == pytest.approx(onsets.tolist())
    assert [event.time for event in made] == pytest.approx([0.3, 0.5, 0.9, 1.3], abs=0.02)
    assert [event.kind for event in made] == [event.kind for event in heard.events]
    assert made[1].strength < made[0].strength - 0.3 and 0.3 < made[3].duration < 0.7
    own, _ = detect_onsets(read_audio(out / "000000.mp4", RATE), RATE)
    assert own.tolist() == pytest.approx(onsets.tolist(), abs=0.02)
    assert write_clips(options, quiet=True) == []  # nothing is left to do
    write_wav(like, pulses([0.4], 2.0), RATE)
    hear.cache_clear()
    with pytest.raises(InputError, match="made with another like"):
        write_clips(options, quiet=True)


@pytest.mark.parametrize("gap", [0.09, 0.15, 0.6])
def test_swings_reach_the_surface_at_every_event(gap: float) -> None:
    times = 0.2 + gap * np.arange(6)
    events = [Event(float(t), "hit", strength=s) for t, s in zip(times, (1, 0, 0.5, 0.2, 1, 1))]
    rng = np.random.default_rng(1)
    scene = Scene.draw(rng)
    actions = plan_events(rng, scene, Style.draw(rng, scene), events, lambda aim: aim)
    contacts = [action for action in actions if action.kind == "hit"]
    assert [action.time for action in contacts] == times.tolist()
    strengths = [np.log(impact_speed(a) / scene.view / 0.8) / np.log(14 / 0.8) for a in contacts]
    assert gap < 0.5 or strengths == pytest.approx([e.strength for e in events], abs=0.25)
    for index, tool in enumerate(scene.tools):
        hand = Hand(rng, tool, Style.draw(rng, scene), [a for a in actions if a.tool == index], 4.0)
        own = [a.time for a in contacts if a.tool == index]
        assert np.abs(np.interp(own, hand.times, hand.swing)).max() < 0.02
        between = [(a + b) / 2 for a, b in zip(own, own[1:])]
        assert all(np.interp(t, hand.times, hand.swing) > 0 for t in between)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rhythmic": 0.5}, "leave out --rhythmic"),
        ({"duration": 3.0}, "leave out --duration"),
        ({"clips": 0}, "must be 1 or more"),
    ],
)
def test_what_a_sound_decides_is_not_asked_for(tmp_path: Path, changes: dict[str, float], says: str) -> None:
    with pytest.raises(InputError, match=says):
        SimulateOptions(out=tmp_path, like=tmp_path / "a.wav", **changes)  # type: ignore[arg-type]


def test_a_sound_without_impacts_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for name, seconds, says in (("silent.wav", 1.0, "no impact is heard"), ("short.wav", 0.1, "lasts 0.10 s")):
        write_wav(tmp_path / name, np.zeros(round(seconds * RATE), np.float32), RATE)
        with pytest.raises(InputError, match=says):
            write_clips(SimulateOptions(out=tmp_path / "out", like=tmp_path / name), quiet=True)
    assert not (tmp_path / "out").exists()
