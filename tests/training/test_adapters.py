"""Low-rank adapters: nothing changes when they are put in, they alone learn, and merging keeps what they learned."""

import warnings

import torch

from condfoley.networks.transformer import Transformer
from condfoley.training.adapters import TARGETS, add_adapters, merge_adapters
from tests.tiny import TRANSFORMER


def logits(model):
    c = TRANSFORMER
    torch.manual_seed(1)
    frames = torch.randn(2, c.frames, c.feature_dim)
    codes = torch.randint(c.n_embed, (c.codes,)).expand(2, -1)
    with torch.no_grad():
        return model(model.prefix(frames, frames, codes), codes, model.alignment(frames))


def test_adapters_change_nothing_at_first_learn_alone_and_are_merged_without_a_warning():
    torch.manual_seed(0)
    model = Transformer(TRANSFORMER).eval()
    before = logits(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adapted = add_adapters(model, rank=2).eval()
    learning = [name for name, p in adapted.named_parameters() if p.requires_grad]
    assert learning and all("lora_" in name for name in learning)
    assert {target for target in TARGETS if any(f".{target}." in name for name in learning)} == set(TARGETS)
    torch.testing.assert_close(logits(model), before)
    with torch.no_grad():
        for p in adapted.parameters():
            if p.requires_grad:
                p.add_(0.1 * torch.randn_like(p))
    changed = logits(model)
    assert not torch.allclose(changed, before, atol=1e-3)
    torch.testing.assert_close(logits(merge_adapters(adapted)), changed, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(logits(model), changed)  # the adapted one stays as it is
