"""A bed beneath a project's layers: from the reference's quiet parts, or a file of one's own."""

import dataclasses

import numpy as np
import pytest

from condfoley.errors import InputError
from condfoley.media import write_wav
from condfoley.project.beds import with_ambience
from condfoley.project.find_inputs import input_of
from condfoley.project.model import AMBIENCE
from condfoley.project.render import render
from condfoley.project.store import read_sound
from tests.project.conftest import generated, stored
from tests.sounds import RATE, noise_bursts


def with_reference(home, wav):
    """The project with a reference of its own in the folder."""
    path = write_wav(home.path / "own.wav", wav, RATE)
    inputs = home.project.inputs | {"reference": input_of(path)}
    return dataclasses.replace(home.project, inputs=inputs)


def heard(home, project):
    return render(project, lambda sound: read_sound(home.path, sound, project.rate))


def rms_db(samples):
    return 10 * np.log10(np.square(samples, dtype=np.float64).mean())


def test_a_bed_of_the_references_quiet_parts_is_a_stem_of_its_own(home):
    project = with_reference(home, noise_bursts([1.0, 3.0], [120.0, 120.0], 5.0, floor=3e-3))
    after, notes = with_ambience(home.path, project, "auto", -6.0)
    assert not notes and [layer.name for layer in after.layers] == ["main", AMBIENCE]
    sound = heard(home, after)
    assert rms_db(sound.stem(AMBIENCE)[:, RATE // 2 :]) == pytest.approx(20 * np.log10(3e-3) - 6, abs=1.5)
    assert np.abs(sound.stem("main") - render(home.project, home.read).sum()).max() < 0.02  # the ceiling is of both
    assert np.array_equal(sound.stem("main").astype(float) + sound.stem(AMBIENCE), sound.sum())


def test_a_bed_goes_on_through_scene_cuts(tmp_path):
    home = stored(tmp_path / "p", generated(cuts=(1.25,)))
    path = write_wav(tmp_path / "room.wav", noise_bursts([], [], 1.0, floor=1e-2), RATE)
    after, _ = with_ambience(home.path, home.project, str(path))
    bed = heard(home, after).stem(AMBIENCE)[0]
    blocks = np.square(bed[RATE // 4 : -RATE // 4]).reshape(-1)[: RATE * 2].reshape(-1, RATE // 10).mean(1)
    assert blocks.min() > 0.4 * blocks.mean()


def test_a_bed_is_exchanged_and_taken_out_again(home, tmp_path):
    paths = [
        write_wav(tmp_path / f"{i}.wav", noise_bursts([], [], 2.0, floor=f), RATE) for i, f in enumerate((0.01, 0.1))
    ]
    one, _ = with_ambience(home.path, home.project, str(paths[0]), 3.0)
    other, _ = with_ambience(home.path, one, str(paths[1]))
    assert other.layer(AMBIENCE).gain == 3.0 and len(other.layers) == 2
    assert rms_db(heard(home, other).stem(AMBIENCE)) == pytest.approx(-20 + 3, abs=1)
    none, _ = with_ambience(home.path, other, "none")
    assert none.layers == home.project.layers


def test_a_reference_without_a_quiet_part_is_told(home):
    project = with_reference(home, noise_bursts([0.05, 0.3, 0.6], [60.0] * 3, 0.8, floor=0.0))
    after, notes = with_ambience(home.path, project, "auto")
    assert after == project and "no quiet part" in notes[0] and "--ambience FILE" in notes[0]


def test_files_that_are_no_bed(home, tmp_path):
    silent = write_wav(tmp_path / "silent.wav", np.zeros(RATE, np.float32), RATE)
    with pytest.raises(InputError, match="is silent"):
        with_ambience(home.path, home.project, str(silent))
    with pytest.raises(InputError, match="no such file"):
        with_ambience(home.path, home.project, str(tmp_path / "none.wav"))
