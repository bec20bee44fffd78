"""`condfoley studio` as a process: its address, bad options, and what a killed one leaves."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from condfoley.cli.commands import studio as command
from condfoley.cli.main import main
from condfoley.studio import page
from condfoley.studio.options import StudioOptions
from condfoley.studio.users import Users, default_home
from tests.made_up import pulses, write_video
from tests.studio.serving import HEADERS, studio_in
from tests.test_light import HEAVY
from tests.tiny import write_tiny_weights

ADDRESS = re.compile(r"condfoley studio: (http://\S+) \(Ctrl-C ends it\)\n")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_weights(tmp_path_factory.mktemp("tiny")))


@contextlib.contextmanager
def process(home, weights, *words):
    """A server on a free port; its address, and the process."""
    command = [sys.executable, "-m", "condfoley", "studio", "--no-browser", "--port", "0", "--home", str(home)]
    running = subprocess.Popen([*command, "--weights", weights, *words], stderr=subprocess.PIPE, text=True)
    try:
        line = running.stderr.readline()
        assert ADDRESS.fullmatch(line), line
        yield ADDRESS.fullmatch(line)[1], running
    finally:
        running.kill()
        running.wait()
        running.stderr.close()


def signed_in(address) -> httpx.Client:
    client = httpx.Client(base_url=address.split("?")[0], headers=HEADERS, follow_redirects=True, timeout=60)
    assert client.get(address).status_code == 200 and client.cookies
    return client


def state_of(client, job, states, seconds=90):
    end = time.monotonic() + seconds
    while (found := client.get(f"/api/jobs/{job}").json()).get("state") not in states:
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


@pytest.mark.heavy
def test_a_killed_server_goes_on_with_all_clips_and_projects(tmp_path, weights, web):
    clip = write_video(tmp_path / "clip.mp4", 2.0, pulses([0.5, 1.2], 2.0)).read_bytes()
    with process(tmp_path / "home", weights) as (address, running):
        client = signed_in(address)
        key = client.post("/api/clips?name=a.mp4", content=clip).json()["id"]
        body = {"kind": "generate", "references": [key], "target": key, "settings": {"candidates": 1}}
        done = state_of(client, client.post("/api/jobs", json=body).json()["id"], ("done",))
        body["settings"] = {"candidates": 500}
        jobs = [client.post("/api/jobs", json=body).json()["id"] for _ in range(2)]
        state_of(client, jobs[0], ("running",))
        cookies = client.cookies
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
    with process(tmp_path / "home", weights) as (address, running):
        client = httpx.Client(
            base_url=address, headers=HEADERS, cookies=dict(cookies), timeout=60
        )  # the page, still open
        assert [one["id"] for one in client.get("/api/clips").json()] == [key]
        for job in jobs:
            found = client.get(f"/api/jobs/{job}").json()
            assert found["state"] == "failed" and "restarted" in found["error"]
        again = {"kind": "redo", "project": done["project"], "base": 1, "span": [0.0, 2.0]}
        assert client.post(f"/api/projects/{done['project']}/lease").json()["writable"]
        state_of(client, client.post("/api/jobs", json=again).json()["id"], ("done",))
        os.kill(running.pid, signal.SIGINT)
        assert running.wait(60) in (0, 130)  # 0 below a shell's background job, which ignores the signal


@pytest.mark.heavy
def test_on_a_network_a_token_is_printed(tmp_path, weights, web):
    with process(tmp_path / "home", weights, "--host", "0.0.0.0") as (address, _):
        here = re.sub(r"//[^:/]+", "//127.0.0.1", address)
        assert "?token=" in address
        assert httpx.get(here.split("?")[0]).status_code == 401
        assert signed_in(here).get("/api/about").json()["user"] == "local"


@pytest.fixture
def web() -> None:
    if not (page.VENDOR / "wavesurfer.esm.js").is_file():
        pytest.skip("the page's library was not fetched (make studio-web)")


@pytest.fixture
def vendor(monkeypatch, tmp_path):
    """As if the library had been fetched."""
    monkeypatch.setattr("condfoley.studio.page.require_vendor", lambda: None)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--port", "99999"], "--port is 99999"),
        (["--host", "nowhere.invalid"], "--host nowhere.invalid"),
        (["--library", "nowhere"], "nowhere is no folder"),
        (["--weights", "nowhere"], "nowhere"),
        (["--users", "A B"], "--users"),
        (["nowhere"], "nowhere"),
        (["--colour", "red"], "unknown option --colour"),
    ],
)
def test_what_cannot_be_used_is_one_line(capsys, tmp_path, monkeypatch, vendor, words, what):
    monkeypatch.chdir(tmp_path)  # where nothing is called nowhere
    home = ["--home", str(tmp_path / "home"), "--no-browser", "--port", "0"]
    assert main(["studio", *home, *words]) == 2
    err = capsys.readouterr().err
    assert what in err and err.count("\n") == 1 and err.startswith("condfoley: ")


def test_a_port_that_is_taken(capsys, tmp_path, vendor):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["studio", "--home", str(tmp_path), "--no-browser", "--port", str(port)]) == 2
    assert f"cannot listen on port {port}" in capsys.readouterr().err


def test_one_server_in_a_home(capsys, tmp_path, vendor):
    with studio_in(tmp_path / "home"):
        assert main(["studio", "--home", str(tmp_path / "home"), "--no-browser", "--port", "0"]) == 2
    assert "another condfoley studio uses" in capsys.readouterr().err
    with studio_in(tmp_path / "home"):
        pass


def test_without_the_library_the_command_that_fetches_it_is_named(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(page.require_vendor, "__defaults__", (tmp_path,))
    assert main(["studio", "--home", str(tmp_path / "home")]) == 2
    assert capsys.readouterr().err.endswith("fetch it with: make studio-web\n")
    assert not (tmp_path / "home").exists()


def test_the_server_runs_without_torch(tmp_path):
    code = """
import sys
from condfoley.cli.commands import studio
from condfoley.studio.app import application
from condfoley.studio.options import StudioOptions
from condfoley.studio.server import open_studio
application(open_studio(StudioOptions(home=sys.argv[1]), "", None)).router
print(*(name for name in sys.argv[2:] if name in sys.modules))
"""
    others = [name for name in HEAVY if not name.startswith("scipy")]  # which is imported ahead, in a thread
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path), *others], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.split() == [], done


def test_addresses(tmp_path):
    users = Users(tmp_path, ["alice", "bob"])
    token = users.tokens["alice"]
    assert command.page_address(StudioOptions(), 8760, users) == "http://127.0.0.1:8760/"
    assert command.page_address(StudioOptions(), 1, users, "ab") == "http://127.0.0.1:1/#/project/ab"
    assert command.page_address(StudioOptions(host="::1"), 1, users) == "http://[::1]:1/"
    both = command.page_address(StudioOptions(users="alice,bob"), 1, users, "ab")
    assert (
        both
        == f"alice: http://127.0.0.1:1/?token={token}#/project/ab  bob: http://127.0.0.1:1/?token={users.tokens['bob']}"
    )
    alone = command.page_address(StudioOptions(host="192.168.1.2"), 1, users)
    assert alone == f"http://192.168.1.2:1/?token={token}"


def test_the_home_is_where_the_system_keeps_data(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert str(default_home()) == "/data/condfoley/studio"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert default_home().parts[-4:] == (".local", "share", "condfoley", "studio")
