"""Who may use the studio: hosts, origins, cookies, tokens, headers; users do not reach each other's things."""

import asyncio
import stat

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from condfoley.errors import InputError
from condfoley.studio import security
from condfoley.studio.options import StudioOptions
from condfoley.studio.page import POLICY, add_page
from condfoley.studio.security import Guard
from condfoley.studio.users import COOKIE, Users
from tests.made_up import pulses, write_video
from tests.studio.serving import HEADERS, LOCAL, browser, clip_of, studio_in


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> bytes:
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", 1.0, pulses([0.5], 1.0)).read_bytes()


@pytest.fixture
def studio(tmp_path):
    with studio_in(tmp_path / "home") as studio:
        yield studio


@pytest.fixture
def two(tmp_path):
    with studio_in(tmp_path / "home", users="alice,bob") as studio:
        yield studio


def test_the_page_signs_in_the_only_user_of_this_machine(tmp_path):
    (tmp_path / "index.html").write_text("<html><head><title>x</title></head></html>")
    users = Users(tmp_path / "home", ["local"])
    app = FastAPI()
    app.add_middleware(Guard, users=users, names=["127.0.0.1"], addresses=False)
    add_page(app, users, False, tmp_path, tmp_path / "no vendor")
    client = TestClient(app, base_url=LOCAL)
    reply, again = client.get("/"), client.get("/")
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie
    assert users.of_cookie(client.cookies[COOKIE]) == "local" and "set-cookie" not in again.headers
    policy = reply.headers["content-security-policy"]
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert f'<meta name="csp-nonce" content="{nonce}">' in reply.text and nonce not in again.text
    assert "unsafe" not in POLICY and "script-src 'self';" in policy and "frame-ancestors 'none'" in policy


def test_a_token_becomes_a_cookie_and_leaves_the_address(two):
    client = TestClient(two.app, base_url=LOCAL, follow_redirects=False)
    assert client.get("/").status_code == 401
    assert client.get("/?token=guessed").status_code == 401 and not client.cookies
    reply = client.get(f"/?token={two.users.tokens['bob']}")
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    assert client.get("/api/about").json()["user"] == "bob"
    assert two.users.tokens["bob"] not in reply.headers["set-cookie"]


def test_a_link_on_another_page_goes_on_from_ours_so_that_the_strict_cookie_is_sent(two):
    client = TestClient(two.app, base_url=LOCAL, follow_redirects=False)
    reply = client.get(f"/?token={two.users.tokens['bob']}", headers={"Sec-Fetch-Site": "cross-site"})
    assert reply.status_code == 200 and "url=/" in reply.text and two.users.tokens["bob"] not in reply.text


def test_tokens_stay_and_nobody_else_reads_them(tmp_path):
    first, again = Users(tmp_path, ["alice"]), Users(tmp_path, ["bob", "alice"])
    assert first.tokens["alice"] == again.tokens["alice"] != again.tokens["bob"]
    assert stat.S_IMODE((tmp_path / "tokens.json").stat().st_mode) == 0o600
    assert again.of_token("") is None and again.of_cookie(again.tokens["bob"]) is None
    assert again.of_token("häßlich") is None
    (tmp_path / "tokens.json").write_text('{"alice": ""}')
    with pytest.raises(InputError, match="holds no tokens"):
        Users(tmp_path, ["alice"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:8760"}, 403),
        ({"Host": "192.168.1.7"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "[::1"}, 403),
        ({"Host": "localhost:8760", "Origin": "http://localhost:8760"}, 201),
        ({"Origin": "http://127.0.0.1"}, 201),
        ({"Origin": "http://127.0.0.1:3000"}, 403),  # another server of this machine, to which the cookie is sent too
        ({"Origin": "http://localhost"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"X-Condfoley": "other"}, 403),
        ({"Cookie": "condfoley_studio=guessed"}, 401),
    ],
)
def test_requests_of_others_are_refused(studio, headers, status, clip):
    client = browser(studio)
    if "Cookie" in headers:
        client.cookies.clear()
    reply = client.post("/api/clips?name=a.mp4", content=clip, headers=headers)
    assert reply.status_code == status and ("detail" in reply.json()) == (status != 201)
    assert len(browser(studio).get("/api/clips").json()) == (status == 201)


def test_without_the_header_nothing_is_changed(studio, clip):
    client = browser(studio)
    key = clip_of(client, clip)
    del client.headers["X-Condfoley"]
    for send in (client.post, client.patch, client.delete, client.put):
        assert send(f"/api/clips/{key}").status_code == 403
    assert client.get(f"/api/clips/{key}").status_code == 200


def test_on_a_network_addresses_are_fine_and_other_names_are_not(tmp_path):
    with studio_in(tmp_path, host="0.0.0.0", names="studio.example.org") as studio:
        client = browser(studio)
        for host, status in (("192.168.1.7:8760", 200), ("studio.example.org", 200), ("evil.example", 403)):
            assert client.get("/api/about", headers={"Host": host}).status_code == status
        assert TestClient(studio.app, base_url=LOCAL).get("/").status_code == 401


def test_every_reply_tells_the_browser_to_be_careful(studio, clip):
    client = browser(studio)
    key = clip_of(client, clip)
    for path in ("/api/about", f"/api/clips/{key}/media", "/nowhere", "/api/clips/nothing"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["content-security-policy"].startswith("default-src 'none'")


def test_users_do_not_reach_each_others_clips_and_jobs(two, clip, monkeypatch):
    alice, bob = browser(two, "alice"), browser(two, "bob")
    key = clip_of(alice, clip)
    other = clip_of(bob, clip)
    for path in ("", "/media", "/peaks", "/events", "/sound", "/strip.jpg", "/spectrogram.png"):
        assert bob.get(f"/api/clips/{key}{path}").status_code == 404
    assert bob.delete(f"/api/clips/{key}").status_code == 404
    assert [one["id"] for one in bob.get("/api/clips").json()] == [other]
    body = {"kind": "generate", "references": [key], "target": other}
    assert bob.post("/api/jobs", json=body).status_code == 404
    job = two.queue.new("alice")
    try:
        from condfoley.studio.jobs import Task

        job.options = Task("generate", two.users.workspace("alice"), job.folder, {}, lambda task, progress: {})
        two.queue.add(job)
        assert bob.get(f"/api/jobs/{job.id}").status_code == 404 == bob.delete(f"/api/jobs/{job.id}").status_code
        assert bob.get("/api/jobs").json() == [] and len(alice.get("/api/jobs").json()) == 1
    finally:
        two.queue.remove(job)


def test_users_do_not_reach_each_others_projects(two, clip, tmp_path):
    from condfoley.studio.record import Record, write_record

    alice, bob = browser(two, "alice"), browser(two, "bob")
    key, folder = "0123456789abcdef", two.users.workspace("alice").projects / "0123456789abcdef"
    folder.mkdir()
    write_record(folder, Record("mine"))
    paths = ("", "/revisions", "/loudness", "/sound", "/peaks", "/spectrogram.png", "/cues/1/sound", "/files/video")
    for path in paths:
        assert bob.get(f"/api/projects/{key}{path}").status_code == 404, path
        assert alice.get(f"/api/projects/{key}{path}").status_code in (200, 422), path  # a damaged one, but hers
    for method, path, body in (
        ("POST", "/lease", None),
        ("DELETE", "/lease", None),
        ("POST", "/edits", {"base": 1, "operations": [{"op": "remove", "cue": 1}]}),
        ("POST", "/revision", {"to": 1}),
        ("PATCH", "", {"name": "his"}),
        ("DELETE", "", None),
    ):
        assert bob.request(method, f"/api/projects/{key}{path}", json=body).status_code == 404, path
    for body in ({"kind": "files", "what": "all"}, {"kind": "redo", "base": 1, "cue": 1}):
        assert bob.post("/api/jobs", json={"project": key} | body).status_code == 404
    assert bob.get("/api/projects").json() == [] and folder.exists()


@pytest.mark.parametrize("key", ["..", "../../etc", "%2e%2e", "0" * 15, "0" * 17, "A" * 16, "..%2f..%2ftokens.json"])
def test_ids_that_are_none_lead_nowhere(studio, key):
    client = browser(studio)
    for path in (f"/api/clips/{key}", f"/api/clips/{key}/media", f"/api/jobs/{key}"):
        reply = client.get(path)
        assert reply.status_code in (404, 405) and str(studio.users.home) not in reply.text


@pytest.mark.parametrize("path", ["/static/../users.py", "/static/%2e%2e/users.py", "/vendor/../../../package.json"])
def test_static_files_are_only_those_of_their_folder(studio, path):
    assert browser(studio).get(path).status_code == 404


def test_large_requests_that_are_no_uploads_are_refused(studio):
    content = b'{"kind": "' + b"x" * security.MAX_JSON + b'"}'
    reply = browser(studio).post("/api/jobs", content=content, headers={"Content-Type": "application/json"})
    assert reply.status_code == 413


def test_a_client_that_stops_sending_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setattr(security, "IDLE", 0.05)
    users = Users(tmp_path, ["local"])
    app = FastAPI()

    @app.post("/api/clips")
    async def read(request: Request) -> int:
        return len(await request.body())

    guarded, sent = Guard(app, users, ["127.0.0.1"], False), []

    async def receive():
        await asyncio.sleep(10)

    async def send(message):
        sent.append(message)

    cookie = f"{COOKIE}={users.cookie('local')}".encode()
    headers = [(b"host", b"127.0.0.1"), (b"cookie", cookie), (b"x-condfoley", b"studio")]
    scope = {"type": "http", "method": "POST", "path": "/api/clips", "headers": headers, "query_string": b""}
    asyncio.run(guarded(scope, receive, send))
    assert sent[0]["status"] == 408


def test_too_many_requests_are_refused(tmp_path):
    with studio_in(tmp_path, rate=1, burst=3) as studio:
        client = browser(studio)
        replies = [client.get("/api/about") for _ in range(5)]
        codes = [reply.status_code for reply in replies]
        assert codes[:3] == [200] * 3 and 429 in codes
        assert all(reply.headers["x-content-type-options"] == "nosniff" for reply in replies)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"port": 70000}, "--port"),
        ({"rate": 0.0}, "--rate"),
        ({"max_upload": 0}, "--max-upload"),
        ({"users": "Alice"}, "--users"),
        ({"users": "../x"}, "--users"),
        ({"users": "a,a"}, "--users"),
        ({"keep_days": 0.5}, "--keep-days"),
    ],
)
def test_options_out_of_range(values, what):
    with pytest.raises(InputError, match=what):
        StudioOptions(**values)


def test_headers_of_the_tests_are_what_the_page_sends():
    assert HEADERS["X-Condfoley"] == security.VALUE
