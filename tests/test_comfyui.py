"""The node for ComfyUI, with stand-ins of its types (docs.comfy.org, data types)."""

import sys
from fractions import Fraction
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from condfoley import comfyui
from condfoley.errors import InputError
from condfoley.media import probe, read_audio, read_frames
from tests.made_up import RATE, noise_clip
from tests.tiny import write_tiny_weights


class Video:
    """As comfy_api's VideoInput where it comes from a file; it saves nothing."""

    def __init__(self, path):
        self.path = path

    def get_components(self):
        info = probe(self.path)
        images = torch.from_numpy(read_frames(self.path, 15.0, 32)).float() / 255
        wav = torch.from_numpy(read_audio(self.path, RATE)) if info.has_audio else None
        audio = None if wav is None else {"waveform": wav[None, None], "sample_rate": RATE}
        return SimpleNamespace(images=images, audio=audio, frame_rate=Fraction(15))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("comfyui")
    write_tiny_weights(home / "weights")
    return {
        "reference": Video(noise_clip(home / "reference.mp4", 2.5)),
        "target": Video(noise_clip(home / "target.mp4", 2.0, sound=False)),
        "weights": str(home / "weights"),
    }


def run(**inputs):
    return comfyui.NODE_CLASS_MAPPINGS["CondFoleySoundtrack"]().generate(candidates=2, seed=3, **inputs)


def test_two_videos_make_a_sound_as_comfyui_has_them(made):
    sound, hits = run(**made)
    wav = sound["waveform"]
    assert wav.shape == (1, 1, 2 * RATE) and wav.dtype == torch.float32 and sound["sample_rate"] == RATE
    again, _ = run(**made)
    assert torch.equal(wav, again["waveform"])
    assert hits


def test_told_hits_come_back_as_text(made):
    told = "0.5\n1.25\n"
    _, hits = run(**made, hits=told)
    assert [float(line.split("\t")[0]) for line in hits.splitlines()] == [0.5, 1.25]
    assert [line.split("\t") for line in run(**made, hits=hits)[1].splitlines()] == [
        line.split("\t") for line in hits.splitlines()
    ]
    with pytest.raises(InputError, match="line 2"):
        run(**made, hits="0.5\nsoon")


def test_a_sound_may_be_the_reference_in_stereo(made):
    wav = read_audio(made["reference"].path, RATE)
    stereo = torch.from_numpy(np.stack([wav, 0.5 * wav])[None])
    rest = {name: made[name] for name in ("target", "weights")}
    sound, _ = run(**rest, reference_sound={"waveform": stereo, "sample_rate": RATE})
    assert sound["waveform"].abs().max() > 0
    for wrong in (rest, made | {"reference_sound": {"waveform": stereo, "sample_rate": RATE}}):
        with pytest.raises(InputError, match="not both"):
            run(**wrong)


def test_what_comfyui_draws_is_what_generate_takes(made):
    node = comfyui.CondFoleySoundtrack
    drawn = node.INPUT_TYPES()
    names = set(drawn["required"]) | set(drawn["optional"])
    assert names == set(node.generate.__annotations__) - {"return"}
    assert len(node.RETURN_TYPES) == len(node.RETURN_NAMES) == len(run(**made))
    assert set(comfyui.NODE_DISPLAY_NAME_MAPPINGS) == set(comfyui.NODE_CLASS_MAPPINGS)


def test_progress_is_comfyuis_own(made, monkeypatch):
    told = []

    class ProgressBar:
        def __init__(self, total):
            assert total == 100

        def update_absolute(self, value):
            told.append(value)

    comfy, utils = ModuleType("comfy"), ModuleType("comfy.utils")
    utils.ProgressBar = ProgressBar
    monkeypatch.setitem(sys.modules, "comfy", comfy)
    monkeypatch.setitem(sys.modules, "comfy.utils", utils)
    run(**made)
    assert told[0] == 0 and told[-1] == 100 and told == sorted(told)
