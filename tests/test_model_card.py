"""The model card on toy weights and clips, and its arithmetic on numbers."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import footage, model_card, reranking
from benchmarks.scoring import mean_of
from condfoley.errors import InputError
from condfoley.evaluation.clips import METRIC_GEOMETRY
from condfoley.evaluation.scores import PairScores
from condfoley.evaluation.spectral import cepstral_distance, event_cepstra
from condfoley.media import write_wav
from tests.conftest import clicks
from tests.made_up import pulses
from tests.tiny import write_tiny_weights
from tests.training.toy import HITS, write_hits

LABELS = (("hit", "wood"), ("scratch", "metal"), ("hit", "glass"), ("scratch", "metal"))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Toy weights, four clips with their truth, pairs of them as real ones, two one-shots."""
    home = tmp_path_factory.mktemp("card")
    write_tiny_weights(home / "weights")
    for name in ("clips", "shots"):
        (home / name).mkdir()
    for i, (kind, material) in enumerate(LABELS):
        write_hits(home / "clips" / f"{i}.mp4", i, events=True)
        notes = {"events": [{"time": t, "kind": kind} for t in HITS], "material": material}
        (home / "clips" / f"{i}.json").write_text(json.dumps(notes))
    times = ";".join(map(str, HITS))
    lines = [f"clips/{i}.mp4,clips/{i + 1}.mp4,{times},{'Greatest Hits' if i else 'ours'}" for i in range(2)]
    (home / "pairs.csv").write_text("\n".join(["target,reference,onsets_s,footage_origin", *lines]))
    for i in range(2):
        write_wav(home / "shots" / f"{i}.wav", pulses([0.0], 0.3, 300 + 900 * i), METRIC_GEOMETRY.sample_rate)
    return home


@pytest.mark.heavy
def test_every_line_of_the_card_from_the_command_line(home, capsys):
    words = ["--weights", home / "weights", "--simulated", home / "clips", "--oneshots", home / "shots"]
    words += ["--out", home / "out", "--pairs", 3, "--rerank-pairs", 1, "--counts", "1,2", "--candidates", 1]
    words = list(map(str, words))
    assert model_card.main([*words, "--only", "simulated,pretext,oneshots,reranking"]) == 0
    said = capsys.readouterr().out
    assert "onset transfer + 0.15" in said and "reconstruction's own" in said and "Griffin-Lim, 60 it." in said
    assert "true reference, another video's picture" in said and "offset error, ms: ours, N = 2" in said
    assert model_card.main([*words, "--only", "real", "--real", str(home / "pairs.csv")]) == 0
    said = capsys.readouterr().out
    assert "real clips, Greatest Hits" in said and "motion " in said and "nearer to the reference's" in said
    card = json.loads((home / "out" / "model_card.json").read_text())
    assert {name: len(part["lines"]) for name, part in card["parts"].items()} == {
        "simulated": 5, "pretext": 3, "real": 3, "oneshots": 2, "reranking": 12,
    }  # fmt: skip
    assert (home / "out" / "model_card.md").read_text().count("\n| ") == 1 + 25
    assert {f.name for f in (home / "out" / "simulated" / "sounds").iterdir()} == set(model_card.SYSTEMS.split(","))


def test_what_is_not_given_is_left_out_with_a_line_and_what_is_wrong_is_said(home, tmp_path, capsys):
    words = ["--weights", str(home / "weights"), "--out", str(tmp_path)]
    assert model_card.main([*words, "--only", "real"]) == 0
    assert model_card.NO_CLIPS in capsys.readouterr().out
    for wrong, message in (
        (["--only", "reall"], "no part"), (["--pairs", "0"], "1 or more"), (["--real", "nowhere"], "no nowhere"),
    ):  # fmt: skip
        assert model_card.main([*words, *wrong]) == 2
        assert message in capsys.readouterr().err


def test_a_card_of_other_weights_is_not_continued(home, tmp_path):
    given = model_card.parser().parse_args(
        ["--weights", str(home / "weights"), "--out", str(tmp_path), "--only", "real"]
    )
    old = {"name": "old", "weights": {"tokenizer": "0"}, "parts": {"oneshots": {}}}
    (tmp_path / "model_card.json").write_text(json.dumps(old))
    assert list(model_card.run(given)["parts"]) == ["real"]


def test_offset_is_that_of_the_events_that_belong_together():
    true = np.array([0.5, 1.0, 2.0])
    assert reranking.offset_error(true, true + 0.05) == pytest.approx(0.05)
    assert reranking.offset_error(true, np.array([0.46, 1.04, 5.0])) == pytest.approx(0)
    assert reranking.offset_error(true, np.array([1.9])) == pytest.approx(0.1)
    for nothing in (np.zeros(0), true + 0.25):
        assert reranking.offset_error(true, nothing) == reranking.MAX_DISTANCE


def test_choices_look_at_the_first_candidates_only(monkeypatch):
    scores = ((0.5, 0.9), (0.1, 0.2), (0.0, 0.1), (0.0, 0.8))
    made = [SimpleNamespace(wav=i, offset=o, confidence=c, agreement=None) for i, (o, c) in enumerate(scores)]
    monkeypatch.setattr(reranking, "rank_candidates", lambda few, tolerance: [len(few) - 1])
    found = reranking.choices(SimpleNamespace(candidates=made), (2, 4))
    assert found == {
        "published rule, N = 2": 1, "ours, N = 2": 1, "published rule, N = 4": 3, "ours, N = 4": 3,
    }  # fmt: skip


def test_what_is_chosen_is_compared_with_the_mean_candidate(monkeypatch):
    rate, true = 22050, np.array([0.5, 1.2, 1.9])
    wavs = [clicks(true, 2.5, rate), clicks(true + 0.03, 2.5, rate), clicks([0.8], 2.5, rate), clicks([1.6], 2.5, rate)]
    made = [SimpleNamespace(wav=wav, offset=0.1 * i, confidence=0.5) for i, wav in enumerate(wavs)]
    foley = SimpleNamespace(
        generate=lambda *paths, **settings: SimpleNamespace(
            candidates=made, hits=true, sample_rate=rate, duration=2.5, settings=settings
        )
    )
    pair = SimpleNamespace(reference=SimpleNamespace(path="r"), target=SimpleNamespace(path="t", onsets=true))
    monkeypatch.setattr(reranking, "rank_candidates", lambda few, tolerance: [len(few) - 1])
    monkeypatch.setattr(reranking, "comped", lambda made, n: wavs[n % 2])
    found = reranking.measure(foley, [pair], (2, 3), 0)
    each = np.array([reranking.score(true, wav, rate) for wav in wavs])
    assert each[:, 1].tolist() == [1, 1, 0, 0] and each[2:, 0].tolist() == [1000 * reranking.MAX_DISTANCE] * 2
    assert found["none"][0] == pytest.approx(each.mean(0))
    assert np.array_equal(found["ours, N = 2"][0], each[1]) and np.array_equal(found["ours, N = 3"][0], each[2])
    for way in ("published rule, N = 2", "ours, comped, N = 2"):
        assert np.array_equal(found[way][0], each[0])


def test_comping_is_given_the_first_candidates_only(monkeypatch):
    made = SimpleNamespace(candidates=[3, 2, 1, 0], cues=SimpleNamespace(times="cues"))
    monkeypatch.setattr(reranking, "rank_candidates", lambda few, tolerance: [len(few) - 1])
    monkeypatch.setattr(reranking, "comp", lambda few, cues, best, *_: (f"{few} {cues} {best}", []))
    monkeypatch.setattr(reranking, "repair", lambda track, cues: SimpleNamespace(mono=f"{track}, {cues}"))
    assert reranking.comped(made, 2) == "[3, 2] cues 1, cues"


def test_motion_peaks_are_where_the_picture_changes(home):
    found = footage.motion_onsets(home / "clips" / "0.mp4", 2 * len(HITS))  # a flash comes and goes
    assert np.abs(found[:, None] - np.array(HITS)).min(0).max() < 0.1
    assert len(footage.motion_onsets(home / "clips" / "0.mp4", 1)) == 1


def test_real_timing_must_beat_motion_and_tie_with_transfer():
    def line(motion, transfer, ours=0.75):
        scores = {"condfoley": ours, "motion": motion, "onset-transfer": transfer}
        rows = [PairScores(name, "p", "t", {"f1_100": f1}) for name, f1 in scores.items()]
        return footage.timing_line("real", rows, 0.7, ("motion", "onset-transfer"), "", 0)

    assert line(0.7, 0.75).reached and "motion 0.70" in line(0.7, 0.75).beside
    assert not line(0.75, 0.75).reached and not line(0.7, 0.8).reached and not line(0.1, 0.1, 0.6).reached


def test_a_manifest_becomes_pairs(tmp_path):
    rows = [
        {"file": f"{name}.mp4", "onsets_s": "0.5;1", "difficulty": "hard", "has_audio": "1", "footage_origin": "here"}
        for name in ("hitting_metal", "gh_wall", "dog")
    ]
    for row in rows:
        (tmp_path / row["file"]).write_bytes(b"")
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with footage.write_pairs(tmp_path, tmp_path / "out" / "pairs.csv").open() as file:
        pairs = {row["name"]: row for row in csv.DictReader(file)}
    assert pairs["gh_wall"]["reference"].endswith("hitting_metal.mp4") and pairs["dog"]["footage_origin"] == "here"
    assert pairs["hitting_metal"]["reference"].endswith("gh_wall.mp4") and pairs["dog"]["onsets_s"] == "0.5;1"
    with pytest.raises(InputError, match="no folder"):
        footage.write_pairs(tmp_path / "none", tmp_path / "pairs.csv")


def test_events_are_compared_whatever_their_times_and_level():
    low, high = (pulses([0.3, 1.1], 2.0, pitch) for pitch in (300, 1500))
    a, b, c = (event_cepstra(wav, METRIC_GEOMETRY) for wav in (low, 0.1 * pulses([0.6], 1.5, 300), high))
    assert cepstral_distance(a, a) == 0 and cepstral_distance(a, b) < 0.5 * cepstral_distance(a, c)
    assert event_cepstra(np.zeros(9000, np.float32), METRIC_GEOMETRY) is None


def test_a_mean_has_its_interval():
    found = mean_of([True, False, True, False], 0)
    assert (found.mean, found.n) == (0.5, 4) and 0 <= found.low < 0.5 < found.high <= 1
