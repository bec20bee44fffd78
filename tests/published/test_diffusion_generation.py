"""Soundtracks by VTA-LDM and AudioLDM of toy sizes, from videos and from a picture, in both modes."""

import json
import shutil

import numpy as np
import pytest
import soundfile
import torch

pytest.importorskip("diffusers", reason="it needs Python 3.11")

from diffusers import DDPMScheduler

from condfoley.cli.main import main
from condfoley.errors import InputError
from condfoley.foley import Foley
from condfoley.inputs import ClipFile, Footage
from condfoley.media import resample
from condfoley.published.diffusion.importer import import_audioldm, import_vta_ldm
from condfoley.published.diffusion.latents import join
from condfoley.published.diffusion.pictures import drifting, pictures
from condfoley.published.diffusion.systems import ROWS, VTA_SCHEDULER
from condfoley.published.diffusion.vta_ldm import positions
from condfoley.redraw import Redraw
from condfoley.runtime.sampling import random_streams
from condfoley.settings import Settings
from condfoley.weights import SHIPPED, read_card
from tests.made_up import noise_clip
from tests.published.latent_stand_ins import CROSS, Binder, vta_state, vta_unet, write_audioldm, write_vta_ldm

STEPS = 2


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Folder with the weights `vta-ldm` and `audioldm`, imported; few steps."""
    home = tmp_path_factory.mktemp("latent")
    import_vta_ldm(write_vta_ldm(home / "checkpoints" / "vta-ldm"), home / "vta-ldm")
    import_audioldm(write_audioldm(home / "checkpoints" / "audioldm"), home / "audioldm")
    for name in ("vta-ldm", "audioldm"):
        path = home / name / "card.json"
        card = json.loads(path.read_text())
        card["diffusion"] |= {"steps": STEPS, "published_steps": STEPS}
        path.write_text(json.dumps(card))
    return home


@pytest.fixture(scope="module")
def vta(home):
    return Foley.load(home / "vta-ldm")


@pytest.fixture(scope="module")
def audioldm(home):
    return Foley.load(home / "audioldm")


@pytest.fixture(scope="module")
def reference(home):
    return noise_clip(home / "reference.mp4", 2.0)


@pytest.fixture(scope="module")
def target(home):
    return noise_clip(home / "target.mp4", 2.0, sound=False)


def scene(colour=(200, 60, 20), seconds=2.0, fps=10):
    """A clip in memory: a square that moves, wider than high."""
    pictures = np.full((round(seconds * fps), 36, 64, 3), 30, np.uint8)
    for i, picture in enumerate(pictures):
        picture[10:20, 2 * i % 54 : 2 * i % 54 + 10] = colour
    return Footage(pictures, np.arange(len(pictures)) / fps, name="the scene", length=seconds)


SYSTEMS = pytest.mark.parametrize(("name", "more"), [("vta-ldm", []), ("audioldm", ["--caption", "tap tap"])])


@SYSTEMS
@pytest.mark.parametrize("mode", ["corrected", "published"])
def test_the_command_line(home, reference, target, tmp_path, capsys, name, more, mode):
    words = ["--weights", str(home / name), "--reference", str(reference), "--target", str(target), "--candidates", "2"]
    code = main(["generate", *words, *more, "--mode", mode, "--out", str(tmp_path / "out"), "--quiet"])
    assert code == 0, capsys.readouterr().err
    record = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert record["settings"]["system"] == name and record["settings"]["steps"] == STEPS
    assert record["settings"]["caption"] == (more[-1] if more else None)
    assert record["weights"]["referee"] == read_card(SHIPPED)["name"] and "unet" in record["weights"]["parts"]
    wav, rate = soundfile.read(tmp_path / "out" / "soundtrack.wav")
    assert rate == (16000 if mode == "published" else 22050) and abs(len(wav) / rate - 2) < 0.1
    assert np.abs(wav).max() > 1e-3
    assert main(["edit", str(tmp_path / "out"), "--add", "1.0"]) == 0, capsys.readouterr().err
    assert main(["redo", str(tmp_path / "out"), "--span", "0.5:1", "--weights", str(home / name)]) == 2
    assert "write a soundtrack as a whole" in capsys.readouterr().err


def test_the_published_sound_is_the_systems_own(vta, reference, target):
    """To the sample, the first seed's, as long as the picture."""
    made = vta.generate(reference, target, candidates=2, mode="published", seed=3)
    drafter = vta.pipeline(made.duration, mode="published").drafter
    seen = drafter.look(ClipFile(target), np.zeros((0, 0)))
    drafts = drafter.draft(seen, None, [3], drafter.sampling(Settings(mode="published")))
    assert made.sample_rate == 16000 and np.array_equal(made.wav, drafts.sounds[0])
    assert [c.seed for c in made.candidates] == [3, 4] and not len(made.cues.times)
    assert all(made.settings[name] is False for name in ("rerank", "comp", "align"))


def published_loop(seen, seed):
    """The released loop (models.py, `inference`), with the settings of its checkpoint and our random numbers."""
    unet, state = vta_unet().eval(), vta_state()
    unet.load_state_dict({k.removeprefix("unet."): v for k, v in state.items() if k.startswith("unet.")})
    scheduler = DDPMScheduler(**{k: v for k, v in VTA_SCHEDULER.items() if k != "_class_name"})
    scheduler.set_timesteps(STEPS)
    layer = "vid_fea_extractor.linear_layer."
    tokens = torch.nn.functional.linear(torch.from_numpy(seen), state[layer + "weight"], state[layer + "bias"])[None]
    both = torch.cat([torch.zeros_like(tokens), tokens])
    drawn = random_streams([seed])[0].standard_normal((256, 8 * 16), np.float32)
    latents = torch.from_numpy(drawn).reshape(1, 256, 8, 16).transpose(1, 2)
    generator = torch.Generator().manual_seed(seed)
    for time in scheduler.timesteps:
        found = unet(torch.cat([latents] * 2), time, encoder_hidden_states=both).sample
        without, given = found.chunk(2)
        latents = scheduler.step(without + 3 * (given - without), time, latents, generator=generator).prev_sample
    return latents


def test_the_published_loop(vta):
    drafter = vta.pipeline(4.0, mode="published").drafter
    seen = drafter.look(scene(seconds=4.0), np.zeros((0, 0)))
    system, kept = drafter.system, []
    sound = system.sound
    try:
        system.sound = lambda latents, plan: kept.append(latents) or sound(latents, plan)
        drafter.draft(seen, None, [5], drafter.sampling(Settings(mode="published")))
    finally:
        del system.sound
    with torch.no_grad():
        expected = published_loop(seen, 5)
    assert kept[0].shape == (1, 8, 256, 16) and torch.allclose(kept[0], expected, atol=1e-4 * expected.abs().max())


def test_pixels_are_not_standardised(vta):
    """As in training: CLIP sees [0, 1]."""
    given = []
    clip = vta.loaded.diffusion.parts["clip_vision"]
    hook = clip.register_forward_pre_hook(lambda network, inputs: given.append(inputs[0]))
    seen = vta.loaded.diffusion.see(scene(seconds=3.0))
    hook.remove()
    assert len(seen) == 6 and given[0].shape[1:] == (3, 224, 224)
    assert float(given[0].median() * 255) == pytest.approx(30) and given[0].min() >= 0 and given[0].max() <= 1


def test_pictures_drift_as_published_where_their_rate_is_no_whole_number():
    odd = Footage(np.zeros((90, 8, 8, 3), np.uint8), np.arange(90) / 29.97)
    assert drifting(odd) == pytest.approx(2 * 29.97 / 29)
    even = Footage(np.zeros((50, 8, 8, 3), np.uint8), np.arange(50) / 25)
    assert drifting(even) == pytest.approx(2.0) == drifting(Footage(np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1)))


def test_a_wide_picture_is_cropped_not_squeezed():
    clip = scene()
    cropped, squeezed = pictures(clip, 2.0, "crop"), pictures(clip, 2.0, "area")
    wide = [int((frames[2, 90, :, 0] > 100).sum()) for frames in (cropped, squeezed)]
    assert wide[0] > 1.5 * wide[1]  # of the same square


@pytest.mark.parametrize(("seconds", "rows"), [(0.3, 8), (2.0, 56), (10.24, 256), (25.0, 632)])
def test_latents_cover_the_target_and_no_more(vta, seconds, rows):
    system = vta.loaded.diffusion
    assert system.rows(seconds) == rows and system.rows(seconds, as_published=True) == ROWS
    plan = system.plan(rows)
    assert plan.length == min(rows, ROWS) and plan.starts[-1] + plan.length == rows


def test_audioldm_is_of_whole_seconds_as_published(audioldm):
    assert audioldm.loaded.diffusion.rows(2.1, as_published=True) == 75


def test_a_published_target_over_ten_seconds_ends_in_silence(vta, monkeypatch):
    """Here 10.24 s are as long as its window; a corrected soundtrack is covered by several."""
    system = vta.loaded.diffusion
    monkeypatch.setattr(system, "window", 32)  # rows, 1.28 s
    clip = scene(seconds=3.0)
    for mode, silent in (("published", True), ("corrected", False)):
        drafter = vta.pipeline(3.0, mode=mode).drafter
        seen = drafter.look(clip, np.zeros((0, 0)))
        sounds = drafter.draft(seen, None, [0], drafter.sampling(Settings(mode=mode))).sounds
        assert sounds.shape == (1, 48000) and sounds[0, :20480].any()
        assert (not sounds[0, 20480:].any()) == silent


def test_windows_are_joined_without_a_seam():
    rows = torch.arange(40.0)[:, None].expand(40, 3)
    starts = [0, 12, 24]
    assert torch.allclose(join([rows[s : s + 16][None] for s in starts], starts, 4), rows[None])


def test_one_seed_one_sound_in_any_batch(vta):
    drafter = vta.pipeline(1.0).drafter
    seen = drafter.look(scene(seconds=1.0), np.zeros((0, 0)))
    how = drafter.sampling(Settings())
    both, alone = (drafter.draft(seen, None, seeds, how).sounds for seeds in ([7, 8], [8]))
    assert np.allclose(both[1], alone[0], atol=1e-4) and not np.allclose(both[0], both[1], atol=1e-2)


def test_the_drafts_spectrogram_is_that_of_its_sound(vta):
    """As long as those of the other generators."""
    pipeline = vta.pipeline(1.5)
    wav = np.sin(2 * np.pi * 1000 * np.arange(24000) / 16000).astype(np.float32)
    spec, g = pipeline.drafter.spectrogram(wav), vta.geometry
    assert spec.shape == (g.n_mels, g.columns_for(1.5) * g.column_mel_frames)
    sounding = spec[:, : round(1.4 * g.sample_rate / g.hop)]
    assert np.ptp(sounding.argmax(0)) <= 1 and spec[:, round(1.6 * g.sample_rate / g.hop) :].max() == 0
    assert len(resample(wav, 16000, g.sample_rate)) == round(1.5 * g.sample_rate)


def test_the_picture_is_heard(vta):
    drafter = vta.pipeline(1.0).drafter
    how, made = drafter.sampling(Settings()), []
    for colour in ((200, 60, 20), (20, 200, 250)):
        made.append(drafter.draft(drafter.look(scene(colour, 1.0), np.zeros((0, 0))), None, [0], how).sounds)
    assert not np.allclose(*made, atol=1e-4)
    assert np.array_equal(*(drafter.draft(np.zeros((3, 24), np.float32), None, [0], how).sounds for _ in range(2)))


def test_a_picture_alone(vta, reference):
    """Image to audio: one picture, shown for three seconds."""
    still = Footage(scene().pictures[:1], np.zeros(1), length=3.0, name="the picture")
    made = vta.render(ClipFile(reference), still, candidates=2)
    assert made.duration == 3.0 and np.isfinite(made.wav).all() and np.abs(made.wav).max() > 1e-3
    seen = vta.loaded.diffusion.see(still)
    assert len(seen) == 6 and np.allclose(seen, seen[:1], atol=1e-5)


def test_positions_count_from_the_beginning_of_a_window(vta, monkeypatch):
    """For checkpoints that were trained with them (`pe`)."""
    system, seen = vta.loaded.diffusion, np.ones((12, 24), np.float32)
    plain = system.condition(seen, None)(100, 50)["encoder_hidden_states"]
    monkeypatch.setitem(system.record, "positions", True)
    first, later = (system.condition(seen, None)(row, 50)["encoder_hidden_states"] for row in (0, 100))
    assert plain.shape == (2, 4, CROSS) and torch.allclose(plain[1, :1], plain[1])
    assert torch.equal(first, later) and not torch.allclose(first[1, 0], first[1, 1]) and not first[0].any()
    table = positions(30, 24)
    assert table.shape == (30, 24) and torch.equal(table[0, :4], torch.tensor([0.0, 1.0, 0.0, 1.0]))


def test_a_caption_is_heard(audioldm, target):
    drafter = audioldm.pipeline(1.0).drafter
    seen = drafter.look(ClipFile(target), np.zeros((0, 0)))
    assert seen.shape == (0, 0)
    how = [drafter.sampling(Settings(caption=text)) for text in ("tap", "a tap of zinc", "tap")]
    a, b, c = (drafter.draft(seen, None, [0], one).sounds for one in how)
    assert np.array_equal(a, c) and not np.allclose(a, b, atol=1e-4)


def test_settings_that_do_not_count(vta, audioldm, reference, target):
    for foley, settings, says in (
        (vta, {"caption": "tap"}, "--caption does not count with weights of vta-ldm"),
        (vta, {"temperature": 1.0}, "--temperature does not count"),
        (vta, {"guidance": 1.0}, "--guidance does not count"),
        (vta, {"solver": "heun"}, "--solver does not count"),
        (audioldm, {"caption": "tap", "picture_guidance": 1.0}, "--picture-guidance does not count"),
        (audioldm, {}, "say what is heard with --caption"),
        (vta, {"mode": "published", "steps": 3}, "has its own --steps"),
        (vta, {"generator": "flow"}, "have no flow"),
    ):
        with pytest.raises(InputError, match=says):
            foley.generate(reference, target, **settings)
    with pytest.raises(InputError, match="--start-from needs the generator flow"):
        vta.generate(reference, target, start_from=reference)
    with pytest.raises(InputError, match="write a soundtrack as a whole"):
        vta.redraw(ClipFile(reference), ClipFile(target), Redraw((0.5, 1.0), None, None, None))
    with pytest.raises(InputError, match="--caption is for imported weights of AudioLDM"):
        Foley.load().generate(reference, target, caption="tap")


def test_scenes_are_drafted_one_by_one(vta, reference):
    """A cut between two pictures; each scene is seen by itself."""
    dark, light = (np.full((15, 36, 64, 3), value, np.uint8) for value in (20, 220))
    rng = np.random.default_rng(0)
    dark[:, :18], light[:, 18:] = rng.integers(0, 90, (18, 64, 3)), rng.integers(160, 250, (18, 64, 3))
    clip = Footage(np.concatenate([dark, light]), np.arange(30) / 15, name="two scenes")
    made = vta.render(ClipFile(reference), clip, candidates=1)
    assert made.scene_cuts == pytest.approx((1.0,)) and np.isfinite(made.wav).all()


def test_steered_by_a_joint_embedding(audioldm, monkeypatch):
    """The sound is nearer to the picture than without, in both modes, and no caption is needed then."""
    system = audioldm.loaded.diffusion
    clip, kept = scene(seconds=2.0), {}
    for mode in ("corrected", "published"):
        for listener in (Binder(), None):
            monkeypatch.setattr(system, "listener", listener)
            drafter = audioldm.pipeline(2.0, mode=mode).drafter
            how = drafter.sampling(Settings(mode=mode, caption=None if listener else "tap")) | {
                "steps": 12,
                "caption": None,
            }
            seen = drafter.look(clip, np.zeros((0, 0)))
            assert len(seen) == (2 if listener else 0)
            wav = torch.from_numpy(drafter.draft(seen, None, [1], how).sounds)
            near = torch.cosine_similarity(
                Binder().embed_sounds(wav.reshape(-1, 16000)),
                Binder().embed_pictures(pictures(clip, 2.0, "crop").reshape(2, 2, 224, 224, 3)),
            )
            kept[mode, listener is not None] = float(near.mean())
    assert kept["corrected", True] > kept["corrected", False] + 0.05
    assert kept["published", True] > kept["published", False] + 0.05


def test_weights_that_make_no_numbers(vta, monkeypatch):
    system = vta.loaded.diffusion
    monkeypatch.setattr(system, "vocode", lambda specs: specs.new_full((len(specs), specs.shape[1] * 160), torch.nan))
    with pytest.raises(InputError, match="values that are no numbers"):
        system.sound(torch.zeros(1, 8, 8, 16), system.plan(8))


def test_damaged_weights(home, tmp_path, reference, target, capsys):
    folder = tmp_path / "w"
    shutil.copytree(home / "vta-ldm", folder)
    card = json.loads((folder / "card.json").read_text())
    words = ["generate", "--weights", str(folder), "--reference", str(reference), "--target", str(target), "--out"]
    for change, says in (
        ({"diffusion": {}}, "import the checkpoint again"),
        ({"parts": {k: v for k, v in card["parts"].items() if k != "vae"}}, "have no vae"),
    ):
        (folder / "card.json").write_text(json.dumps(card | change))
        assert main([*words, str(tmp_path / "out")]) == 2
        err = capsys.readouterr().err
        assert says in err.splitlines()[-1] and "Traceback" not in err


def test_there_are_no_graphs_of_such_a_system(home, capsys):
    assert main(["export", "onnx", str(home / "vta-ldm")]) == 2
    assert "has no part that graphs are made of" in capsys.readouterr().err
