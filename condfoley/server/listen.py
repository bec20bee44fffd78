"""The socket that a server listens on."""

from __future__ import annotations

import socket

from condfoley.errors import InputError


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that is bound to an address. port: 0: any free one. Raises InputError when it cannot be."""
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise InputError(f"--host {host} is no address; give 127.0.0.1, or 0.0.0.0 for all interfaces") from None
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(place)
    except OSError as error:
        listener.close()
        raise InputError(
            f"cannot listen on port {port} of {host} ({error.strerror}); give another --port, or 0 for any"
        ) from None
    return listener
