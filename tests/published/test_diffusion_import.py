"""Checkpoints of VTA-LDM and AudioLDM: every tensor has its place, sizes are read, and bad input is one line."""

import json
import shutil
import sys

import pytest
import torch
from torch.nn import functional as F

pytest.importorskip("diffusers", reason="it needs Python 3.11")

from diffusers import UNet2DConditionModel
from taming.modules.diffusionmodules.model import Decoder, Encoder
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from condfoley import weights
from condfoley.cli.main import main
from condfoley.errors import InputError
from condfoley.published.diffusion import infer, joint, layout, networks, systems
from condfoley.published.diffusion.mapping import ldm_sound
from tests.published.latent_stand_ins import (
    CROSS,
    SCALE,
    SEEN,
    LdmSound,
    filled,
    sound_state,
    vocoder,
    vta_state,
    vta_unet,
    write_audioldm,
    write_vta_ldm,
)
from tests.published.test_published_import import Bomb


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Folder with `vta-ldm` and `audioldm`."""
    home = tmp_path_factory.mktemp("latent")
    write_vta_ldm(home / "vta-ldm")
    write_audioldm(home / "audioldm")
    return home


def refused(capsys, home, *words):
    """Imports, expects exit code 2, one line and nothing left behind; returns the line."""
    before = sorted(home.iterdir())
    code = main(["import", *map(str, words), "--out", str(home / "out")])
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert err.count("\n") == 1 and len(err) < 500
    assert sorted(home.iterdir()) == before
    return err


def test_every_tensor_of_vta_ldm_is_accounted_for(checkpoints, tmp_path, capsys):
    assert len(vta_unet().state_dict()) == 686  # as published
    assert main(["import", "vta-ldm", str(checkpoints / "vta-ldm"), "--out", str(tmp_path / "w")]) == 0
    told = capsys.readouterr().out
    main_state, text = vta_state(), [name for name in vta_state() if ".clip_text." in name]
    assert (
        f"{len(main_state)} tensors, {len(main_state) - len(text) - 1} used, {len(text) + 1} ignored, 0 missing" in told
    )
    assert f"{len(sound_state())} tensors, {len(sound_state()) - 5} used, 5 ignored, 0 missing, 0 unexpected" in told
    card = weights.read_card(tmp_path / "w")
    assert card["system"] == "vta-ldm" and "NC" in card["licence"] and card["diffusion"]["published_steps"] == 300
    assert set(card["parts"]) == {"unet", "clip_vision", "projection", "vae", "hifigan"}
    assert card["parts"]["projection"]["config"] == {"in_features": SEEN, "out_features": CROSS}
    assert card["parts"]["vae"]["config"]["scaling_factor"] == pytest.approx(SCALE)
    for part, file in (("unet", "pytorch_model_2.bin"), ("hifigan", "audioldm-s-full.ckpt")):
        assert card["parts"][part]["source"]["sha256"] == weights.sha256(checkpoints / "vta-ldm" / file)


def test_every_tensor_of_audioldm_is_accounted_for(checkpoints, tmp_path, capsys):
    assert main(["import", "audioldm", str(checkpoints / "audioldm"), "--out", str(tmp_path / "w")]) == 0
    told = capsys.readouterr().out
    assert told.count("0 missing, 0 unexpected") == 4 and "licence: CC-BY-NC-SA-4.0" in told
    card = weights.read_card(tmp_path / "w")
    assert set(card["parts"]) == {"unet", "vae", "hifigan", "clap_text"}
    assert card["diffusion"]["scheduler"]["beta_start"] == 0.0015
    for entry in card["diffusion"]["tokenizer"].values():
        weights.verified_file(tmp_path / "w", entry)


def test_a_vae_that_an_older_diffusers_wrote(checkpoints, tmp_path):
    """Its attention has other names."""
    folder = tmp_path / "old"
    shutil.copytree(checkpoints / "audioldm", folder)
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    state = {}
    for name, value in networks.load_file(path).items():
        for new, old in (
            (".to_q.", ".query."),
            (".to_k.", ".key."),
            (".to_v.", ".value."),
            (".to_out.0.", ".proj_attn."),
        ):
            name = name.replace(new, old)
        state[name] = value
    path.unlink()
    torch.save(state, folder / "vae" / "diffusion_pytorch_model.bin")
    assert any(".proj_attn." in name for name in state)
    for source, out in ((folder, "a"), (checkpoints / "audioldm", "b")):
        assert main(["import", "audioldm", str(source), "--out", str(tmp_path / out)]) == 0
    a, b = (networks.load(tmp_path / name, weights.read_card(tmp_path / name), "vae").state_dict() for name in "ab")
    assert all(torch.equal(a[name], b[name]) for name in b)


def test_the_published_sizes_are_read_from_the_tensors():
    """The settings and numbers of parameters of the released networks, without their values."""
    cross = ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"], ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3
    published = {
        "in_channels": 8, "out_channels": 8, "block_out_channels": [320, 640, 640, 1280], "layers_per_block": 2,
        "attention_head_dim": [5, 10, 20, 20], "cross_attention_dim": 2048, "down_block_types": cross[0],
        "up_block_types": cross[1], "use_linear_projection": True, "upcast_attention": True,
    }  # fmt: skip
    with torch.device("meta"):
        unet = UNet2DConditionModel(**(published | {"attention_head_dim": [5, 10, 10, 20]}))
        clip = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, projection_dim=768,
                patch_size=14,
            )
        )  # fmt: skip
        sizes = {
            "ch": 128,
            "ch_mult": (1, 2, 4),
            "num_res_blocks": 2,
            "attn_resolutions": [],
            "resolution": 64,
            "z_channels": 8,
        }
        ldm = LdmSound()
        ldm.encoder = Encoder(in_channels=1, double_z=True, out_ch=1, **sizes)
        ldm.decoder = Decoder(in_channels=1, out_ch=1, **sizes)
    found = infer.unet(shapes(unet))
    assert found == published | {"attention_head_dim": [5, 10, 10, 20]}
    assert (
        sum(p.numel() for p in unet.parameters()) == pytest.approx(578.05e6, rel=1e-4) and len(unet.state_dict()) == 686
    )
    seen = infer.clip_vision(shapes(clip))
    assert (seen["num_attention_heads"], seen["image_size"], seen["num_hidden_layers"]) == (16, 224, 24)
    assert sum(p.numel() for p in clip.parameters()) == pytest.approx(304.0e6, rel=1e-3)
    vae = infer.vae(shapes(ldm), SCALE)
    assert vae["block_out_channels"] == [128, 256, 512] and vae["latent_channels"] == 8
    assert sum(p.numel() for p in ldm.parameters()) == pytest.approx(55.38e6, rel=1e-3)
    own = networks.shapes_of("vae", vae)
    assert {layout.ldm_vae("", 3)(name) for name in own} == set(shapes(ldm))


def shapes(network):
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def test_the_vae_is_audioldms_own():
    """The same spectrogram by its own layers, and the same latents."""
    parts, _ = ldm_sound(sound_state())
    ours = networks.build("vae", parts["vae"][1])
    ours.load_state_dict(parts["vae"][0])
    theirs = filled(LdmSound(), 5)
    torch.manual_seed(0)
    latents, spec = torch.randn(2, 8, 12, 16), torch.randn(2, 1, 48, 64)
    with torch.no_grad():
        expected = theirs.decoder(theirs.post_quant_conv(latents))
        assert torch.allclose(ours.decode(latents).sample, expected, atol=1e-5 * expected.abs().max())
        moments = theirs.quant_conv(theirs.encoder(spec))
        assert torch.allclose(ours.encode(spec).latent_dist.parameters, moments, atol=1e-5 * moments.abs().max())


def hifigan(state, spec):
    """HiFi-GAN (Kong et al. 2020) by AudioLDM's names of its tensors: (B, T, mels) -> (B, 160 T + 32)."""
    conv = lambda x, name, **how: F.conv1d(x, state[f"{name}.weight"], state[f"{name}.bias"], **how)  # noqa: E731
    x = conv(spec.transpose(1, 2), "conv_pre", padding=3)
    for i, (rate, kernel) in enumerate(zip((5, 4, 2, 2, 2), (16, 16, 8, 4, 4))):
        up = state[f"ups.{i}.weight"], state[f"ups.{i}.bias"]
        x = F.conv_transpose1d(F.leaky_relu(x, 0.1), *up, stride=rate, padding=(kernel - rate) // 2)
        outs = []
        for j, width in enumerate((3, 7, 11)):
            y, block = x, f"resblocks.{3 * i + j}"
            for k, spread in enumerate((1, 3, 5)):
                z = conv(
                    F.leaky_relu(y, 0.1), f"{block}.convs1.{k}", padding=spread * (width - 1) // 2, dilation=spread
                )
                y = y + conv(F.leaky_relu(z, 0.1), f"{block}.convs2.{k}", padding=(width - 1) // 2)
            outs.append(y)
        x = sum(outs) / 3
    return torch.tanh(conv(F.leaky_relu(x), "conv_post", padding=3))[:, 0]


def test_the_vocoder_is_audioldms_own():
    prefix = "first_stage_model.vocoder."
    theirs = {k.removeprefix(prefix): v for k, v in sound_state().items() if k.startswith(prefix)}
    parts, _ = ldm_sound(sound_state())
    ours = networks.build("hifigan", parts["hifigan"][1])
    ours.load_state_dict(parts["hifigan"][0])
    spec = torch.randn(2, 20, 64)
    with torch.no_grad():
        made, expected = ours(spec), hifigan(theirs, spec)
    assert made.shape == (2, 3200 + 32) and made.std() > 1e-3
    assert torch.allclose(made, expected, atol=1e-5)
    assert vocoder().config.upsample_rates == list(infer.RATES)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("unet.conv_out.bias", None, "tensors missing: 1 (unet.conv_out.bias)"),
        ("unet.conv_in.weight", None, "conv_in.weight is missing"),
        ("unet.colour", torch.zeros(2), "without a place in the published system: 1 (unet.colour)"),
        ("unet.conv_out.bias", torch.zeros(3), "unet.conv_out.bias has the shape (3,)"),
        ("vid_fea_extractor.linear_layer.weight", torch.zeros(CROSS, 5), "does not fit CLIP and the UNet"),
        ("unet.down_blocks.0.resnets.0.conv1.weight", torch.zeros(50, 64, 3, 3), "no multiple of 64"),
    ],
)
def test_tensors_that_do_not_fit(checkpoints, tmp_path, capsys, name, value, says):
    folder = tmp_path / "x"
    shutil.copytree(checkpoints / "vta-ldm", folder)
    state = {k: v for k, v in (vta_state() | {name: value}).items() if v is not None}
    torch.save(state, folder / "pytorch_model_2.bin")
    assert says in refused(capsys, tmp_path, "vta-ldm", folder)


def test_checkpoints_of_other_systems(checkpoints, tmp_path, capsys):
    folder = tmp_path / "x"
    shutil.copytree(checkpoints / "vta-ldm", folder)
    torch.save({"state_dict": {"transformer.head.weight": torch.zeros(2)}}, folder / "pytorch_model_2.bin")
    assert "its part unet is missing" in refused(capsys, tmp_path, "vta-ldm", folder)
    torch.save(vta_state(), folder / "pytorch_model_2.bin")
    torch.save(vta_state(), folder / "audioldm-s-full.ckpt")
    assert "its scale_factor is missing" in refused(capsys, tmp_path, "vta-ldm", folder)
    assert "there is no summary.jsonl" in refused(capsys, tmp_path, "vta-ldm", checkpoints / "audioldm")
    assert "there is no model_index.json" in refused(capsys, tmp_path, "audioldm", checkpoints / "vta-ldm")
    line = refused(capsys, tmp_path, "condfoleygen", checkpoints / "vta-ldm" / "pytorch_model_2.bin")
    assert "no weights of CondFoleyGen" in line


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"ib": True}, "another picture encoder (ib)"),
        ({"task": "text2audio"}, "of the task text2audio"),
        ({"scheduler_name": "other/scheduler"}, "names the scheduler other/scheduler"),
    ],
)
def test_other_variants_of_vta_ldm(checkpoints, tmp_path, capsys, settings, says):
    shutil.copytree(checkpoints / "vta-ldm", tmp_path / "x")
    path = tmp_path / "x" / "summary.jsonl"
    path.write_text(json.dumps(json.loads(path.read_text().splitlines()[0]) | settings))
    assert says in refused(capsys, tmp_path, "vta-ldm", tmp_path / "x")
    path.write_text("[1]\n")
    assert "holds no settings" in refused(capsys, tmp_path, "vta-ldm", tmp_path / "x")


def test_other_folders_of_diffusers(checkpoints, tmp_path, capsys):
    folder = tmp_path / "x"
    shutil.copytree(checkpoints / "audioldm", folder)
    index = folder / "model_index.json"
    index.write_text(json.dumps({"_class_name": "AudioLDM2Pipeline"}))
    assert "AudioLDM2Pipeline, not AudioLDMPipeline" in refused(capsys, tmp_path, "audioldm", folder)
    shutil.copy(checkpoints / "audioldm" / "model_index.json", index)
    for part, key, says in (
        ("vae", "_class_name", "is of VQModel"),
        ("vocoder", "sampling_rate", "no sound of 16000 Hz"),
    ):
        path = folder / part / "config.json"
        kept = path.read_text()
        path.write_text(json.dumps(json.loads(kept) | {key: "VQModel" if key == "_class_name" else 8000}))
        assert says in refused(capsys, tmp_path, "audioldm", folder)
        path.write_text(kept)
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"x" * 100)
    assert "is damaged" in refused(capsys, tmp_path, "audioldm", folder)
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    assert "there is none of" in refused(capsys, tmp_path, "audioldm", folder)


def test_code_in_a_checkpoint_is_never_run(checkpoints, tmp_path, capsys):
    shutil.copytree(checkpoints / "vta-ldm", tmp_path / "x")
    harm = tmp_path / "harm"
    torch.save({"a": Bomb(str(harm))}, tmp_path / "x" / "pytorch_model_2.bin")
    line = refused(capsys, tmp_path, "vta-ldm", tmp_path / "x")
    assert "could be code" in line and "give a checkpoint of VTA-LDM" in line and not harm.exists()


def test_bad_words(checkpoints, tmp_path, capsys):
    assert "there is no folder" in refused(capsys, tmp_path, "vta-ldm", tmp_path / "none")
    assert "there is no file" in refused(
        capsys, tmp_path, "audioldm", checkpoints / "audioldm", "--imagebind", tmp_path / "none.pth"
    )
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    assert "is there already" in refused(capsys, tmp_path, "audioldm", checkpoints / "audioldm")
    assert main(["import", "vta-lmd", "x"]) == 2 and "did you mean vta-ldm?" in capsys.readouterr().err
    assert main(["import", "--help"]) == 0
    assert all(f"\n  {name} " in capsys.readouterr().out for name in ("condfoleygen",))


def test_a_python_that_diffusers_does_not_know(monkeypatch):
    class Old:
        version_info = (3, 10, 14)

    monkeypatch.setattr(systems, "sys", Old)
    with pytest.raises(InputError, match=r"importing AudioLDM needs Python 3\.11 or newer"):
        systems.require_diffusion("importing AudioLDM")


def test_imagebind_without_its_package(checkpoints, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, joint.PACKAGE, None)
    file = tmp_path / "imagebind_huge.pth"
    torch.save({"modality_trunks.vision.blocks.0.norm_1.weight": torch.zeros(2)}, file)
    line = refused(capsys, tmp_path, "audioldm", checkpoints / "audioldm", "--imagebind", file)
    assert "pip install imagebind-unofficial" in line
