"""Freed memory stays in the process, by the C library's own counters."""

import ctypes
import json
import subprocess
import sys

import pytest

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
    assert (left >= 20 << 20) == kept
