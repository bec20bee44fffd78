"""Which clips are paired, what is known of them, and where failures and unknown values go in the means."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from condfoley.data.events import Event
from condfoley.data.published import greatest_hits_test_pairs
from condfoley.errors import InputError
from condfoley.evaluation import testsets
from condfoley.evaluation.clips import JUDGE, Clip, Pair
from condfoley.evaluation.embedders import named as embedding
from condfoley.evaluation.metrics import METRICS
from condfoley.evaluation.pairs import drawn_pairs, require_file_name, with_strangers
from condfoley.evaluation.scores import Row, table, worst
from condfoley.evaluation.systems import Workshop, mismatched, named
from condfoley.media import write_clip
from tests.made_up import frames, pulses

CLIPS = [Clip(Path(f"{i}.mp4"), (Event(0.5, "hit" if i % 2 else "scratch", 0.0 if i % 2 else 0.2),)) for i in range(5)]


def test_drawn_pairs_use_every_clip_and_never_itself():
    pairs = drawn_pairs(CLIPS, 5, seed=3)
    assert {p.target.path for p in pairs} == {c.path for c in CLIPS}
    assert all(len({p.target.path, p.reference.path, p.stranger.path}) == 3 for p in pairs)
    assert pairs == drawn_pairs(CLIPS, 5, seed=3) != drawn_pairs(CLIPS, 5, seed=4)
    with pytest.raises(InputError, match="too few"):
        drawn_pairs(CLIPS[:2], 2, 0)


def test_strangers_are_other_references_in_any_order():
    pairs = [Pair(f"p{i}", CLIPS[i], CLIPS[(i + 1) % 5]) for i in range(5)]
    found = with_strangers(pairs)
    assert found == with_strangers(pairs[::-1])
    assert all(p.stranger.path not in (p.reference.path, p.target.path) for p in found)
    assert with_strangers(pairs[:1])[0].stranger is None
    for bad, message in (([], "no pairs"), ([pairs[0], replace(pairs[1], name="p0")], "called p0")):
        with pytest.raises(InputError, match=message):
            with_strangers(bad)


def test_labels_of_clips_and_pairs():
    both = Clip(Path("b"), (Event(0.1, "hit", material="wood"), Event(0.5, "scratch", 0.1, material="tile")))
    unsaid = Clip(Path("u"), (Event(0.1, "hit", labelled=False),))
    assert (both.action, both.material, CLIPS[1].action, unsaid.action) == ("", "", "hit", "")
    assert Pair("a", CLIPS[1], CLIPS[3]).same_action and not Pair("a", both, CLIPS[1]).same_action
    assert Pair("a", CLIPS[1], unsaid).same_action is None
    assert both.onsets.tolist() == [0.1, 0.5]


def test_a_mismatched_reference_holds_another_action():
    pairs = [Pair(f"p{i}", CLIPS[i], CLIPS[(i + 2) % 4]) for i in range(4)]
    shop = Workshop(pairs)
    assert all(mismatched(shop, p).actions != p.target.actions for p in pairs)
    with pytest.raises(InputError, match="another kind of action"):
        mismatched(Workshop(pairs[:1]), pairs[0])


@pytest.mark.parametrize("name", ["", "../up", "a b", ".hidden"])
def test_names_that_are_no_file_names(name):
    with pytest.raises(InputError, match="cannot name a file"):
        require_file_name(name, "here")


def rows():
    """Two systems, two targets with three answers each; b fails once, and one pair has no action label."""
    out = []
    for i, target in enumerate("xxxyyy"):
        out.append(Row("a", f"p{i}", target, {"f1_100": 1.0, "mcd": float(i), "action": None if i == 0 else 1.0}))
        values = {} if i == 5 else {"f1_100": 0.5, "mcd": 2.0, "action": None if i == 0 else 0.0}
        out.append(Row("b", f"p{i}", target, values, "broke" if i == 5 else ""))
    return out


def test_means_are_over_targets_and_failures_are_the_worst():
    cells = table(rows())
    assert cells["a"]["mcd"].mean == pytest.approx((1 + 4) / 2)
    assert worst(METRICS["mcd"], rows()) == 5 and worst(METRICS["f1_100"], rows()) == 0
    assert worst(METRICS["offset"], rows()) is None and "offset" not in cells["a"]
    assert cells["b"]["f1_100"].mean == pytest.approx((0.5 + (0.5 + 0.5 + 0) / 3) / 2)
    assert cells["b"]["mcd"].mean == pytest.approx((2 + (2 + 2 + 5) / 3) / 2)
    assert cells["a"]["action"].n == cells["b"]["action"].n == 5  # the unlabelled pair counts for nobody
    assert cells["a"]["mcd"].low <= cells["a"]["mcd"].mean <= cells["a"]["mcd"].high


def test_a_mute_answer_counts_as_a_failed_one_except_to_the_published_scorer():
    values = {"mcd": 0.5, "material": 1.0, "published_ap": 1.0}
    answers = [
        Row("a", "p", "t", {"mcd": 3.0, "material": 1.0, "published_ap": 0.2}),
        Row("b", "p", "t", values, mute=True),
    ]
    cells = table(answers)["b"]
    assert (cells["mcd"].mean, cells["material"].mean, cells["published_ap"].mean) == (3.0, 0.0, 1.0)
    alone = table(answers[1:])["b"]
    assert alone["mcd"].mean == 0.5


def test_the_order_of_rows_changes_nothing():
    assert table(rows()[::-1])["b"] == table(rows())["b"]


def test_lists_of_systems(tmp_path):
    assert [e.name for e in named("noise, silence")] == ["noise", "silence"]
    assert [e.name for e in named(f"mine={tmp_path}")] == ["mine"]
    assert named("tests.evaluation.toy:muffled")[0].name == "muffled"
    for bad in ("", "nosie", f"mine={tmp_path}/none"):
        with pytest.raises(InputError, match="--systems"):
            named(bad)
    with pytest.raises(InputError, match="name them by pair"):
        named(f"mine={tmp_path}")[0].build(Workshop([Pair("p", CLIPS[0], CLIPS[1])]))


def test_embeddings_by_name(tmp_path):
    name, embed = embedding("timbre", None)
    assert name == "timbre" and embed(pulses([0.3], 1.0)).ndim == 1
    assert embedding("judge", None) == ("judge", None)
    assert embedding("numpy:abs", None) == ("numpy:abs", np.abs)
    with pytest.raises(InputError, match="config.json"):
        embedding(f"clap:{tmp_path}", None)


def test_clap_from_a_local_folder(tmp_path):
    from transformers import ClapAudioConfig, ClapConfig, ClapFeatureExtractor, ClapModel, ClapTextConfig

    audio = ClapAudioConfig(
        spec_size=64, num_mel_bins=16, patch_size=4, patch_stride=[4, 4], patch_embeds_hidden_size=8, hidden_size=16,
        depths=[1, 1], num_attention_heads=[1, 2], window_size=4, num_hidden_layers=2,
    )  # fmt: skip
    text = ClapTextConfig(vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    model = ClapModel(ClapConfig(text_config=text.to_dict(), audio_config=audio.to_dict(), projection_dim=6))
    model.save_pretrained(tmp_path)
    ClapFeatureExtractor(feature_size=16, max_length_s=1, truncation="rand_trunc").save_pretrained(tmp_path)
    name, embed = embedding(f"clap:{tmp_path}", None)
    assert name.startswith("CLAP") and embed(pulses([0.3], 1.0)).shape == (6,)


def test_published_pairs_are_cut_from_the_original_layout(tmp_path, monkeypatch):
    test = greatest_hits_test_pairs()[0]
    monkeypatch.setattr(testsets, "greatest_hits_test_pairs", lambda: [test])
    root = tmp_path / "vis-data"
    root.mkdir()
    for moment in (test.target, *test.references):
        length = moment.start + 2.5
        sound = pulses([moment.start + 0.5], length)
        write_clip(root / f"{moment.video}_denoised.mp4", frames(length), JUDGE.fps, sound, JUDGE.sample_rate)
        line = f"{moment.start + 0.5:.4f} wood hit static\n{moment.start + 9:.4f} metal scratch None\n"
        (root / f"{moment.video}_times.txt").write_text(line)
    pairs = testsets.load(f"greatest-hits:{tmp_path}", tmp_path / "cut")
    assert len(pairs) == 3 and len({p.target.path for p in pairs}) == 1
    target = pairs[0].target
    assert len(target.wav) == round(testsets.SECONDS * JUDGE.sample_rate)
    assert target.onsets == pytest.approx([0.5]) and (target.action, target.material) == ("hit", "wood")
    assert replace(target, events=None).onsets == pytest.approx([0.5], abs=0.03)
    (root / f"{test.target.video}_times.txt").unlink()
    with pytest.raises(InputError, match="_times.txt is missing"):
        testsets.load(f"greatest-hits:{tmp_path}", tmp_path / "cut")


def test_held_out_videos_become_pairs(monkeypatch, tmp_path):
    from tests.evaluation.toy import write_set

    asked = []
    monkeypatch.setattr(testsets.held_out, "folder", lambda n, seed: asked.append((n, seed)) or write_set(tmp_path))
    pairs = testsets.load("simulated:3:77", tmp_path)
    assert len(pairs) == 3 and asked == [(3, 77)]
    assert {p.reference.material for p in pairs} <= {"wood", "metal", "glass"}


def test_clips_that_cannot_be_used_are_left_out_and_named(tmp_path, capsys):
    write_clip(tmp_path / "mute.mp4", frames(1.0), JUDGE.fps, None, JUDGE.sample_rate)
    write_clip(tmp_path / "still.mp4", frames(1.0), JUDGE.fps, np.zeros(JUDGE.sample_rate), JUDGE.sample_rate)
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match="0 clips"):
        testsets.load(str(tmp_path), tmp_path / "cut")
    said = capsys.readouterr().err
    assert all(name in said for name in ("mute.mp4", "still.mp4", "bad.mp4"))
