"""Steering latents by a joint embedding: the formulas, the published faults, ImageBind's ears."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("diffusers", reason="it needs Python 3.11")

from diffusers import DDIMScheduler
from transformers import audio_utils

from condfoley.errors import InputError
from condfoley.published.diffusion import aligner, joint
from condfoley.published.diffusion.joint import ImageBind, heard, kaldi_filters
from condfoley.runtime.flow_sampling import Windows
from tests.published.latent_stand_ins import SCHEDULER, Binder


def test_the_clean_estimate_inverts_the_noising():
    schedule = DDIMScheduler(**SCHEDULER)
    clean, noise = torch.randn(2, 8, 16, 4), torch.randn(2, 8, 16, 4)
    for time in (3, 400, 990):
        noisy = schedule.add_noise(clean, noise, torch.tensor([time]))
        kept = float(schedule.alphas_cumprod[time])
        assert torch.allclose(aligner.clean_estimate(noisy, noise, kept), clean, atol=1e-3)


def test_only_seconds_tell_when_something_is_heard():
    """As published, the means over all seconds are compared: the same sounds in another order are as near."""
    picture = torch.eye(4)[None]
    swapped = picture[:, [1, 0, 2, 3]]
    assert aligner.distance(picture, [picture[0]]) == pytest.approx(0)
    assert aligner.distance(swapped, [picture[0]]) == pytest.approx(0.5)
    for sounds in (picture, swapped):
        assert aligner.distance(sounds, [picture[0]], as_published=True) == pytest.approx(0, abs=1e-6)
    caption = torch.tensor([[0.0, 0.0, 0.0, -1.0]])
    assert aligner.distance(picture, [picture[0], caption]) == pytest.approx(1 + 1 / 4)  # three at 1, one at 2


def test_steps():
    slope = torch.tensor([[[[3.0, -1.0, 1e-12, 0.0]]]])
    latents = torch.zeros(1, 1, 1, 4)
    moved = aligner.power_step(latents, slope, 0.1)
    assert float(moved.square().mean().sqrt()) == pytest.approx(0.1) and moved[0, 0, 0, 0] == pytest.approx(
        -3 * moved[0, 0, 0, 1]
    )
    moved = aligner.sign_step(latents, slope, 0.1)[0, 0, 0]
    assert moved.tolist() == pytest.approx([-0.1, 0.1, -1e-5, 0.0], abs=1e-6)
    adam = torch.zeros(1, 1, 1, 4, requires_grad=True)
    optimiser = torch.optim.Adam([adam], lr=0.1, eps=1e-8)
    adam.grad = slope.clone()
    optimiser.step()
    assert torch.allclose(adam.detach()[0, 0, 0], moved, atol=1e-6)  # which is how it is published


@pytest.mark.parametrize("step", [aligner.power_step, aligner.sign_step])
def test_the_distance_falls(step):
    """Latents are played by a small network and heard by a small embedding."""
    torch.manual_seed(0)
    play = nn.Sequential(
        nn.Conv2d(4, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 1, 3, padding=1), nn.Flatten(), nn.Linear(100 * 4, 800)
    )
    play.requires_grad_(False)
    ears = nn.Linear(400, 8).requires_grad_(False)

    def listen(latents):
        return ears(play(latents).reshape(len(latents), 2, 400))

    wanted = [torch.randn(2, 8), torch.randn(1, 8)]
    latents, noise, found = torch.randn(3, 4, 100, 4), torch.randn(3, 4, 100, 4), []
    for _ in range(30):
        value, slope = aligner.gradient(latents, noise, 0.5, listen, wanted)
        assert value.shape == (3,) and slope.shape == latents.shape
        found.append(value)
        latents = step(latents, slope, 0.05)
    assert (found[-1] < found[0] - 0.1).all()
    again = aligner.gradient(latents[1:2], noise[1:2], 0.5, listen, wanted)[1]
    assert torch.allclose(
        again, aligner.gradient(latents, noise, 0.5, listen, wanted)[1][1:2], atol=1e-5
    )  # in any batch


def test_as_published_noise_is_taken_out_of_the_wrong_latents():
    """It was predicted before the step, and is taken out of those after it, with the share of before."""
    from condfoley.published.diffusion.drafter import DiffusionDrafter

    asked = []

    class Stub(DiffusionDrafter):
        def __init__(self, as_published):
            self.as_published = as_published
            self.system = type("System", (), {"rows_a_second": 25.0})()

        def listen(self, latents):
            asked.append(latents.detach())
            return latents.mean((1, 3)).reshape(len(latents), 1, -1)

    before, after, noise = (torch.full((1, 1, 25, 2), value) for value in (3.0, 2.0, 1.0))
    for as_published, latents in ((False, before), (True, after)):
        moved = Stub(as_published).steered(before, after, noise, 0.5, [torch.randn(1, 25)], Windows(25, 25, 0))
        assert torch.allclose(asked[-1], (latents - 0.5**0.5 * noise) / 0.5**0.5)
        assert moved.shape == after.shape and not torch.equal(moved, after)


def test_a_windows_seconds():
    from condfoley.published.diffusion.drafter import DiffusionDrafter

    drafter = DiffusionDrafter.__new__(DiffusionDrafter)
    drafter.system, drafter.as_published = type("System", (), {"rows_a_second": 25.0})(), False
    seconds = torch.arange(5.0)[:, None]
    assert drafter._seconds(seconds, 0, 50).flatten().tolist() == [0, 1]
    assert drafter._seconds(seconds, 76, 56).flatten().tolist() == [3, 4, 4]
    assert drafter._seconds(seconds[:1], 76, 56).shape == (1, 1)


def test_what_imagebind_hears():
    """Kaldi's log-mel energies, by the numpy of transformers."""
    rng = np.random.default_rng(0)
    wav = (0.1 * rng.standard_normal(16000) + np.sin(np.arange(16000) * 0.5) + 0.2).astype(np.float32)
    filters = audio_utils.mel_filter_bank(
        num_frequency_bins=257, num_mel_filters=128, min_frequency=20, max_frequency=8000, sampling_rate=16000, norm=None,
        mel_scale="kaldi", triangularize_in_mel_space=True,
    )  # fmt: skip
    assert np.allclose(kaldi_filters().numpy().T[:256], filters[:256], atol=1e-5)
    expected = audio_utils.spectrogram(
        wav - wav.mean(), audio_utils.window_function(400, "hann", periodic=False), frame_length=400, hop_length=160,
        fft_length=512, power=2.0, center=False, preemphasis=0.97, mel_filters=filters, log_mel="log",
        mel_floor=1.192092955078125e-07, remove_dc_offset=True,
    )  # fmt: skip
    found = heard(torch.from_numpy(wav)[None])[0].numpy()
    assert found.shape == (128, 204) and expected.shape == (128, 98)
    assert np.allclose(found[:, :98] * 9.138 - 4.268, expected, atol=0.01)
    assert np.allclose(found[:, 98:], 4.268 / 9.138)  # silence is zeros before they are standardised
    sound = torch.randn(1, 16000, requires_grad=True)
    heard(sound).sum().backward()
    assert sound.grad.abs().sum() > 0


class Network(nn.Module):
    """In ImageBind's place: what it is given, and means of it."""

    def __init__(self):
        super().__init__()
        self.given = {}

    def forward(self, inputs):
        ((kind, values),) = inputs.items()
        self.given[kind] = values
        return {kind: values.float().flatten(1)[:, :6]}


def test_inputs_of_imagebind():
    network = Network()
    bind = ImageBind(network)
    assert bind.embed_sounds(torch.randn(3, 16000)).shape == (3, 6) and network.given["audio"].shape == (3, 1, 128, 204)
    assert bind.embed_pictures(np.full((4, 2, 8, 8, 3), 255, np.uint8)).shape == (4, 6)
    seen = network.given["vision"]
    assert seen.shape == (1, 1, 3, 2, 8, 8)
    assert float(seen[0, 0, 0].mean()) == pytest.approx((1 - 0.48145466) / 0.26862954, rel=1e-4)
    assert Binder().embed_pictures(np.zeros((4, 2, 8, 8, 3), np.uint8)).shape == (4, 8)


def test_imagebind_is_used_without_the_packages_own_start(tmp_path, monkeypatch):
    """That of the package imports what does not work with a present torchvision."""
    home = tmp_path / "imagebind"
    (home / "models").mkdir(parents=True)
    (home / "bpe").mkdir()
    (home / "__init__.py").write_text("raise RuntimeError('not needed')\n")
    (home / "models" / "__init__.py").write_text("")
    (home / "models" / "imagebind_model.py").write_text(
        "from torch import nn\n\n\nclass Made(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.modality_trunks = nn.ModuleDict({k: nn.Linear(2, 2) for k in ('vision', 'text', 'audio', 'depth')})\n\n\n"
        "def imagebind_huge(pretrained):\n    assert not pretrained\n    return Made()\n"
    )
    (home / "models" / "multimodal_preprocessors.py").write_text(
        "import torch\n\n\nclass SimpleTokenizer:\n    def __init__(self, bpe_path):\n        self.path = bpe_path\n\n"
        "    def __call__(self, text):\n        return torch.arange(77)\n"
    )
    for name in [name for name in sys.modules if name.split(".")[0] == "imagebind"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        network = joint.imagebind_network()
        assert set(network.state_dict()) == {
            f"modality_trunks.{k}.{v}" for k in joint.KINDS for v in ("weight", "bias")
        }
        assert ImageBind(Network()).embed_text("a tap").tolist() == [[0, 1, 2, 3, 4, 5]]
        (home / "models" / "imagebind_model.py").write_text("import nothing_of_this_name\n")
        monkeypatch.delitem(sys.modules, "imagebind.models.imagebind_model")
        with pytest.raises(InputError, match="cannot be used .*; run `pip install imagebind-unofficial"):
            joint.imagebind_modules()
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "imagebind"]:
            del sys.modules[name]
