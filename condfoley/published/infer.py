"""Infers the sizes of published networks from the shapes of their tensors. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from condfoley.errors import InputError
from condfoley.sizes import TokenizerConfig, TransformerConfig, VideoEncoderConfig, VocoderConfig

RESOLUTION = 160
"""Spectrogram frames with which the published code selects its levels with attention, whatever a window's length is."""

Shapes = Mapping[str, tuple[int, ...]]


def shapes(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors under `prefix`, by the rest of their names."""
    return {name[len(prefix) :]: tuple(t.shape) for name, t in tensors.items() if name.startswith(prefix)}


def tokenizer(found: Shapes) -> TokenizerConfig:
    """Sizes of a VQGAN. Raises InputError when a tensor that contains one is missing."""
    ch = _size(found, "encoder.conv_in.weight", 0)
    levels = count(found, r"encoder\.down\.(\d+)\.")
    attention = [i for i in range(levels) if f"encoder.down.{i}.attn.0.q.weight" in found]
    return TokenizerConfig(
        ch=ch,
        ch_mult=tuple(_size(found, f"encoder.down.{i}.block.0.conv1.weight", 0) // ch for i in range(levels)),
        num_res_blocks=count(found, r"encoder\.down\.0\.block\.(\d+)\."),
        attn_resolutions=tuple(RESOLUTION >> i for i in attention),
        resolution=RESOLUTION,
        z_channels=_size(found, "encoder.conv_out.weight", 0),
        embed_dim=_size(found, "quant_conv.weight", 0),
        n_embed=_size(found, "quantize.embedding.weight", 0),
    )


def video_encoder(found: Shapes) -> VideoEncoderConfig:
    """Sizes of a video network, which never uses running statistics (published_facts.md, section 7).

    Raises InputError when a tensor that contains one is missing.
    """
    stages = count(found, r"model\.layer(\d+)\.", first=1)
    return VideoEncoderConfig(
        widths=tuple(_size(found, f"model.layer{i + 1}.0.conv2.1.weight", 0) for i in range(stages)),
        layers=tuple(count(found, rf"model\.layer{i + 1}\.(\d+)\.") for i in range(stages)),
        stem=(_size(found, "model.stem.0.weight", 0), _size(found, "model.stem.3.weight", 0)),
        stem_kernel=_size(found, "model.stem.0.weight", -1),
        batch_statistics=True,
    )


def transformer(found: Shapes, codes: int, code_rows: int, heads: int) -> TransformerConfig:
    """Sizes of a transformer. codes: of one clip, code_rows: of a column. heads: the one size that no tensor contains.

    Raises InputError when a tensor that contains a size is missing, or when sizes contradict each other.
    """
    block, width = _size(found, "pos_emb", 1), _size(found, "pos_emb", 2)
    frames, odd = divmod(block - 2 * codes, 2)
    if frames < 1 or odd:
        raise InputError(
            f"{block} positions do not hold two clips of {codes} codes and their pictures; the file is foreign"
        )
    if width % heads:
        raise InputError(f"--heads {heads} does not divide the transformer's width of {width}; give a number that does")
    return TransformerConfig(
        feature_dim=_size(found, "embedder.weight", 1),
        n_embed=_size(found, "tok_emb.weight", 0),
        n_layer=count(found, r"blocks\.(\d+)\."),
        n_head=heads,
        n_embd=width,
        frames=frames,
        codes=codes,
        code_rows=code_rows,
    )


def vocoder(found: Shapes) -> VocoderConfig:
    """Sizes of a MelGAN generator. Raises InputError when a tensor that contains one is missing."""
    plain = sorted(int(m[1]) for name in found if (m := re.fullmatch(r"model\.(\d+)\.weight_v", name)))
    if len(plain) < 3:
        raise InputError("it is not a MelGAN generator: convolutions are missing")
    ups = plain[1:-1]
    return VocoderConfig(
        n_mels=_size(found, f"model.{plain[0]}.weight_v", 1),
        ngf=_size(found, f"model.{plain[-1]}.weight_v", 1),
        n_residual_layers=len({m[1] for name in found if (m := re.match(r"model\.(\d+)\.block\.", name))}) // len(ups),
        ratios=tuple(_size(found, f"model.{i}.weight_v", 2) // 2 for i in ups),
    )


def count(found: Shapes, pattern: str, first: int = 0) -> int:
    """How many numbers, from `first` on without a gap, the pattern's group takes at the start of the names."""
    numbers = {int(m[1]) for name in found if (m := re.match(pattern, name))}
    return next(i for i in range(len(numbers) + 1) if first + i not in numbers)


def _size(found: Shapes, name: str, axis: int) -> int:
    if name not in found or not -len(found[name]) <= axis < len(found[name]) or not found[name][axis]:
        raise InputError(f"{name} is missing or has an impossible shape")
    return found[name][axis]
