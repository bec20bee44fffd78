"""Imported weights make soundtracks, in our way and in the published one."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from condfoley.cli.main import main
from condfoley.drafting.codes import NO_SAMPLING
from condfoley.encoded import Exemplar
from condfoley.geometry import Geometry
from condfoley.media import write_clip
from condfoley.published.generation import column_windows, rerank_published
from condfoley.weights import SHIPPED, read_card
from tests.golden_files import tensors
from tests.made_up import FPS, RATE, pulses


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """5 s of noise with pulses, wider than high."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (75, 36, 64, 3), dtype=np.uint8)
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", frames, FPS, pulses([0.4, 1.3, 3.0], 5.0), RATE)


@pytest.mark.parametrize("mode", ["corrected", "published"])
@pytest.mark.parametrize("system", ["foley", "long_foley"])
def test_soundtracks_of_imported_weights(request, clip, system, mode):
    foley = request.getfixturevalue(system)
    made = foley.generate(clip, clip, candidates=2, mode=mode)
    assert len(made.wav) == round(made.duration * RATE) and np.isfinite(made.wav).all()
    assert made.target_frames.shape == (75, 112, 112, 3)
    assert made.settings["texture_match"] == made.settings["decay_match"] == (0 if mode == "published" else 1)
    assert made.settings["comp"] is made.settings["align"] is (mode == "corrected")
    assert made.settings["mode"] == mode and made.settings["top_k"] == (64 if mode == "published" else 0)
    assert made.weights["referee"] == read_card(SHIPPED)["name"]  # the shipped one, since published weights have none
    assert len(made.impact_probability) == 75 and made.impact_probability.max() > 0
    assert all(-2 <= c.offset <= 2 and 0 < c.confidence <= 1 for c in made.candidates)
    end = made.wav[-RATE // 4 :]
    assert np.abs(end).max() > 0  # 5 s of three windows of 2 s: nothing is missing here


def test_a_published_window_is_142_ms_short(foley, clip, tmp_path):
    frames = np.zeros((30, 32, 32, 3), np.uint8)
    target = write_clip(tmp_path / "two.mp4", frames, FPS, None, RATE)
    made = foley.generate(clip, target, candidates=1, mode="published")
    assert len(made.wav) == 2 * RATE and not made.wav[160 * 256 :].any()
    assert np.abs(foley.generate(clip, target, candidates=1).wav[160 * 256 :]).max() > 0


def test_the_command_line(imported, clip, tmp_path, capsys):
    words = ["--weights", str(imported), "--reference", str(clip), "--target", str(clip), "--candidates", "1"]
    code = main(["generate", *words, "--mode", "published", "--out", str(tmp_path / "out"), "--quiet"])
    assert code == 0, capsys.readouterr().err
    record = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert record["settings"]["mode"] == "published" and record["options"]["mode"] == "published"
    assert main(["edit", str(tmp_path / "out"), "--add", "1.0"]) == 0, capsys.readouterr().err  # it can be edited
    assert main(["generate", *words, "--mode", "published", "--top-p", "0.5", "--out", str(tmp_path / "no")]) == 2
    assert "has its own --top-p" in capsys.readouterr().err
    assert main(["generate", *words, "--mode", "published", "--eq-match", "1", "--out", str(tmp_path / "no")]) == 2
    assert "has its own --eq-match" in capsys.readouterr().err
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"reference,target\n{clip},{clip}\n")
    batch = ["--weights", str(imported), "--candidates", "1", "--pairs", str(pairs), "--out", str(tmp_path / "many")]
    assert main(["batch", *batch, "--quiet"]) == 0
    assert (tmp_path / "many" / "clip" / "soundtrack.wav").is_file()


def test_what_is_heard_of_the_reference(foley):
    """The first 160 frames as published, the middle 160 as in training."""
    golden = tensors("mel")
    wav, encode = golden["in/wave_target"].numpy(), foley.loaded.engine.encode_windows
    first, middle = golden["out/A_first160_pm1"].numpy(), golden["out/A_codebook_training_pm1"][:1, None].numpy()
    published, corrected = foley.pipeline(2.0, mode="published"), foley.pipeline(2.0)
    assert np.array_equal(published.drafter.encode(wav), encode(first))
    assert np.array_equal(corrected.drafter.encode(wav), encode(middle))


def published_loop(pipeline, tokens, exemplar):
    """The script's own loop for long targets, greedy (published_facts.md, sections 10 and 11): for each code the whole
    sequence of condition and target patch without a cache, zeros standing for what is not written yet."""
    rows, window = pipeline.geometry.code_rows, pipeline.geometry.code_columns
    total, transformer = window * pipeline.spans, pipeline.engine.transformer
    grid = torch.zeros(1, 2 * total, rows, dtype=torch.long)
    grid[0, :window] = torch.from_numpy(exemplar.sound).view(window, rows)
    target, reference = torch.from_numpy(tokens[None, :30]), torch.from_numpy(exemplar.tokens)
    for column in range(total, 2 * total):
        patch = min(max(0, column - 3 * 2 * window // 4), 2 * total - 2 * window)
        start = max(0, patch - (pipeline.spans - 1) * window) + total
        for row in range(rows):
            prefix = transformer.prefix(reference, target, grid[:, :window].flatten(1))
            logits = transformer(prefix, grid[:, start : start + window].flatten(1))
            grid[0, column, row] = logits[0, (column - start) * rows + row].argmax()
    return grid[:, total:].flatten(1).numpy()


@pytest.mark.parametrize(("system", "spans"), [("foley", 1), ("foley", 3), ("long_foley", 2)])
def test_the_published_window_rule(request, system, spans):
    pipeline = request.getfixturevalue(system).pipeline(2.0 * spans - 0.1, mode="published")
    assert pipeline.spans == spans
    rng = np.random.default_rng(spans)
    tokens = rng.standard_normal((30 * spans, 64)).astype(np.float32)
    reference = rng.standard_normal((1, 30, 64)).astype(np.float32)
    exemplar = Exemplar(reference, rng.integers(128, size=(1, pipeline.geometry.codes)), None)
    with torch.no_grad():
        expected = published_loop(pipeline, tokens, exemplar)
    ours = pipeline.drafter.sample(tokens, exemplar, [0], NO_SAMPLING | {"top_k": 1})
    assert len(np.unique(expected)) > 5 and np.array_equal(ours, expected)


@given(st.integers(1, 8), st.sampled_from([4, 5, 10, 12, 20]))
def test_every_column_is_written_once(spans, window):
    steps = column_windows(spans * window, window)
    written = [column for _, begin, end in steps for column in range(begin, end)]
    assert written == list(range(spans * window))
    assert all(start <= begin < end <= start + window <= spans * window for start, begin, end in steps)
    assert (len(steps) == 1) == (spans == 1)


@pytest.mark.parametrize(
    ("offsets", "confidences", "tolerance", "chosen"),
    [
        ([0.4, 0.2, -0.2, 0.0], [0.9, 0.5, 0.6, 0.4], 0.2, 2),  # the most confident inside the tolerance
        ([0.4, 0.6, -0.4], [0.9, 0.5, 0.1], 0.2, 2),  # none inside: the last one
        ([0.4, -0.2, 0.2, 0.6], [0.9, 0.5, 0.6, 0.4], 0.0, 2),  # without tolerance: nearest, then most confident
        ([0.4], [0.9], 0.2, 0),
    ],
)
def test_published_reranking(offsets, confidences, tolerance, chosen):
    assert rerank_published(offsets, confidences, tolerance) == chosen


def test_nothing_to_choose_from():
    with pytest.raises(ValueError, match="no candidate"):
        rerank_published([], [], 0.2)


def test_our_windows_follow_the_published_training():
    """160 of 173 frames from the middle: sound begins 70 ms, one picture frame, after its picture."""
    g = Geometry.published()
    assert (g.clip_samples, g.clip_mel_frames, g.sound_lag, g.valid_columns) == (44100, 173, 6, 10)
    assert (
        g.frame_of_column(0) == pytest.approx(-1.045, abs=1e-3)
        and dataclasses.replace(g, crop="first").frame_of_column(0) == 0
    )
    assert Geometry().sound_lag == 0 and Geometry().clip_samples == Geometry().window_samples
    for wrong in ({"crop": "last"}, {"resize": "cubic"}):
        with pytest.raises(ValueError, match="must be"):
            Geometry(**wrong)
