"""The benchmark's arithmetic, on systems whose scores are known: perfect, silent, random, off by a little."""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile as sf

from benchmarks import contact, first_sound, real, simulated, speed
from condfoley.errors import InputError
from condfoley.evaluation import neighbours
from condfoley.geometry import Geometry

G = Geometry()
SECONDS = 4.0
PITCHES = (180, 320, 560, 1000, 1800, 3200)


def strike(times, pitch, seconds=SECONDS):
    """A soundtrack of decaying tones, its own pitch for each video."""
    t = np.arange(round(0.25 * G.sample_rate)) / G.sample_rate
    knock = 0.5 * np.exp(-t / 0.05) * np.sin(2 * np.pi * pitch * t)
    wav = np.zeros(round(seconds * G.sample_rate))
    for time in times:
        start = round(time * G.sample_rate)
        wav[start : start + len(knock)] += knock[: len(wav) - start]
    return wav.astype(np.float32)


@dataclass
class World:
    """Videos that are only names here: their event times, pitches and sounds."""

    folder: Path
    onsets: dict[str, np.ndarray] = field(default_factory=dict)
    pitch: dict[str, float] = field(default_factory=dict)

    def add(self, name, times, pitch):
        (self.folder / name).write_bytes(b"")
        self.onsets[name], self.pitch[name] = np.asarray(times), pitch

    def sound(self, path):
        return strike(self.onsets[Path(path).name], self.pitch[Path(path).name])


class FakeFoley:
    """Answers with `events(world, target, rng)` played on the reference's (or another) pitch."""

    def __init__(self, world, events, pitch=None):
        self.world, self.events, self.pitch = world, events, pitch

    def generate(self, reference, target, *, candidates, seed, render="vocoder"):
        assert render == "vocoder"
        pitch = self.pitch or self.world.pitch[Path(reference).name]
        wavs = [
            strike(self.events(self.world, Path(target).name, np.random.default_rng([seed, i])), pitch)
            for i in range(candidates)
        ]
        probability = np.zeros(round(SECONDS * G.fps))
        probability[np.round(self.world.onsets[Path(target).name] * G.fps).astype(int)] = 0.9
        return SimpleNamespace(
            wav=wavs[0],
            sample_rate=G.sample_rate,
            candidates=[SimpleNamespace(wav=wav, offset=0.0, confidence=0.5) for wav in wavs],
            duration=SECONDS, reference_start=0.0,
            reference=SimpleNamespace(duration=G.window_samples / G.sample_rate),
            impact_probability=probability,
        )  # fmt: skip


def perfect(world, target, rng):
    return world.onsets[target]


def silent(world, target, rng):
    return []


def at_random(world, target, rng):
    return np.sort(rng.uniform(0.1, SECONDS - 0.1, len(world.onsets[target])))


def late(world, target, rng):
    return world.onsets[target] + 0.13


def spaced(rng, count=5):
    """Times at least 0.3 s apart, so that each is an event of its own."""
    return np.sort(rng.choice(np.arange(0.2, SECONDS - 0.2, 0.35), count, replace=False) + rng.uniform(0, 0.04))


@pytest.fixture
def world(tmp_path, monkeypatch):
    made = World(tmp_path)
    rng = np.random.default_rng(0)
    for i in range(12):
        made.add(f"{i:06d}.mp4", spaced(rng), PITCHES[i % 6] * (1 + 0.3 * (i // 6)))
        events = [{"time": float(t), "kind": "hit"} for t in made.onsets[f"{i:06d}.mp4"]]
        (tmp_path / f"{i:06d}.json").write_text(json.dumps({"events": events}))
    for module in (real, simulated):  # the videos are empty files
        monkeypatch.setattr(module, "cached_audio", made.sound)
    return made


def simulated_summary(world, events, pitch=None):
    return simulated.measure(FakeFoley(world, events, pitch), world.folder, 12, 3, 0)["summary"]


def test_a_perfect_system_scores_one_and_beats_every_control(world):
    summary = simulated_summary(world, perfect)
    f1 = {name: value["mean"] for name, value in summary["f1"].items()}
    assert f1["reranked"] == f1["mean_candidate"] == f1["best_candidate"] == f1["true_sound"] == f1["picture"] == 1
    assert f1["shuffled"] < 0.6 and f1["random"] < 0.6
    assert summary["over_shuffled"]["mean"] == pytest.approx(1 - f1["shuffled"])
    assert summary["over_shuffled"]["interval"][0] > 0.3
    assert summary["timbre"]["rate"] == 1


def test_a_silent_system_scores_zero(world):
    summary = simulated_summary(world, silent)
    assert {summary["f1"][name]["mean"] for name in ("reranked", "best_candidate", "shuffled", "random")} == {0}


def test_a_random_system_is_at_chance(world):
    f1 = {name: value["mean"] for name, value in simulated_summary(world, at_random)["f1"].items()}
    assert f1["reranked"] == pytest.approx(f1["shuffled"], abs=0.15)
    assert f1["mean_candidate"] == pytest.approx(f1["random"], abs=0.15)
    assert f1["best_candidate"] > f1["mean_candidate"]


def test_a_late_system_is_wrong_and_a_wrong_timbre_is_noticed(world):
    assert simulated_summary(world, late)["f1"]["reranked"]["mean"] < 0.1
    assert simulated_summary(world, perfect, pitch=7000)["timbre"]["rate"] < 0.9


def test_results_depend_on_the_seed_only_and_are_json(world):
    first, second = (simulated.measure(FakeFoley(world, at_random), world.folder, 5, 2, 7) for _ in range(2))
    assert json.dumps(first) == json.dumps(second)
    text = simulated.table(first).text()
    assert "5 held-out targets" in text and "control: shuffled targets" in text


def test_triples_are_three_different_videos_and_use_all_targets():
    triples = simulated.draw_triples(25, 12, seed=3)
    assert all(len(set(triple)) == 3 for triple in triples)
    assert {t for t, _, _ in triples[:12]} == {t for t, _, _ in triples[12:24]} == set(range(12))
    assert triples == simulated.draw_triples(25, 12, seed=3) != simulated.draw_triples(25, 12, seed=4)


def test_unusable_simulated_folders(tmp_path):
    with pytest.raises(InputError, match="no folder"):
        simulated.read_videos(tmp_path / "none")
    with pytest.raises(InputError, match="0 simulated videos"):
        simulated.read_videos(tmp_path)
    (tmp_path / "000000.mp4").write_bytes(b"")
    (tmp_path / "000000.json").write_text("{}")
    with pytest.raises(InputError, match="no event times"):
        simulated.read_videos(tmp_path)


@pytest.fixture
def clips(world):
    rng = np.random.default_rng(1)
    rows = []
    kinds = {"hitting_metal": "easy", "gh_wall": "easy", "bag": "medium", "crowd": "hard"}
    for i, (name, difficulty) in enumerate(kinds.items()):
        world.add(f"{name}.mp4", spaced(rng), PITCHES[i])
        onsets = ";".join(f"{t:.3f}" for t in world.onsets[f"{name}.mp4"])
        rows.append({"file": f"{name}.mp4", "onsets_s": onsets, "difficulty": difficulty, "has_audio": "1"})
    rows.append({"file": "mute.mp4", "onsets_s": "", "difficulty": "easy", "has_audio": "0"})
    with (world.folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return world


def test_real_clips_of_known_systems(clips):
    result = real.measure(FakeFoley(clips, perfect), clips.folder, 2, 0)
    references = {row["clip"]: row["reference"] for row in result["rows"]}
    assert references == {
        "hitting_metal.mp4": "gh_wall.mp4",
        "gh_wall.mp4": "hitting_metal.mp4",
        "bag.mp4": "hitting_metal.mp4",
    }  # fmt: skip
    summary = result["summary"]
    assert summary["reranked"] == summary["true_sound"] == summary["picture"] == 1
    assert summary["over_random"] == pytest.approx(1 - summary["random_same_count"])
    assert 0.1 < summary["random_same_count"] < 0.6 and summary["timbre_of_reference"] == 1
    assert real.measure(FakeFoley(clips, silent), clips.folder, 2, 0)["summary"]["reranked"] == 0
    assert len(real.table(result).rows) == 4


def test_unusable_real_folders(clips):
    folder = clips.folder
    (folder / "bag.mp4").unlink()
    with pytest.raises(InputError, match="bag.mp4, which is not there"):
        real.read_manifest(folder)
    (folder / "manifest.csv").write_text("file,onsets_s\na.mp4,1\n")
    with pytest.raises(InputError, match="lacks the column difficulty"):
        real.read_manifest(folder)
    (folder / "manifest.csv").unlink()
    with pytest.raises(InputError, match="has no manifest.csv"):
        real.read_manifest(folder)


def test_pieces_avoid_what_the_model_was_given():
    wav = strike([0.5, 1.5, 2.5, 3.5], 500)
    size = round(neighbours.EXCERPT_SECONDS * G.sample_rate)
    assert [len(p) for p in neighbours.excerpts(wav)] == [size] * 3
    assert len(neighbours.excerpts(wav, used=(0.0, 2.0))) == 2
    assert len(neighbours.excerpts(wav[:size], used=(0.0, 2.0))) == 1  # nothing else remains
    assert len(neighbours.excerpts(strike([0.5], 500))) == 1  # the pieces without events say nothing


def test_the_run_from_the_command_line(clips, monkeypatch, capsys, tmp_path):
    from condfoley import foley

    monkeypatch.setattr(foley.Foley, "load", lambda path=None: FakeFoley(clips, perfect))
    words = [
        "--only",
        "simulated,real",
        "--simulated",
        str(clips.folder),
        "--pairs",
        "4",
        "--candidates",
        "2",
    ]
    assert first_sound.main([*words, "--clips", str(clips.folder), "--out", str(tmp_path / "out")]) == 0
    assert "Real clips: onset F1" in capsys.readouterr().out
    saved = json.loads((tmp_path / "out" / "first_sound.json").read_text())
    assert saved["settings"] == {"pairs": 4, "candidates": 2, "seed": 0}
    assert saved["simulated"]["summary"]["pairs"] == 4 and len(saved["real"]["rows"]) == 3
    assert (tmp_path / "out" / "first_sound.md").read_text().count("\n## ") == 2
    assert first_sound.main(words) == 0
    assert "--clips DIR" in capsys.readouterr().out


def test_the_sampling_options_reach_the_model(clips, monkeypatch, tmp_path):
    from condfoley import foley

    asked = []

    class Sampling(FakeFoley):
        def generate(self, reference, target, *, candidates, seed, **sampling):
            asked.append(sampling)
            return super().generate(reference, target, candidates=candidates, seed=seed, render=sampling.pop("render"))

    monkeypatch.setattr(foley.Foley, "load", lambda path=None: Sampling(clips, perfect))
    words = ["--only", "simulated", "--simulated", str(clips.folder), "--pairs", "2", "--candidates", "1"]
    assert first_sound.main([*words, "--guidance", "2", "--top-p", "0.8", "--out", str(tmp_path)]) == 0
    assert asked == [{"guidance": 2.0, "top_p": 0.8}] * 2
    assert json.loads((tmp_path / "first_sound.json").read_text())["settings"]["guidance"] == 2.0


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--only", "speeed"], "no part"), (["--pairs", "0"], "1 or more"), (["--only", ""], "no part")],
)
def test_options_that_make_no_sense(words, message, capsys):
    assert first_sound.main(words) == 2
    assert message in capsys.readouterr().err


def test_speed_is_reported_from_a_run():
    run = {
        "seconds": [5.0, 4.0, 6.0], "processor": [7.1, 7.0, 7.2], "duration": 6.0, "load_seconds": 1.0, "peak_bytes": 1.5e9,
        "candidates": 8, "threads": 2, "machine": speed.machine(),
    }  # fmt: skip
    result = speed.summarise(run)
    assert result["summary"]["seconds_per_second"] == pytest.approx(5 / 6)
    assert "0.83" in speed.table(result).text() and "1.50" in speed.table(result).text()
    assert result["summary"]["processor_seconds"] == 7.0
    assert "torch" in result["summary"]["machine"]


def test_held_out_videos_are_made_where_nothing_is_stale(tmp_path, monkeypatch):
    from condfoley.evaluation import held_out

    asked = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(held_out, "write_clips", lambda recipe: asked.append(recipe) or [])
    folder = held_out.ensure_folder(100)
    assert asked[0].clips == 110 and asked[0].sounds == "heldout" and asked[0].seed == held_out.SEED
    assert folder == asked[0].out and folder.is_relative_to(tmp_path)
    monkeypatch.setattr(held_out, "generator_hash", lambda: "another")
    assert held_out.ensure_folder(100) != folder
    monkeypatch.setattr(held_out, "write_clips", lambda recipe: [(3, "no screen")])
    with pytest.raises(InputError, match="no screen"):
        held_out.ensure_folder(100)


def test_a_study_can_show_the_references_of_the_listening_page(tmp_path):
    from benchmarks.listen import shown
    from condfoley.media import probe

    sound = np.random.default_rng(0).normal(0, 0.1, (66150, 2))
    sf.write(tmp_path / "01-metal.wav", sound, 44100)
    info = probe(shown(tmp_path / "01-metal.wav"))
    assert info.has_video and info.has_audio and (info.sample_rate, info.channels) == (44100, 2)
    assert info.duration == pytest.approx(1.5, abs=0.1)


def test_distances_of_contacts_are_those_of_the_scene():
    pytest.importorskip("mujoco", reason="needs the extra simulate")
    depths, heights = (np.concatenate(found) for found in zip(*map(contact.scene_depths, range(800_000, 800_006))))
    assert len(depths) > 10 and (depths > 0).all() and (0 < heights).all() and (heights < 1).all()
