"""The flow's network: what it may see of its inputs, and its tokens of sound."""

import pytest
import torch

from condfoley.networks.flow import Flow, from_columns, from_patches, to_columns, to_patches, velocity
from condfoley.sizes import FlowConfig

SIZES = FlowConfig(dim=12, tokens=8, width=16, depth=2, heads=2, feature_dim=6, frames=11)
NAMES = (
    "noisy", "known", "time", "reference", "reference_tokens", "target_tokens",
    "no_picture", "no_reference", "no_reference_picture",
)  # fmt: skip


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = Flow(SIZES).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return model


@pytest.fixture
def inputs():
    torch.manual_seed(1)
    b, c = 3, SIZES
    sound, picture, drop = (b, c.tokens, c.dim), (b, c.frames, c.feature_dim), torch.zeros(b, dtype=torch.bool)
    values = (
        torch.randn(sound), torch.zeros(b, c.tokens), torch.rand(b), torch.randn(sound), torch.randn(picture),
        torch.randn(picture), drop, drop, drop,
    )  # fmt: skip
    return dict(zip(NAMES, values, strict=True))


def changed(model, inputs, **new):
    """By how much the output changes with an input."""
    with torch.no_grad():
        return (model(**{**inputs, **new}) - model(**inputs)).abs().amax().item()


@pytest.mark.parametrize("name", NAMES)
def test_every_input_counts(model, inputs, name):
    value = inputs[name]
    other = ~value if value.dtype == torch.bool else value + 1
    assert changed(model, inputs, **{name: other}) > 1e-3


@pytest.mark.parametrize(
    ("dropped", "unseen"),
    [
        ("no_picture", ["target_tokens"]),
        ("no_reference", ["reference", "reference_tokens"]),
        ("no_reference_picture", ["reference_tokens"]),
    ],
)
def test_what_is_dropped_does_not_count(model, inputs, dropped, unseen):
    inputs[dropped] = torch.ones(3, dtype=torch.bool)
    for name in unseen:
        assert changed(model, inputs, **{name: inputs[name] + 1}) == 0
    assert changed(model, inputs, noisy=inputs["noisy"] + 1) > 1e-3


def test_the_reference_is_encoded_once_for_all_times(model, inputs):
    reference = [inputs[n] for n in ("reference", "reference_tokens", "no_reference", "no_reference_picture")]
    with torch.no_grad():
        kept = model.encode_reference(*reference)
        for time in (0.1, 0.9):
            now = torch.full((3,), time)
            found = model.denoise(
                inputs["noisy"], inputs["known"], now, inputs["target_tokens"], inputs["no_picture"], kept
            )
            assert torch.allclose(found, model(**{**inputs, "time": now}), atol=1e-5)


def test_one_reference_is_the_context_of_all_rows(model, inputs):
    names = ("reference", "reference_tokens", "no_reference", "no_reference_picture")
    first = {name: inputs[name][:1] for name in names}
    rest = {name: value for name, value in inputs.items() if name not in names}
    with torch.no_grad():
        context = model.encode_reference(**first)
        assert context.shape == (SIZES.depth, 2, 1, SIZES.heads, SIZES.tokens, SIZES.width // SIZES.heads)
        repeated = {name: value.repeat_interleave(3, 0) for name, value in first.items()}
        assert torch.allclose(model.denoise(**rest, context=context), model(**rest, **repeated), atol=1e-5)


def test_each_example_is_computed_alone(model, inputs):
    with torch.no_grad():
        together, alone = model(**inputs), model(**{name: value[1:2] for name, value in inputs.items()})
    assert torch.allclose(together[1:2], alone, atol=1e-5)


def test_a_token_sees_the_picture_at_its_own_time(model, inputs):
    """Frames far from a token's time reach it through attention only: with blocks that add nothing, not at all."""
    for block in model.blocks:
        for layer in (block.project, block.mlp[-1]):
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    late = inputs["target_tokens"].clone()
    late[:, -1] += 1
    with torch.no_grad():
        moved = (model(**{**inputs, "target_tokens": late}) - model(**inputs)).abs().amax((0, 2))
    assert moved[:4].max() == 0 and moved[-2:].min() > 0


def test_windows_may_be_shorter_on_the_right(model, inputs):
    cut = {name: value[:, :5] if name in ("noisy", "known", "reference") else value for name, value in inputs.items()}
    with torch.no_grad():
        assert model(**cut).shape == (3, 5, SIZES.dim)


def test_sounds_and_tokens_are_each_others_inverse():
    specs, latents = torch.randn(2, 6, 12), torch.randn(2, 4, 3, 5)
    patches, columns = to_patches(specs, 4), to_columns(latents)
    assert patches.shape == (2, 3, 24) and torch.equal(patches[:, 1, :6], specs[:, :, 4])
    assert columns.shape == (2, 5, 12) and torch.equal(columns[:, 2, 4:8], latents[:, :, 1, 2])
    assert torch.equal(from_patches(patches, 4), specs) and torch.equal(from_columns(columns, 3), latents)
    model = Flow(SIZES)
    model.mean.fill_(2.0)
    model.std.fill_(3.0)
    values = torch.randn(2, 8, 12)
    assert torch.allclose(model.restore(model.standardise(values)), values, atol=1e-5)


def test_the_velocity_of_the_true_sound_leads_from_noise_to_it():
    clean, noise, time = torch.randn(2, 4, 3), torch.randn(2, 4, 3), torch.tensor([0.0, 0.7])
    noisy = (1 - time[:, None, None]) * noise + time[:, None, None] * clean
    assert torch.allclose(velocity(clean, noisy, time, 0.1), clean - noise, atol=1e-5)


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="heads must divide width"):
        FlowConfig(width=10, heads=4)
