"""What `condfoley serve` and its jobs let a user choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from condfoley.errors import InputError, require_at_least
from condfoley.settings import EngineName, Settings


@dataclass(kw_only=True)
class ServeOptions:
    """Keep the model loaded and generate soundtracks for other programs on this machine, over HTTP."""

    port: int = 8765
    """Port to listen on, at 127.0.0.1; 0: any free one."""
    weights: str | None = None
    """Folder of another model's weights (default: the model that ships with condfoley)."""
    device: str = "cpu"
    """Where to compute: cpu, cuda (an NVIDIA GPU), cuda:1 (the second one), mps (Apple)."""
    engine: EngineName = "auto"
    """What runs the networks: onnx (onnxruntime, on the CPU), torch (PyTorch, on any device), or auto: onnx where it can
    run the weights on the device, else torch."""
    max_upload: int = 2000
    """Maximum size of a request, both clips together, in megabytes."""
    max_waiting: int = 20
    """Number of jobs that may wait; further ones are refused."""
    max_finished: int = 50
    """Number of finished jobs whose results are kept; older ones are removed."""
    rate: float = 20.0
    """Requests a second allowed to one client address, on average."""
    burst: int = 200
    """Requests allowed to one client address at once."""
    quiet: bool = False
    """Show no progress."""

    def __post_init__(self) -> None:
        """Raise InputError for invalid numbers."""
        if not 0 <= self.port <= 65535:
            raise InputError(f"--port is {self.port}; give a number from 0 to 65535")
        if not 0 < self.rate < float("inf"):
            raise InputError(f"--rate is {self.rate:g}; give a number above 0")
        for name in ("max_upload", "max_waiting", "max_finished", "burst"):
            require_at_least(name, getattr(self, name), 1)


@dataclass(kw_only=True)
class JobSettings(Settings):
    """Settings of one job: those of `condfoley generate`."""

    codec: Literal["aac", "pcm"] = "aac"
    """Sound in the finished video: aac plays anywhere, pcm is lossless."""
