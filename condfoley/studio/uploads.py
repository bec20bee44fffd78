"""Uploads: written to disk while they come, and counted; what stops in the middle leaves nothing."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from condfoley.studio.workspace import Workspace, new_folder

PARTS = "uploads"
"""Folder, in a user's, of what is coming in."""
AT_ONCE = 4
"""Uploads of a user at a time."""
_running: Counter[Path] = Counter()


@asynccontextmanager
async def received(request: Request, workspace: Workspace, name: str, most: int) -> AsyncIterator[Path]:
    """A file with the body of a request, of at most `most` bytes; it is gone behind the block unless it was moved.

    name: of the file, a safe one.

    Raises HTTPException: 413 for more bytes, 429 for too many uploads at once, 400 for
    one that breaks off, 507 when it cannot be written.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise too_large(most)
    if _running[workspace.root] >= AT_ONCE:
        raise HTTPException(429, f"{AT_ONCE} uploads are running; wait until one is finished", {"Retry-After": "5"})
    _running[workspace.root] += 1
    folder = None
    try:
        folder = new_folder(workspace.root / PARTS)
        await _write(request, folder / name, most)
        yield folder / name
    except ClientDisconnect:
        raise HTTPException(400, "the upload broke off; send it again") from None
    except OSError as error:
        raise HTTPException(
            507, f"the file cannot be written ({error.strerror or error}); make room on the disk"
        ) from None
    finally:
        _running[workspace.root] -= 1
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


async def _write(request: Request, path: Path, most: int) -> None:
    read = 0
    with open(path, "wb") as file:
        async for chunk in request.stream():
            read += len(chunk)
            if read > most:
                raise too_large(most)
            await run_in_threadpool(file.write, chunk)
    if not read:
        raise HTTPException(422, "the file is empty; choose another")


def too_large(most: int) -> HTTPException:
    """The refusal of more than `most` bytes."""
    return HTTPException(413, f"the file is larger than {most / 1e6:g} MB, which are the most; give a part of it")
