"""What `condfoley serve` and its jobs let a user choose."""

from __future__ import annotations

from dataclasses import dataclass

from condfoley.cli.options import DeliveryOptions
from condfoley.errors import InputError, require_at_least
from condfoley.settings import EngineName

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Names of this machine."""


@dataclass(kw_only=True)
class ServerOptions:
    """Options of every server that has the model loaded; each says what its `port`, `rate` and `burst` are."""

    weights: str | None = None
    """Folder of another model's weights (default: the model that ships with condfoley)."""
    device: str = "cpu"
    """Where to compute: cpu, cuda (an NVIDIA GPU), cuda:1 (the second one), mps (Apple)."""
    engine: EngineName = "auto"
    """What runs the networks: onnx (onnxruntime, on the CPU), torch (PyTorch, on any device), or auto: onnx where it can
    run the weights on the device, else torch."""
    port: int
    rate: float
    burst: int

    def __post_init__(self) -> None:
        """Raise InputError for numbers out of range."""
        if not 0 <= self.port <= 65535:
            raise InputError(f"--port is {self.port}; give a number from 0 to 65535")
        if not 0 < self.rate < float("inf"):
            raise InputError(f"--rate is {self.rate:g}; give a number above 0")
        require_at_least("burst", self.burst, 1)


@dataclass(kw_only=True)
class ServeOptions(ServerOptions):
    """Keep the model loaded and generate soundtracks for other programs on this machine, over HTTP."""

    port: int = 8765
    """Port to listen on, at 127.0.0.1; 0: any free one."""
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
        super().__post_init__()
        for name in ("max_upload", "max_waiting", "max_finished"):
            require_at_least(name, getattr(self, name), 1)


@dataclass(kw_only=True)
class JobSettings(DeliveryOptions):
    """Settings of one job: those of `condfoley generate`."""

    strength: float | None = None
    """How far the sound that a job starts from is changed: 0, as it is but for the vocoder, to 1, not heard any more (default:
    0.5)."""
