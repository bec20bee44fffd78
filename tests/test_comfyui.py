"""The node for ComfyUI, with stand-ins of its types (docs.comfy.org, data types)."""

import io
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType, SimpleNamespace

import av
import numpy as np
import pytest
import torch

from condfoley import comfyui
from condfoley.errors import InputError
from condfoley.media import probe, read_audio, write_clip
from condfoley.media.timecode import NTSC
from tests.made_up import RATE, noise_clip, timed_video
from tests.tiny import write_tiny_weights


class VideoFromFile:
    """As comfy_api's, of a path or of bytes."""

    def __init__(self, file):
        self.file, self.saved = file, 0

    def get_stream_source(self):
        return self.file

    def get_components(self):
        if isinstance(self.file, io.BytesIO):
            self.file.seek(0)
        with av.open(self.file) as container:
            stream = container.streams.video[0]
            frames = [torch.from_numpy(f.to_ndarray(format="rgb24")) / 255 for f in container.decode(stream)]
            rate = Fraction(stream.average_rate)
        info = probe(self.file) if isinstance(self.file, Path) else None
        wav = torch.from_numpy(read_audio(self.file, RATE)) if info and info.has_audio else None
        audio = None if wav is None else {"waveform": wav[None, None], "sample_rate": RATE}
        return SimpleNamespace(images=torch.stack(frames), audio=audio, frame_rate=rate)


class Trimmed(VideoFromFile):
    """The first frames of a file, as `as_trimmed` gives them: its source is the whole file."""

    def get_components(self):
        whole = super().get_components()
        return SimpleNamespace(images=whole.images[:9], audio=whole.audio, frame_rate=whole.frame_rate)

    def save_to(self, path):
        self.saved += 1
        parts = self.get_components()
        write_clip(path, (parts.images.numpy() * 255).astype(np.uint8), float(parts.frame_rate), None, RATE)


@pytest.fixture(autouse=True, params=["comfy_api.latest", "comfy_api.input_impl"])
def comfy_api(request, monkeypatch, tmp_path):
    """The modules of ComfyUI that the node imports, where it is new and where it is old."""
    modules = {name: ModuleType(name) for name in ("comfy_api", request.param, "folder_paths")}
    modules["comfy_api"].__path__ = []
    modules[request.param].VideoFromFile = VideoFromFile
    if request.param == "comfy_api.latest":
        modules[request.param].InputImpl = SimpleNamespace(VideoFromFile=VideoFromFile)
    modules["folder_paths"].get_temp_directory = lambda: str(tmp_path / "temp")
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("comfyui")
    write_tiny_weights(home / "weights")
    return {
        "reference": VideoFromFile(noise_clip(home / "reference.mp4", 2.5)),
        "target": VideoFromFile(noise_clip(home / "target.mp4", 2.0, sound=False)),
        "weights": str(home / "weights"),
    }


def run(**inputs):
    return comfyui.NODE_CLASS_MAPPINGS["CondFoleySoundtrack"]().generate(candidates=2, seed=3, **inputs)


def test_two_videos_make_a_sound_as_comfyui_has_them(made):
    sound, hits, _ = run(**made)
    wav = sound["waveform"]
    assert wav.shape == (1, 1, 2 * RATE) and wav.dtype == torch.float32 and sound["sample_rate"] == RATE
    again = run(**made)[0]
    assert torch.equal(wav, again["waveform"])
    assert hits


def test_told_hits_come_back_as_text(made):
    told = "0.5\n1.25\n"
    _, hits, _ = run(**made, hits=told)
    assert [float(line.split("\t")[0]) for line in hits.splitlines()] == [0.5, 1.25]
    assert [line.split("\t") for line in run(**made, hits=hits)[1].splitlines()] == [
        line.split("\t") for line in hits.splitlines()
    ]
    with pytest.raises(InputError, match="line 2"):
        run(**made, hits="0.5\nsoon")


def test_a_sound_may_be_the_reference_in_stereo(made):
    wav = read_audio(made["reference"].file, RATE)
    stereo = torch.from_numpy(np.stack([wav, 0.5 * wav])[None])
    rest = {name: made[name] for name in ("target", "weights")}
    sound, *_ = run(**rest, reference_sound={"waveform": stereo, "sample_rate": RATE})
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


def stored(path):
    """(packets of the picture, its rate, duration in s of the file and of the picture)."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        facts = container.duration / av.time_base, float(stream.duration * stream.time_base)
        return [bytes(p) for p in container.demux(stream) if p.size], stream.average_rate, facts


@pytest.mark.parametrize("rate", [Fraction(12), Fraction(16), 24 * NTSC, Fraction(60)], ids=str)
def test_the_video_has_the_targets_frames_rate_and_duration(made, tmp_path, rate):
    path = timed_video(tmp_path / "target.mp4", rate, count=round(1.3 * rate))
    sound, _, video = run(**made | {"target": VideoFromFile(path)})
    before, after = stored(path), stored(video.file)
    assert after[0] == before[0] and len(before[0]) == round(1.3 * rate)
    assert after[1] == before[1] == rate
    assert after[2] == pytest.approx(before[2], abs=1 / RATE)
    heard = read_audio(video.file, RATE)
    assert abs(sound["waveform"].shape[-1] - len(heard)) <= 1
    assert Path(video.file).parent == tmp_path / "temp" and list((tmp_path / "temp").iterdir()) == [Path(video.file)]


def test_a_video_in_memory_is_copied_too(made, tmp_path):
    path = timed_video(tmp_path / "target.mp4", Fraction(12), count=15)
    *_, video = run(**made | {"target": VideoFromFile(io.BytesIO(path.read_bytes()))})
    assert stored(video.file)[0] == stored(path)[0]


def test_a_part_of_a_file_is_saved_by_comfyui_first(made, tmp_path):
    target = Trimmed(timed_video(tmp_path / "target.mp4", Fraction(12), count=30))
    *_, video = run(**made | {"target": target})
    assert target.saved == 1 and len(stored(video.file)[0]) == 9
    assert len(list((tmp_path / "temp").iterdir())) == 1
