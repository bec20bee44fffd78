"""Who may use the studio: a token for each user, which the browser exchanges for a cookie, and a folder of their own."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from pathlib import Path

from condfoley.errors import InputError
from condfoley.files import atomic_file, make_folder, user_folder
from condfoley.studio.workspace import Workspace

COOKIE = "condfoley_studio"
TOKENS = "tokens.json"


def default_home() -> Path:
    """Folder of condfoley's own data of this user, as the system has them."""
    return user_folder("data") / "condfoley/studio"


class Users:
    """The users of a server.

    home: folder of the server. Tokens are made when a user is first named, and stay, so that pages survive a restart.
    Raises InputError when the tokens cannot be read or written.
    """

    def __init__(self, home: Path, names: Sequence[str]) -> None:
        self.home, self.names = home, tuple(names)
        make_folder(home)
        self.tokens = _tokens(home / TOKENS, self.names)
        self._cookies = {name: _cookie(token) for name, token in self.tokens.items()}

    def of_token(self, token: str) -> str | None:
        """Name of the user whose token it is."""
        return _owner(self.tokens, token)

    def of_cookie(self, value: str) -> str | None:
        """Name of the user whose cookie it is."""
        return _owner(self._cookies, value)

    def cookie(self, name: str) -> str:
        """Value of a user's cookie: it follows from the token, but does not tell it."""
        return self._cookies[name]

    def workspace(self, name: str) -> Workspace:
        """A user's folder. Raises InputError when it cannot be made."""
        out = workspace_in(self.home, name)
        for folder in (out.clips, out.projects):
            make_folder(folder)
        return out


def workspace_in(home: Path, name: str) -> Workspace:
    """Where a user's folder is in a server's home."""
    return Workspace(home / "users" / name, name)


def _tokens(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Tokens of users by name; missing ones are made and kept, readable by nobody else."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        kept = {}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); remove it, then users get new tokens") from None
    if not isinstance(kept, dict) or not all(isinstance(token, str) and len(token) >= 32 for token in kept.values()):
        raise InputError(f"{path} holds no tokens; remove it, then users get new ones")
    if missing := [name for name in names if name not in kept]:
        kept |= {name: secrets.token_urlsafe(32) for name in missing}
        with atomic_file(path) as part:
            part.chmod(0o600)
            part.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return {name: kept[name] for name in names}


def _cookie(token: str) -> str:
    return hmac.new(token.encode(), COOKIE.encode(), hashlib.sha256).hexdigest()


def _owner(secret: dict[str, str], given: str) -> str | None:
    """Whose of some secrets it is, found in a time that tells nothing of them."""
    found = [name for name, value in secret.items() if hmac.compare_digest(value.encode(), given.encode())]
    return found[0] if found else None
