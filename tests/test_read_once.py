"""What is needed twice of an input is read once: its picture as long as someone has it, its hash as long as it stays."""

from __future__ import annotations

import os

from condfoley import examples, inputs, weights
from condfoley.geometry import Geometry
from condfoley.inputs import ClipFile


def test_a_picture_is_decoded_once_as_long_as_it_is_held(monkeypatch):
    decoded, read = [], inputs.read_picture
    monkeypatch.setattr(inputs, "read_picture", lambda *given: decoded.append(given) or read(*given))
    clip, geometry = ClipFile(examples.TARGET), Geometry()
    frames = clip.frames(geometry)
    assert clip.frames(geometry) is frames and len(decoded) == 1
    part = frames[3:5]
    del frames
    assert clip.frames(geometry)[3].tolist() == part[0].tolist() and len(decoded) == 1
    assert len(clip.frames(geometry, (1.0, 2.0))) == 15 and len(decoded) == 2
    assert len(clip.frames(Geometry(frame_size=48))[0]) == 48 and len(decoded) == 3


def test_an_input_is_hashed_once_as_long_as_it_stays(tmp_path, monkeypatch):
    hashed, own = [], weights.sha256
    monkeypatch.setattr(weights, "sha256", lambda path: hashed.append(path) or own(path))
    path = tmp_path / "a.wav"
    path.write_bytes(b"one")
    first = weights.sha256_of_input(path)
    assert weights.sha256_of_input(path) == first == own(path) and len(hashed) == 1
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert weights.sha256_of_input(path) == own(path) != first and len(hashed) == 2
