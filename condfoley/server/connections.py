"""Connections of a server: those on which no request comes are closed, so that idle ones keep nobody out."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

CONNECTIONS = 1000
"""At a time; requests on further ones are refused (503)."""
PATIENCE = 15.0
"""s within which the whole head of a request must have come."""


class PatientProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's protocol, which by itself waits for ever for the end of a request's head."""

    _waits: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._waits = self.loop.call_later(PATIENCE, self._look, self.cycle)

    def connection_lost(self, error: Exception | None) -> None:
        """Wait no more."""
        if self._waits is not None:
            self._waits.cancel()
        super().connection_lost(error)

    def _look(self, before: Any) -> None:
        """Close the connection if no request is being answered, and none has been since the last look."""
        cycle = self.cycle
        if cycle is before and (cycle is None or cycle.response_complete):
            self.transport.close()
            return
        self._waits = self.loop.call_later(PATIENCE, self._look, cycle)
