"""Paths as the editors' files write them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePath
from urllib.parse import quote

Address = Callable[[PurePath], str]
"""A path as a file writes it."""


def file_url(path: PurePath) -> str:
    """file:///home/a.wav, file:///C:/a.wav, file://server/share/a.wav: what URLs are by RFC 8089. path: absolute."""
    return path.as_uri()


def premiere_url(path: PurePath) -> str:
    """file://localhost/home/a.wav, file://localhost/C%3a/a.wav: as Premiere Pro writes them itself. path: absolute."""
    url = path.as_uri()
    local = "file:///"
    if not url.startswith(local):  # of a server
        return url
    rest = url[len(local) :]
    return "file://localhost/" + (rest[0] + "%3a" + rest[2:] if path.drive else rest)


def relative_to(home: Path, absolute: Address, as_url: bool = True) -> Address:
    """Addresses relative to a folder; absolute where there is no way, as between drives. home: absolute."""

    def address(path: PurePath) -> str:
        try:
            way = os.path.relpath(path, home).replace(os.sep, "/")
        except ValueError:
            return absolute(path)
        return quote(os.fsencode(way)) if as_url else way

    return address


def plain_text(text: str) -> str:
    """A text without what files in UTF-8 and XML cannot have: lone surrogates and control characters."""
    readable = os.fsencode(text).decode("utf-8", "replace")
    return "".join(mark if mark >= " " and mark not in "\x7f\ufffe\uffff" else " " for mark in readable)
