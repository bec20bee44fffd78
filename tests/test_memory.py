"""Freed memory stays in the process, by the C library's own counters; that of arrays in files is given back."""

import ctypes
import json
import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from condfoley.memory import BLOCK, array_in_file, blocks, release, sound_array, sound_copy

LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
COUNT = """
import ctypes, json, torch
from condfoley.memory import retain_freed_memory
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]
info = ctypes.CDLL(None).mallinfo2
info.restype = Info
if {kept}:
    retain_freed_memory()
before = info()
array = torch.zeros(5 << 20)  # 20 MB
apart = info().hblkhd - before.hblkhd
del array
print(json.dumps([apart, info().arena - before.arena]))
"""


@pytest.mark.skipif(not hasattr(LIBC, "mallinfo2"), reason="glibc's")
@pytest.mark.parametrize("kept", [True, False])
def test_a_large_array_is_taken_from_what_the_process_keeps(kept):
    done = subprocess.run([sys.executable, "-c", COUNT.format(kept=kept)], capture_output=True, text=True, check=True)
    apart, left = json.loads(done.stdout)
    assert (apart == 0) == kept
    assert (left >= 19 << 20) == kept  # some of it may have been there before


def test_an_array_in_a_file_keeps_its_values_when_its_memory_is_given_back():
    array = array_in_file((300, 1000), np.float32)
    assert isinstance(array, np.memmap) and not array.any()
    array[:] = np.arange(1000)
    release(array)
    assert (array == np.arange(1000)).all()
    release(array[:, ::2].T)  # a view of it
    assert array[7, 3] == 3
    release(np.zeros(3))  # any other array: nothing happens


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_that_is_given_back_is_not_counted():
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1])  # pages

    array = array_in_file((64 << 20,), np.uint8)
    array[:] = 1
    used = resident()
    release(array)
    assert used - resident() > (32 << 20) // mmap.PAGESIZE
    assert array[::4096].all()


def test_a_long_sound_is_gone_through_in_blocks_that_are_given_back():
    sound = sound_array((2, BLOCK * 7))
    assert isinstance(sound, np.memmap)
    for part in blocks(sound.shape[1]):
        sound[:, part] = part.start
    assert [int(sound[0, k * BLOCK]) for k in range(7)] == [k * BLOCK for k in range(7)]
    assert np.array_equal(sound_copy(sound), sound) and not isinstance(sound_copy(sound[:, :9]), np.memmap)
    assert [(part.start, part.stop) for part in blocks(10, 4)] == [(0, 4), (4, 8), (8, 10)] and not list(blocks(0))


STEPS = """
import sys
from pathlib import Path
import numpy as np
from condfoley.audio.onsets import detect_onsets
from condfoley.audio.rates import converted
from condfoley.audio.splice import concatenate
from condfoley.audio.track import Track
from condfoley.matching.dynamics import scale_impacts
from condfoley.media import write_wav
from condfoley.memory import blocks, sound_array
from condfoley.project.create import quiet_db
from condfoley.project.gain import Gain
from condfoley.project.store import _read, write_sound
from condfoley.soundtrack import finished
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
folder, channels, length, rate = Path(sys.argv[1]), 2, 16 << 20, 44100
samples, noise = sound_array((channels, length)), np.random.default_rng(0).normal(0, 0.05, (channels, 1 << 20))
for part in blocks(length):
    samples[:, part] = noise
known = np.arange(1.0, 380.0), np.full(379, 20.0)
track = Track(samples, rate, known)
steps = {
    "finished": lambda: finished(track, 1.5),
    "scaled": lambda: track.scaled(0.5),
    "delayed": lambda: track.delayed(-0.3),
    "converted": lambda: converted(track, rate, 1),
    "resampled": lambda: converted(track, 22050, 1),
    "concatenate": lambda: concatenate([(samples, 9), (samples, 0)], [300 * rate], length, 400),
    "scale_impacts": lambda: scale_impacts(track, known[0], known[0] % 3),
    "gain": lambda: Gain(0.9).applied(samples),
    "quiet_db": lambda: quiet_db(track),
    "detect_onsets": lambda: detect_onsets(converted(track, 22050, 1).mono, 22050),
    "write_wav": lambda: write_wav(folder / "a.wav", samples, rate),
    "write_sound": lambda: write_sound(folder, "a.flac", samples, rate),
    "read_sound": lambda: _read(folder / "a.flac", length, rate),
}
import scipy.ndimage, soundfile, soxr
begin = peak()
for name, step in steps.items():
    step()
    print(name, round(peak() - begin))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.heavy
def test_no_step_holds_a_long_soundtrack_in_memory(tmp_path):
    done = subprocess.run([sys.executable, "-c", STEPS, str(tmp_path)], capture_output=True, text=True, check=True)
    grown = {name: int(mb) for name, mb in (line.split() for line in done.stdout.splitlines())}
    assert len(grown) == 13 and max(grown.values()) < 80, grown  # MB; the soundtrack has 134
