"""Sampling: the cached decoder equals the plain one, seeds are independent of the batch, references count."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from condfoley.networks.prefix_decoder import PrefixDecoder
from condfoley.networks.transformer import Condition, Transformer
from condfoley.runtime import generation
from condfoley.runtime.sampling import Sampling, filter_logits, random_streams
from condfoley.sizes import TransformerConfig

SIZES = dict(feature_dim=12, n_embed=32, n_layer=2, n_head=2, n_embd=16, frames=7, codes=20, code_rows=5)


def streams(*seeds):
    return random_streams(seeds)


ALIGNED = {"aligned": True, "segments": True}


@pytest.fixture(
    params=[{}, ALIGNED, {**ALIGNED, "aligned_reference": True}], ids=["published", "aligned", "aligned-reference"]
)
def model(request):
    torch.manual_seed(0)
    model = Transformer(TransformerConfig(**SIZES, **request.param)).eval()
    with torch.no_grad():  # far from uniform, so that a mistake changes the choice
        for p in model.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return model


@pytest.fixture
def condition():
    torch.manual_seed(1)
    return Condition(torch.randn(1, 7, 12), torch.randn(1, 7, 12), torch.randint(32, (1, 20)))


def test_cached_sampling_equals_the_full_forward_pass(model, condition):
    made = model.generate(condition, streams(0), Sampling(top_k=1))
    with torch.no_grad():
        prefix = model.prefix(condition.reference_frames, condition.target_frames, condition.reference_codes)
        logits = model(prefix, made, model.alignment(condition.target_frames))
    assert torch.equal(logits.argmax(-1), made)


def test_a_seed_means_the_same_codes_in_any_batch(model, condition):
    together = model.generate(condition, streams(3, 4, 5), Sampling(top_p=0.9))
    alone = model.generate(condition, streams(4), Sampling(top_p=0.9))
    assert torch.equal(together[1], alone[0])
    assert not torch.equal(together[0], together[1])


def test_forced_codes_are_kept_and_continued_as_if_just_drawn(model, condition):
    whole = model.generate(condition, streams(0), Sampling(top_k=1))
    again = model.generate(condition, streams(9), Sampling(top_k=1), forced=whole[:, :10])
    assert torch.equal(whole, again)


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_windows_side_by_side_are_written_as_each_alone(model, condition, guidance):
    targets = torch.randn(3, 7, 12, generator=torch.Generator().manual_seed(5))
    forced = torch.randint(32, (6, 5), generator=torch.Generator().manual_seed(6))  # two candidates each
    sampling = Sampling(top_p=0.9, guidance=guidance, picture_guidance=guidance + 1)
    told = condition.reference_frames, condition.reference_codes
    together = model.generate(Condition(targets, *told), streams(*range(6)), sampling, forced)
    for i, target in enumerate(targets):
        mine = slice(2 * i, 2 * i + 2)
        alone = model.generate(Condition(target[None], *told), streams(2 * i, 2 * i + 1), sampling, forced[mine])
        assert torch.equal(together[mine], alone)


def test_guidance_of_one_is_none_and_of_more_changes_the_result(model, condition):
    plain = model.generate(condition, streams(0, 1), Sampling())
    assert torch.equal(plain, model.generate(condition, streams(0, 1), Sampling(guidance=1)))
    assert torch.equal(plain, model.generate(condition, streams(0, 1), Sampling(picture_guidance=1)))
    assert not torch.equal(plain, model.generate(condition, streams(0, 1), Sampling(guidance=4.0)))
    assert not torch.equal(plain, model.generate(condition, streams(0, 1), Sampling(picture_guidance=4.0)))


@pytest.mark.parametrize(("guidance", "picture_guidance"), [(2.0, 1.0), (1.0, 2.0), (2.0, 2.0), (3.0, 1.5)])
def test_guided_sampling_equals_the_weighted_full_passes(model, condition, guidance, picture_guidance):
    made = model.generate(
        condition, streams(0), Sampling(top_k=1, guidance=guidance, picture_guidance=picture_guidance)
    )
    yes, no = torch.tensor([True]), torch.tensor([False])

    def logits(no_reference, no_target):
        given = (condition.reference_frames, condition.target_frames, condition.reference_codes)
        prefix = model.prefix(*given, no_reference, no_reference, no_target)
        return model(prefix, made, model.alignment(condition.target_frames, no_target))

    with torch.no_grad():
        nothing, target, both = logits(yes, yes), logits(yes, no), logits(no, no)
    mixed = nothing + picture_guidance * (target - nothing) + guidance * (both - target)
    assert torch.equal(mixed.argmax(-1), made)


def test_guidance_without_a_reference_is_on_the_picture_only(model, condition):
    alone = Condition(condition.target_frames)
    plain = model.generate(alone, streams(0), Sampling(guidance=5.0))
    assert torch.equal(plain, model.generate(alone, streams(0), Sampling()))
    assert Sampling(guidance=5.0).terms(has_reference=False) == {"target": 1.0}
    assert Sampling(guidance=2.0, picture_guidance=2.0).terms(has_reference=True) == {"both": 2.0, "nothing": -1.0}


def test_a_missing_reference_is_the_null_tokens(model, condition):
    nothing = Condition(condition.target_frames)
    sound_only = Condition(condition.target_frames, None, condition.reference_codes)
    for c in (nothing, sound_only):
        codes = model.generate(c, streams(0), Sampling())
        assert codes.shape == (1, 20) and (codes >= 0).all() and (codes < 32).all()
    drop = torch.tensor([True])
    with torch.no_grad():
        dropped = model.prefix(
            condition.reference_frames, condition.target_frames, condition.reference_codes, no_reference=drop
        )
    greedy = model.generate(nothing, streams(0), Sampling(top_k=1))
    with torch.no_grad():
        logits = model(dropped, greedy, model.alignment(condition.target_frames))
    assert torch.equal(logits.argmax(-1), greedy)


@given(seed=st.integers(0, 1000), k=st.integers(1, 40), p=st.floats(0.05, 1.0))
def test_filtering_keeps_the_likeliest(seed, k, p):
    logits = torch.randn(3, 32, generator=torch.Generator().manual_seed(seed))
    kept = torch.from_numpy(np.isfinite(filter_logits(logits.numpy(), k, p)))
    assert (kept.sum(1) >= 1).all() and (kept.sum(1) <= max(1, min(k, 32))).all()
    assert kept.gather(1, logits.argmax(1, keepdim=True)).all()
    assert (logits.masked_fill(~kept, -1e9).amax(1) == logits.amax(1)).all()


def test_ties_at_the_kth_value_are_kept():
    logits = np.array([[1.0, 1.0, 1.0, 0.0]], np.float32)
    assert np.isfinite(filter_logits(logits, 2, 1.0)).sum() == 3


def test_aligned_reference_codes_see_the_picture_of_their_own_time():
    torch.manual_seed(0)
    model = Transformer(TransformerConfig(**SIZES, **ALIGNED, aligned_reference=True)).eval()
    target, codes = torch.randn(1, 7, 12), torch.zeros(1, 20, dtype=torch.long)
    plain, struck = torch.zeros(1, 7, 12), torch.zeros(1, 7, 12)
    struck[0, 6] = 1.0  # last frame; the neighbourhood is 3 frames, and a column of 5 codes lasts 1.75
    changed = (model.prefix(plain, target, codes) - model.prefix(struck, target, codes)).abs().sum(-1)[0, 14:]
    assert changed[:10].max() == 0  # columns at frames 0 and 2
    assert changed[10:].min() > 0  # columns at frames 4 and 6
    gone = torch.tensor([True])
    assert torch.equal(*(model.prefix(p, target, codes, no_picture=gone) for p in (plain, struck)))


def test_the_shared_prefix_gives_the_logits_of_a_cache_for_each_candidate(model, condition, monkeypatch):
    """GPT2Model as the yardstick: guidance, forced codes, three candidates."""
    seen = []
    monkeypatch.setattr(generation, "draw", lambda logits, *_: seen.append(logits) or logits.argmax(-1)[:, None])
    forced = torch.randint(32, (3, 6), generator=torch.Generator().manual_seed(2))
    sampling = Sampling(guidance=2.0, picture_guidance=1.5)  # three terms
    made = model.generate(condition, streams(0, 1, 2), sampling, forced)
    assert torch.equal(made[:, :6], forced)
    terms = sampling.terms(has_reference=True)
    with torch.no_grad():
        prefix, alignment = model.encode_condition(condition, list(terms))
        prefix, codes = prefix.repeat_interleave(3, 0), made.repeat(3, 1)
        logits = model(
            prefix, codes, None if alignment is None else alignment.repeat_interleave(3, 0)
        )  # (R * N, codes, V)
    wanted = torch.einsum("r,rncv->ncv", torch.tensor(list(terms.values())), logits.unflatten(0, (3, 3)))
    torch.testing.assert_close(torch.from_numpy(np.stack(seen, 1)), wanted[:, 6:], rtol=1e-5, atol=1e-5)


def test_decoding_copies_neither_the_prefix_nor_the_new_codes(model):
    prefix, code = torch.randn(2, 7, 16), torch.randn(6, 1, 16)  # two prefixes, three candidates each
    with torch.no_grad():
        decoder = PrefixDecoder(model.gpt2, prefix, candidates=3, max_new=5)
        taken = decoder.keys.data_ptr(), decoder.values.data_ptr(), [k.data_ptr() for k, _ in decoder.prefix_kv]
        decoder.step(code)
        first = decoder.keys[:, :, :, 0].clone()
        decoder.step(code)
    assert (decoder.keys.data_ptr(), decoder.values.data_ptr(), [k.data_ptr() for k, _ in decoder.prefix_kv]) == taken
    assert torch.equal(decoder.keys[:, :, :, 0], first) and decoder.new_length == 2
    assert all(keys.shape == (2, 2, 8, 7) and keys.is_contiguous() for keys, _ in decoder.prefix_kv)
