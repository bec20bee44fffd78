"""Checkpoints of VTA-LDM and AudioLDM with random weights, in the true layout and of toy sizes."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from taming.modules.diffusionmodules.model import Decoder, Encoder
from torch import Tensor, nn
from transformers import (
    ClapTextConfig,
    ClapTextModelWithProjection,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
)

SEEN, CROSS, SCALE = 24, 32, 0.9
WIDTHS = (64, 128, 128, 192)
VAE = {"ch": 32, "out_ch": 1, "ch_mult": (1, 2, 4), "num_res_blocks": 2, "attn_resolutions": [], "resolution": 64}
VOCODER = SpeechT5HifiGanConfig(
    model_in_dim=64, sampling_rate=16000, upsample_initial_channel=32, upsample_rates=[5, 4, 2, 2, 2],
    upsample_kernel_sizes=[16, 16, 8, 4, 4], normalize_before=False,
)  # fmt: skip
PROMPT = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *"abcdefghijklmnopqrstuvwxyz", "Ġ", "ta", "tap"]
SCHEDULER = {
    "beta_start": 0.0015,
    "beta_end": 0.0195,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "steps_offset": 1,
}


class LdmSound(nn.Module):
    """The VAE as AudioLDM has it: its encoder and decoder are the latent diffusion ones, and so are their names."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder(in_channels=1, z_channels=8, double_z=True, **VAE)
        self.decoder = Decoder(in_channels=1, z_channels=8, **VAE)
        self.quant_conv, self.post_quant_conv = nn.Conv2d(16, 16, 1), nn.Conv2d(8, 8, 1)


def filled(network: nn.Module, seed: int = 0, size: float = 1.0) -> nn.Module:
    """The network with random weights: no layer is zero, as some are when they are new."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if value.ndim < 2:
                value.normal_(1.0 if name.endswith("weight") else 0.0, 0.1)
            else:
                value.normal_(0, size / value[0].numel() ** 0.5)
    return network.eval()


def under(prefix: str, network: nn.Module) -> dict[str, Tensor]:
    """Its tensors after a prefix."""
    return {prefix + name: value.clone() for name, value in network.state_dict().items()}


def vta_unet() -> UNet2DConditionModel:
    """Of the published layout, 686 tensors."""
    cross = ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"], ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3
    return UNet2DConditionModel(
        in_channels=8, out_channels=8, block_out_channels=WIDTHS, layers_per_block=2,
        attention_head_dim=[w // 64 for w in WIDTHS], cross_attention_dim=CROSS,
        down_block_types=cross[0], up_block_types=cross[1], use_linear_projection=True,
        upcast_attention=True,
    )  # fmt: skip


def vta_state() -> dict[str, Tensor]:
    """Of pytorch_model_2.bin."""
    vision = CLIPVisionConfig(
        hidden_size=64,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=1,
        projection_dim=SEEN,
        patch_size=56,
    )
    text = CLIPTextConfig(
        hidden_size=64, intermediate_size=48, num_hidden_layers=1, num_attention_heads=1, projection_dim=SEEN, vocab_size=64,
        bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    return {
        **under("unet.", filled(vta_unet())),
        **under("vid_fea_extractor.clip_vision.", filled(CLIPVisionModelWithProjection(vision), 1)),
        "vid_fea_extractor.clip_vision.vision_model.embeddings.position_ids": torch.arange(17)[None],
        **under("vid_fea_extractor.clip_text.", filled(CLIPTextModelWithProjection(text), 2)),
        **under("vid_fea_extractor.linear_layer.", filled(nn.Linear(SEEN, CROSS), 3)),
    }


def vocoder() -> SpeechT5HifiGan:
    """With weights that are heard: those of a new one say nearly nothing."""
    return filled(SpeechT5HifiGan(VOCODER), 4, 1.2)


def sound_state() -> dict[str, Tensor]:
    """Of audioldm-s-full.ckpt, with some of what is there beside the VAE."""
    state = {
        k.replace("upsampler.", "ups."): v for k, v in vocoder().state_dict().items() if k not in ("mean", "scale")
    }
    return {
        **under("first_stage_model.", filled(LdmSound(), 5)),
        **{f"first_stage_model.vocoder.{name}": value for name, value in state.items()},
        "first_stage_model.loss.logvar": torch.zeros(()),
        "model.diffusion_model.out.2.weight": torch.zeros(3),
        "cond_stage_model.model.logit_scale_a": torch.zeros(()),
        "betas": torch.zeros(1000),
        "scale_factor": torch.tensor(SCALE),
    }


SUMMARY = {
    "fea_encoder_name": "openai/clip-vit-large-patch14",
    "scheduler_name": "stabilityai/stable-diffusion-2-1",
    "unet_model_config": "configs/diffusion_model_config_large_2048.json",
    "task": "video2audio",
    "embedding_dim": CROSS,
    "snr_gamma": 5.0,
    "pe": False,
}


def write_vta_ldm(folder: Path, **settings: object) -> Path:
    """A checkpoint's folder. settings: other lines of summary.jsonl."""
    folder.mkdir(parents=True)
    lines = [json.dumps(SUMMARY | settings), json.dumps({"epoch": 1, "val_loss": 0.8})]
    (folder / "summary.jsonl").write_text("\n".join(lines) + "\n")
    torch.save(vta_state(), folder / "pytorch_model_2.bin")
    torch.save({"epoch": 3, "state_dict": sound_state()}, folder / "audioldm-s-full.ckpt")
    return folder


def write_audioldm(folder: Path) -> Path:
    """A folder as diffusers writes it, in the layout of cvssp/audioldm-m-full."""
    folder.mkdir(parents=True)
    unet = UNet2DConditionModel(
        in_channels=8, out_channels=8, block_out_channels=(32, 32, 64, 64), layers_per_block=2, attention_head_dim=8,
        cross_attention_dim=[32, 32, 64, 64], class_embed_type="simple_projection", class_embeddings_concat=True,
        projection_class_embeddings_input_dim=16,
        down_block_types=["DownBlock2D"] + ["CrossAttnDownBlock2D"] * 3,
        up_block_types=["CrossAttnUpBlock2D"] * 3 + ["UpBlock2D"],
    )  # fmt: skip
    vae = AutoencoderKL(
        in_channels=1, out_channels=1, block_out_channels=(32, 32, 32), layers_per_block=1, latent_channels=8,
        down_block_types=["DownEncoderBlock2D"] * 3, up_block_types=["UpDecoderBlock2D"] * 3, scaling_factor=SCALE,
    )  # fmt: skip
    clap = ClapTextModelWithProjection(
        ClapTextConfig(
            hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1, projection_dim=16,
            vocab_size=len(PROMPT), max_position_embeddings=514,
        )
    )  # fmt: skip
    for name, network in (("unet", unet), ("vae", vae), ("vocoder", vocoder()), ("text_encoder", clap)):
        (network if name == "vocoder" else filled(network)).save_pretrained(folder / name)
    DDIMScheduler(**SCHEDULER).save_pretrained(folder / "scheduler")
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(PROMPT)}))
    (folder / "tokenizer" / "merges.txt").write_text("#version: 0.2\nt a\nta p\n")
    kinds = {
        "text_encoder": ["transformers", "ClapTextModelWithProjection"], "tokenizer": ["transformers", "RobertaTokenizer"],
        "scheduler": ["diffusers", "DDIMScheduler"], "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"], "vocoder": ["transformers", "SpeechT5HifiGan"],
    }  # fmt: skip
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "AudioLDMPipeline", **kinds}))
    return folder


class Binder:
    """A tiny joint embedding that has its gradients, in ImageBind's place."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.sound = torch.randn(201, 8, generator=generator)
        self.words = torch.randn(1, 8, generator=generator)

    def embed_sounds(self, seconds: Tensor) -> Tensor:
        """See `joint.Embedder`: of 40 spectra of each second."""
        return (torch.fft.rfft(seconds.reshape(len(seconds), 40, 400)).abs() + 1e-3).log().mean(1) @ self.sound

    def embed_pictures(self, frames):
        """See `joint.Embedder`: of the mean colours."""
        colours = torch.from_numpy(frames).float().mean((1, 2, 3)) / 255  # (S, 3)
        return torch.cat([colours, 1 - colours, colours[:, :2]], 1)

    def embed_text(self, text: str) -> Tensor:
        """See `joint.Embedder`."""
        return self.words * len(text)
