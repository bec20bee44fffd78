"""Which clips are paired, what is known of them, and where failures and unknown values go in the means."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from condfoley.data.events import Event
from condfoley.data.published import greatest_hits_test_pairs
from condfoley.errors import InputError
from condfoley.evaluation import sounds, testsets
from condfoley.evaluation.catalogue import parse_systems
from condfoley.evaluation.clips import METRIC_GEOMETRY, AnnotatedClip, Pair
from condfoley.evaluation.embedders import parse_embedder
from condfoley.evaluation.metrics import METRICS
from condfoley.evaluation.pairs import add_distractors, draw_pairs, require_file_name
from condfoley.evaluation.scores import PairScores, mean_scores, worst_value
from condfoley.evaluation.systems import SystemContext, mismatched_reference
from condfoley.media import read_sound, write_clip
from tests.made_up import frames, pulses, write_video
from tests.tiny import write_tiny_flow, write_tiny_weights

CLIPS = [
    AnnotatedClip(Path(f"{i}.mp4"), (Event(0.5, "hit" if i % 2 else "scratch", 0.0 if i % 2 else 0.2),))
    for i in range(5)
]


def test_drawn_pairs_use_every_clip_and_never_itself():
    pairs = draw_pairs(CLIPS, 5, seed=3)
    assert {p.target.path for p in pairs} == {c.path for c in CLIPS}
    assert all(len({p.target.path, p.reference.path, p.distractor.path}) == 3 for p in pairs)
    assert pairs == draw_pairs(CLIPS, 5, seed=3) != draw_pairs(CLIPS, 5, seed=4)
    with pytest.raises(InputError, match="too few"):
        draw_pairs(CLIPS[:2], 2, 0)


def test_strangers_are_other_references_in_any_order():
    pairs = [Pair(f"p{i}", CLIPS[i], CLIPS[(i + 1) % 5]) for i in range(5)]
    found = add_distractors(pairs)
    assert found == add_distractors(pairs[::-1])
    assert all(p.distractor.path not in (p.reference.path, p.target.path) for p in found)
    assert add_distractors(pairs[:1])[0].distractor is None
    for bad, message in (([], "no pairs"), ([pairs[0], replace(pairs[1], name="p0")], "called p0")):
        with pytest.raises(InputError, match=message):
            add_distractors(bad)


def test_labels_of_clips_and_pairs():
    both = AnnotatedClip(Path("b"), (Event(0.1, "hit", material="wood"), Event(0.5, "scratch", 0.1, material="tile")))
    unsaid = AnnotatedClip(Path("u"), (Event(0.1, "hit", labelled=False),))
    assert (both.action, both.material, CLIPS[1].action, unsaid.action) == ("", "", "hit", "")
    assert Pair("a", CLIPS[1], CLIPS[3]).same_action and not Pair("a", both, CLIPS[1]).same_action
    assert Pair("a", CLIPS[1], unsaid).same_action is None
    assert both.onsets.tolist() == [0.1, 0.5]


def test_a_mismatched_reference_holds_another_action():
    pairs = [Pair(f"p{i}", CLIPS[i], CLIPS[(i + 2) % 4]) for i in range(4)]
    shop = SystemContext(pairs)
    assert all(mismatched_reference(shop, p).actions != p.target.actions for p in pairs)
    with pytest.raises(InputError, match="another kind of action"):
        mismatched_reference(SystemContext(pairs[:1]), pairs[0])


@pytest.mark.parametrize("name", ["", "../up", "a b", ".hidden"])
def test_names_that_are_no_file_names(name):
    with pytest.raises(InputError, match="cannot name a file"):
        require_file_name(name, "here")


def rows():
    """Two systems, two targets with three answers each; b fails once, and one pair has no action label."""
    out = []
    for i, target in enumerate("xxxyyy"):
        out.append(
            PairScores("a", f"p{i}", target, {"f1_100": 1.0, "mcd": float(i), "action": None if i == 0 else 1.0})
        )
        values = {} if i == 5 else {"f1_100": 0.5, "mcd": 2.0, "action": None if i == 0 else 0.0}
        out.append(PairScores("b", f"p{i}", target, values, "broke" if i == 5 else ""))
    return out


def test_means_are_over_targets_and_failures_are_the_worst():
    cells = mean_scores(rows())
    assert cells["a"]["mcd"].mean == pytest.approx((1 + 4) / 2)
    assert worst_value(METRICS["mcd"], rows()) == 5 and worst_value(METRICS["f1_100"], rows()) == 0
    assert worst_value(METRICS["offset"], rows()) is None and "offset" not in cells["a"]
    assert cells["b"]["f1_100"].mean == pytest.approx((0.5 + (0.5 + 0.5 + 0) / 3) / 2)
    assert cells["b"]["mcd"].mean == pytest.approx((2 + (2 + 2 + 5) / 3) / 2)
    assert cells["a"]["action"].n == cells["b"]["action"].n == 5  # the unlabelled pair counts for nobody
    assert cells["a"]["mcd"].low <= cells["a"]["mcd"].mean <= cells["a"]["mcd"].high


def test_a_mute_answer_counts_as_a_failed_one_except_to_the_published_scorer():
    values = {"mcd": 0.5, "material": 1.0, "published_ap": 1.0}
    answers = [
        PairScores("a", "p", "t", {"mcd": 3.0, "material": 1.0, "published_ap": 0.2}),
        PairScores("b", "p", "t", values, mute=True),
    ]
    cells = mean_scores(answers)["b"]
    assert (cells["mcd"].mean, cells["material"].mean, cells["published_ap"].mean) == (3.0, 0.0, 1.0)
    alone = mean_scores(answers[1:])["b"]
    assert alone["mcd"].mean == 0.5


def test_the_order_of_rows_changes_nothing():
    assert mean_scores(rows()[::-1])["b"] == mean_scores(rows())["b"]


def test_lists_of_systems(tmp_path):
    assert [e.name for e in parse_systems("noise, silence")] == ["noise", "silence"]
    assert [e.name for e in parse_systems(f"mine={tmp_path}")] == ["mine"]
    assert parse_systems("tests.evaluation.toy:muffled")[0].name == "muffled"
    for bad in ("", "nosie", f"mine={tmp_path}/none"):
        with pytest.raises(InputError, match="--systems"):
            parse_systems(bad)
    with pytest.raises(InputError, match="name them by pair"):
        parse_systems(f"mine={tmp_path}")[0].build(SystemContext([Pair("p", CLIPS[0], CLIPS[1])]))


def test_for_people_to_hear_sounds_keep_their_rate(tmp_path, tmp_path_factory):
    """As `condfoley study export` asks for them; for metrics all are mono at one rate."""
    rng = np.random.default_rng(0)
    wide = (np.repeat(pulses([0.3, 0.9], 1.5), 2) * rng.uniform(0.9, 1, round(1.5 * 44_100))).astype(np.float32)
    path = write_clip(tmp_path / "clip.mp4", frames(1.5), METRIC_GEOMETRY.fps, np.stack([wide, 0.5 * wide]), 44_100)
    clip = testsets.read_clip(path)
    weights, forms = str(write_tiny_weights(tmp_path_factory.mktemp("tiny"))), {}
    for render, systems in (
        ("recorded", "condfoley,copy,truth,onset-transfer-strong,style-transfer"),
        ("vocoder", "condfoley"),
    ):
        context = SystemContext([Pair("p", clip, clip)], weights, candidates=1, render=render)
        built = sounds.build_systems(parse_systems(systems), context, tmp_path / render)
        for system, found in sounds.generate_all(built, context, tmp_path / render, quiet=True).items():
            sound, rate = read_sound(found["p"].path)
            assert sound.shape[1] == round(len(clip.wav) * rate / METRIC_GEOMETRY.sample_rate)
            forms[render, system] = rate, len(sound)
    assert forms.pop(("vocoder", "condfoley")) == forms.pop(("recorded", "style-transfer")) == (22_050, 1)
    assert forms.pop(("recorded", "onset-transfer-strong")) == (44_100, 1)
    assert len(forms) == 3 and set(forms.values()) == {(44_100, 2)}


def test_the_flow_is_a_system_where_the_weights_have_it(tmp_path):
    weights = str(write_tiny_flow(tmp_path / "flow", transformer=False))
    without = str(write_tiny_weights(tmp_path / "transformer"))
    flows = {"condfoley-flow", "condfoley-flow-no-rerank"}
    assert flows < {e.name for e in parse_systems("all", weights)} & {e.name for e in parse_systems("all")}
    assert not flows & {e.name for e in parse_systems("all", without)}
    clip = AnnotatedClip(write_video(tmp_path / "clip.mp4", 1.0, pulses([0.4], 1.0)))
    (system,) = parse_systems("condfoley-flow-no-rerank")
    with pytest.raises(InputError, match="have no flow; give --weights that have it"):
        system.build(SystemContext([Pair("p", clip, clip)], without))
    wav = system.build(SystemContext([Pair("p", clip, clip)], weights))(Pair("p", clip, clip))
    assert len(wav) == METRIC_GEOMETRY.sample_rate and wav.any()


def test_embeddings_by_name(tmp_path):
    name, embed = parse_embedder("timbre", None)
    assert name == "timbre" and embed(pulses([0.3], 1.0)).ndim == 1
    assert parse_embedder("judge", None) == ("judge", None)
    assert parse_embedder("numpy:abs", None) == ("numpy:abs", np.abs)
    with pytest.raises(InputError, match="config.json"):
        parse_embedder(f"clap:{tmp_path}", None)


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
    name, embed = parse_embedder(f"clap:{tmp_path}", None)
    assert name.startswith("CLAP") and embed(pulses([0.3], 1.0)).shape == (6,)


def test_published_pairs_are_cut_from_the_original_layout(tmp_path, monkeypatch):
    test = greatest_hits_test_pairs()[0]
    monkeypatch.setattr(testsets, "greatest_hits_test_pairs", lambda: [test])
    root = tmp_path / "vis-data"
    root.mkdir()
    for moment in (test.target, *test.references):
        length = moment.start + 2.5
        sound = pulses([moment.start + 0.5], length)
        write_clip(
            root / f"{moment.video}_denoised.mp4",
            frames(length),
            METRIC_GEOMETRY.fps,
            sound,
            METRIC_GEOMETRY.sample_rate,
        )
        line = f"{moment.start + 0.5:.4f} wood hit static\n{moment.start + 9:.4f} metal scratch None\n"
        (root / f"{moment.video}_times.txt").write_text(line)
    pairs = testsets.load_pairs(f"greatest-hits:{tmp_path}", tmp_path / "cut")
    assert len(pairs) == 3 and len({p.target.path for p in pairs}) == 1
    target = pairs[0].target
    assert len(target.wav) == round(testsets.CLIP_SECONDS * METRIC_GEOMETRY.sample_rate)
    assert target.onsets == pytest.approx([0.5]) and (target.action, target.material) == ("hit", "wood")
    assert replace(target, events=None).onsets == pytest.approx([0.5], abs=0.03)
    (root / f"{test.target.video}_times.txt").unlink()
    with pytest.raises(InputError, match="_times.txt is missing"):
        testsets.load_pairs(f"greatest-hits:{tmp_path}", tmp_path / "cut")


def test_held_out_videos_become_pairs(monkeypatch, tmp_path):
    from tests.evaluation.toy import write_set

    asked = []
    monkeypatch.setattr(
        testsets.held_out, "ensure_folder", lambda n, seed: asked.append((n, seed)) or write_set(tmp_path)
    )
    pairs = testsets.load_pairs("simulated:3:77", tmp_path)
    assert len(pairs) == 3 and asked == [(3, 77)]
    assert {p.reference.material for p in pairs} <= {"wood", "metal", "glass"}


def test_clips_that_cannot_be_used_are_left_out_and_named(tmp_path, capsys):
    write_clip(tmp_path / "mute.mp4", frames(1.0), METRIC_GEOMETRY.fps, None, METRIC_GEOMETRY.sample_rate)
    write_clip(
        tmp_path / "still.mp4",
        frames(1.0),
        METRIC_GEOMETRY.fps,
        np.zeros(METRIC_GEOMETRY.sample_rate),
        METRIC_GEOMETRY.sample_rate,
    )
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match="0 clips"):
        testsets.load_pairs(str(tmp_path), tmp_path / "cut")
    said = capsys.readouterr().err
    assert all(name in said for name in ("mute.mp4", "still.mp4", "bad.mp4"))
