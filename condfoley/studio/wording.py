"""Messages of the parts that the command line uses too, in words for the page: no commands, no folders of the server."""

from __future__ import annotations

import re
from collections.abc import Iterable

REPLACED = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"set its column locked to 0 to change it", "unlock it to change it"),
        (r"; cues\.csv lists them", "; it may have been removed"),
        (r"; make some with redo --variations", "; draw some first"),
        (r"unlock (it|one) in cues\.csv", r"unlock \1"),
        (r",? (with|by) `condfoley[^`]*`( --\w+)?", ""),
        (r" with --[\w-]+( FILE)?(?=[;,.]|$)", ""),
        (r"give (another )?--(\w+)", r"give \1\2"),
    )
)
FOLDERS = re.compile(r"(?<![\w.])/(?:[^\s:;,()/]+/)+")


def for_page(text: str, folders: Iterable[object] = ()) -> str:
    """A message without commands, and with the names of files only. folders: of which the names may have spaces."""
    for folder in sorted(map(str, folders), key=len, reverse=True):
        text = text.replace(f"{folder}/", "").replace(folder, "the project")
    for pattern, by in REPLACED:
        text = pattern.sub(by, text)
    return FOLDERS.sub("", text)
