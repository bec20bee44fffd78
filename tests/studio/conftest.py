"""Servers and browsers for the tests of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.studio.pages import CHROMIUM, DRIVER, Page, Server


@pytest.fixture(scope="session")
def vendor() -> None:
    """Skips where the browser's library was not fetched, or there is no browser."""
    pytest.importorskip("selenium", reason="selenium is missing: pip install -e '.[dev]'")
    pytest.importorskip("fastapi", reason="fastapi is missing: pip install -e '.[studio]'")
    from condfoley.errors import InputError
    from condfoley.studio.page import require_vendor

    if not (CHROMIUM and DRIVER):
        pytest.skip("no chromium with its driver: apt-get install chromium chromium-driver")
    try:
        require_vendor()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """serve("--users", "a,b") starts a server with a home of its own."""
    running: list[Server] = []

    def start(*words: str) -> Server:
        running.append(Server(tmp_path_factory.mktemp("server"), *words))
        running[-1].start()
        return running[-1]

    yield start
    for server in running:
        server.kill()


@pytest.fixture
def browse(vendor: None, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """browse(address) opens a browser of its own at an address."""
    opened: list[Page] = []

    def start(address: str, **size: int) -> Page:
        downloads = tmp_path / f"downloads{len(opened)}"
        downloads.mkdir()
        opened.append(Page(downloads, **size))
        opened[-1].open(address)
        return opened[-1]

    yield start
    for page in opened:
        page.close()
