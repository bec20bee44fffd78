"""What happens to others while clients hold connections of a server and send nothing more?

    python -m benchmarks.slow_clients serve|studio [--connections 1000]

Starts the server as a process of its own with the shipped model, opens connections that send half of a request's head, and asks
for a page once a second beside them. Prints when others were answered, and when the connections were closed.
"""

from __future__ import annotations

import argparse
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
PATHS = {"serve": "/api", "studio": "/"}
LONGEST = 90.0  # s that are watched


def port_of(server: subprocess.Popen[str]) -> int:
    """Where a server listens, as it says."""
    assert server.stderr
    for line in server.stderr:
        if found := ADDRESS.search(line):
            return int(found[1])
    raise SystemExit("the server has ended")


def answered(port: int, path: str) -> tuple[str, float]:
    """Status of a request, and s until it came; "none" where nothing does within 10 s."""
    began = time.perf_counter()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as there:
            there.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            status = there.recv(100).split(b" ")
    except OSError:
        status = []
    return (status[1].decode() if len(status) > 1 else "none"), time.perf_counter() - began


def open_half(port: int, count: int) -> list[socket.socket]:
    """Connections with half of a request's head, as many of `count` as the server's queue takes."""
    out = []
    for _ in range(count):
        there = socket.socket()
        there.settimeout(2)
        try:
            there.connect(("127.0.0.1", port))
            there.sendall(b"GET /api HTTP/1.1\r\nHost: 127")
        except OSError:
            there.close()
            continue
        there.setblocking(False)
        out.append(there)
    return out


def is_open(there: socket.socket) -> bool:
    """Whether the server has not closed a connection."""
    try:
        return there.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("server", choices=PATHS)
    parser.add_argument("--connections", type=int, default=1000)
    given = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, given.connections + 100)), hard))
    with tempfile.TemporaryDirectory() as home:
        more = ["--home", home, "--no-browser"] if given.server == "studio" else []
        words = [sys.executable, "-m", "condfoley", given.server, "--port", "0", *more]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as server:
            try:
                watch(port_of(server), PATHS[given.server], given.connections)
            finally:
                server.terminate()


def watch(port: int, path: str, count: int) -> None:
    """Opens the connections and prints a line for each state of affairs."""
    while answered(port, path)[0] == "none":  # it says its address before it runs
        time.sleep(0.2)
    began = time.monotonic()
    held, last = open_half(port, count), ""
    print(f"{len(held)} of {count} connections after {time.monotonic() - began:.1f} s", flush=True)
    while held and time.monotonic() - began < LONGEST:
        status, seconds = answered(port, path)
        held = [there for there in held if is_open(there)]
        if status != last or not held:
            print(
                f"{time.monotonic() - began:5.1f} s: others get {status} in {seconds:.2f} s, {len(held)} held",
                flush=True,
            )
        last = status
        time.sleep(1)
    print(f"{len(held)} connections are still open", flush=True)


if __name__ == "__main__":
    main()
