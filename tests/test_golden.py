"""Numerical equality with the published system where no checkpoint is needed; the rest is in tests/published."""

import json

import numpy as np
import pytest
import torch

from condfoley.geometry import Geometry
from condfoley.networks.mel import filterbank, log_mel
from condfoley.networks.video_encoder import VideoEncoder
from condfoley.published.layout import reading_order
from condfoley.sizes import VideoEncoderConfig
from tests.golden_files import GOLDEN, close, frames01, tensors, weights


@pytest.mark.parametrize("variant, scale", [("A", "htk"), ("B", "slaney")])
def test_mel(variant, scale):
    golden = tensors("mel")
    geometry = Geometry(mel_scale=scale)
    bank = golden[f"out/{variant}_filterbank"]
    close(filterbank(geometry), bank.T if bank.shape[0] == 513 else bank, 1e-5)
    expected = {"A": golden["out/A_spec01"], "B": tensors("mel_reflect")["out/B_spec01_reflect_padding"]}[variant]
    close(log_mel(golden["in/wave_target"][None], geometry)[0], expected)


@pytest.mark.parametrize("columns", [10, 12, 30])
def test_reading_order(columns):
    permuter = json.loads((GOLDEN / "permuter.json").read_text())
    assert reading_order(5, columns) in list(lists_in(permuter))


def lists_in(value):
    """All lists of numbers in nested JSON."""
    if isinstance(value, list) and all(isinstance(x, int) for x in value):
        yield value
    elif isinstance(value, dict):
        for v in value.values():
            yield from lists_in(v)


def test_video_encoder_with_running_statistics():
    golden = tensors("video_tiny")
    model = VideoEncoder(VideoEncoderConfig(widths=(8, 16, 32, 64), stem=(6, 8)))
    model.load_state_dict({k.removeprefix("cond_stage_model."): v for k, v in weights("video_tiny").items()})
    with torch.no_grad():
        features = model.eval()(frames01(golden["in/frames_uint8"]))
    close(features.transpose(1, 2), golden["out/features_running_stats"])


def test_windows_follow_the_geometry():
    published = Geometry.published()
    assert (published.codes, published.window_samples) == (50, 40960)
    assert Geometry.published(192).codes == 60
    assert np.isclose(published.window_samples / published.sample_rate, 1.858, atol=1e-3)


def test_training_may_follow_generation():
    """The filters are kept; made while generating, they must still serve a loss."""
    filterbank.cache_clear()
    with torch.inference_mode():
        log_mel(torch.rand(1, 4096), Geometry())
    wav = torch.rand(1, 4096, requires_grad=True)
    log_mel(wav, Geometry()).sum().backward()
    assert wav.grad is not None
