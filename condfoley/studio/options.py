"""Options of `condfoley studio`; attribute docstrings are the help texts."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path

from condfoley.errors import InputError, require_at_least
from condfoley.server.options import LOOPBACK, ServerOptions
from condfoley.weights import SHIPPED

MEGABYTE = 10**6
LOCAL = "local"
"""Name of the only user where none are named."""
USER = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(kw_only=True)
class StudioOptions(ServerOptions):
    """Open a page in the browser on which a reference and a target become a soundtrack that can be edited."""

    home: str | None = None
    """Folder of clips and projects (default: one of condfoley's own in your data folder)."""
    library: str | None = None
    """Folder of recordings that the page offers; files in it are used where they are, not copied."""
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for all network interfaces. Any but this machine's own needs the token that is printed."""
    port: int = 8760
    """Port to listen on; 0: any free one."""
    names: str = ""
    """Further names by which browsers reach the server, separated by commas, such as studio.example.org."""
    users: str = ""
    """Names of users, separated by commas; each has a token, and clips and projects of their own."""
    browser: bool = True
    """Open the page; --no-browser only prints its address."""
    max_upload: int = 2000
    """Maximum size of a clip, in megabytes."""
    max_seconds: float = 1800.0
    """Maximum length of a clip, in seconds."""
    max_clips: int = 500
    """Number of clips that a user may have."""
    max_storage: int = 50_000
    """Size of all clips that a user has uploaded, in megabytes."""
    max_waiting: int = 8
    """Number of jobs of a user that may wait; further ones are refused."""
    keep_days: float = 7.0
    """Days after which a clip that no project uses is removed, at least 1."""
    rate: float = 50.0
    """Requests a second allowed to one client address, on average."""
    burst: int = 1000
    """Requests allowed to one client address at once."""

    def __post_init__(self) -> None:
        """Raise InputError for numbers out of range, and for names that are none."""
        super().__post_init__()
        for name in ("max_upload", "max_seconds", "max_clips", "max_storage", "max_waiting"):
            require_at_least(name, getattr(self, name), 1)
        require_at_least("keep_days", self.keep_days, 1)
        for name in self.user_names:
            if not USER.fullmatch(name):
                raise InputError(f"--users has {name!r}; a name is up to 32 small letters, digits, - and _")
        if len(set(self.user_names)) < len(self.user_names):
            raise InputError("--users has a name twice; leave out one of the two")

    @property
    def user_names(self) -> tuple[str, ...]:
        """Names of the users."""
        return tuple(name.strip() for name in self.users.split(",") if name.strip()) or (LOCAL,)

    @property
    def weights_folder(self) -> Path:
        """Folder of the weights that are used."""
        return Path(self.weights or SHIPPED)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host in LOOPBACK

    @property
    def needs_token(self) -> bool:
        """Whether a browser must show a token first."""
        return not self.is_loopback or bool(self.users.strip())

    @property
    def host_names(self) -> tuple[str, ...]:
        """Names that a request may be for, besides addresses."""
        given = [name.strip().lower() for name in self.names.split(",") if name.strip()]
        own = [] if self.is_loopback else [self.host.lower(), socket.gethostname().lower()]
        return (*LOOPBACK, *own, *given)
