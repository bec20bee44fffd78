"""Freed memory stays in the process, by the C library's own counters; that of arrays in files is given back."""

import ctypes
import json
import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from condfoley.memory import array_in_file, release

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
