"""`condfoley serve`: jobs over HTTP, one after the other, with one clear message for each kind of bad input."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from condfoley.cli.commands.serve import build_application, server_config
from condfoley.cli.main import main
from condfoley.cli.progress import Progress
from condfoley.cli.run_job import check_job
from condfoley.errors import InputError, UnwritableError
from condfoley.media import write_wav
from condfoley.server.app import application
from condfoley.server.jobs import JobQueue
from condfoley.server.options import ServeOptions
from condfoley.server.uploads import safe_name
from tests.made_up import RATE, pulses, write_video
from tests.tiny import write_tiny_weights

LOCAL = "http://127.0.0.1"
FINAL = ("done", "failed")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_weights(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", 2.0, pulses([0.5, 1.2], 2.0)).read_bytes()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "sound.wav"
    write_wav(path, pulses([0.5], 1.0), RATE)
    return path.read_bytes()


class Steps:
    """A job's work that waits for `go` before it reports again and ends."""

    def __init__(self) -> None:
        self.go, self.started = threading.Event(), threading.Event()
        self.order: list[str] = []

    def __call__(self, options, progress):
        self.order.append(Path(options.target).name)
        progress("first stage", 0.25)
        Path(options.out).mkdir()
        (Path(options.out) / "soundtrack.wav").write_text("a sound")
        self.started.set()
        assert self.go.wait(30)
        progress("second stage", 0.5)
        if "broken" in options.target:
            raise ValueError(f"no way with {options.target}")
        if "unusable" in options.target:
            raise InputError(f"{options.target}: is unusable; give another")
        if "full" in options.target:
            raise UnwritableError("soundtrack.wav: cannot be written (no room); make room")
        return {"soundtrack": options.out, "chosen": 0}


@pytest.fixture
def steps() -> Steps:
    return Steps()


@contextlib.contextmanager
def serving(run, root: Path, check=lambda options: None, **options) -> Iterator[TestClient]:
    settings = ServeOptions(burst=10_000, **options)
    queue = JobQueue(run, root, settings.max_waiting, settings.max_finished)
    with TestClient(application(queue, check, settings, "tiny"), base_url=LOCAL) as client:
        yield client


@pytest.fixture
def client(steps, tmp_path) -> Iterator[TestClient]:
    """Clips of any content are accepted."""
    with serving(steps, tmp_path) as client:
        yield client
        steps.go.set()


def post(client, target="target.mp4", content=b"x", reference=b"x", **form):
    files = {"reference": ("reference.mp4", reference), "target": (target, content)}
    return client.post("/api/jobs", files=files, data=form)


def submitted(client, target="target.mp4", **form) -> str:
    reply = post(client, target, **form)
    assert reply.status_code == 201, reply.text
    return reply.json()["id"]


def wait_for(client, job, states=FINAL, seconds=60.0):
    end = time.monotonic() + seconds
    while (status := client.get(f"/api/jobs/{job}").json())["state"] not in states:
        assert time.monotonic() < end, status
        time.sleep(0.02)
    return status


def test_from_clips_to_results(weights, clip, sound, tmp_path):
    options = ServeOptions(weights=weights, burst=10_000)
    app = build_application(options, tmp_path, ["condfoley", "serve"], Progress(quiet=True))
    with TestClient(app, base_url=LOCAL) as client:
        assert client.get("/api").json()["version"]
        form = {"settings": json.dumps({"candidates": 2, "seed": 5, "codec": "pcm"}), "hits": "0.4\n1.1\n"}
        files = {"reference": ("tap.wav", sound), "target": ("my clip.mp4", clip)}
        job = client.post("/api/jobs", files=files, data=form).json()["id"]
        status = wait_for(client, job)
        assert (status["state"], status["progress"], status["error"]) == ("done", 1.0, "")
        assert len(status["result"]["candidates"]) == 2 and str(tmp_path) not in json.dumps(status)
        listed = {item["name"]: item["size"] for item in client.get(f"/api/jobs/{job}/files").json()}
        assert {"soundtrack.wav", "hits.txt", "overview.png", "provenance.json", "candidates/scores.csv"} <= set(listed)
        for name, size in listed.items():
            assert len(client.get(f"/api/jobs/{job}/files/{name}").content) == size
        assert client.get(f"/api/jobs/{job}/files/hits.txt").text == form["hits"]
        record = client.get(f"/api/jobs/{job}/files/provenance.json").json()
        assert record["options"]["seed"] == 5 and record["command"] == "condfoley serve"
        assert record["options"]["target"] == "my clip.mp4"
        project = client.get(f"/api/jobs/{job}/files/project.json").json()
        assert project["inputs"]["reference"]["path"] == "tap.wav"
        for name in [name for name in listed if name.endswith((".json", ".csv", ".txt"))]:
            assert str(tmp_path) not in client.get(f"/api/jobs/{job}/files/{name}").text, name
        with zipfile.ZipFile(io.BytesIO(client.get(f"/api/jobs/{job}/results.zip").content)) as archive:
            assert archive.testzip() is None and sorted(archive.namelist()) == sorted(listed)
        assert client.delete(f"/api/jobs/{job}").status_code == 204
        assert list(tmp_path.iterdir()) == []


def test_jobs_run_one_after_the_other_in_the_order_of_their_arrival(client, steps):
    first, second = submitted(client, "first.mp4"), submitted(client, "second.mp4")
    assert wait_for(client, first, ("running",))["progress"] in (0.0, 0.25)
    waiting = client.get(f"/api/jobs/{second}").json()
    assert (waiting["state"], waiting["position"]) == ("queued", 1)
    assert [job["id"] for job in client.get("/api/jobs").json()] == [first, second]
    steps.go.set()
    assert {wait_for(client, job)["state"] for job in (first, second)} == {"done"}
    assert steps.order == ["first.mp4", "second.mp4"]


def test_a_running_job_is_cancelled_and_the_next_one_runs(client, steps, tmp_path):
    first, second = submitted(client, "first.mp4"), submitted(client, "second.mp4")
    assert steps.started.wait(30)
    assert client.delete(f"/api/jobs/{first}").status_code == 204
    assert client.get(f"/api/jobs/{first}").status_code == 404
    steps.go.set()
    assert wait_for(client, second)["state"] == "done"
    assert [path.name for path in tmp_path.iterdir()] == [second]


def test_a_waiting_job_is_cancelled_before_it_begins(client, steps, tmp_path):
    first, second = submitted(client, "first.mp4"), submitted(client, "second.mp4")
    assert client.delete(f"/api/jobs/{second}").status_code == 204
    steps.go.set()
    wait_for(client, first)
    assert steps.order == ["first.mp4"] and [path.name for path in tmp_path.iterdir()] == [first]


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("unusable.mp4", "unusable.mp4: is unusable; give another"),
        ("full.mp4", "soundtrack.wav: cannot be written (no room); make room"),
        ("broken.mp4", "internal error, ValueError: no way with broken.mp4"),
    ],
)
def test_a_failed_job_says_why_and_the_server_goes_on(client, steps, target, error):
    steps.go.set()
    job = submitted(client, target)
    status = wait_for(client, job)
    assert (status["state"], status["error"]) == ("failed", error)
    reply = client.get(f"/api/jobs/{job}/files")
    assert reply.status_code == 409 and error in reply.json()["detail"]
    assert wait_for(client, submitted(client))["state"] == "done"


def test_results_of_an_unfinished_job(client, steps):
    job = submitted(client)
    for path in ("files", "files/soundtrack.wav", "results.zip"):
        reply = client.get(f"/api/jobs/{job}/{path}")
        assert reply.status_code == 409 and "when it is done" in reply.json()["detail"]


def test_unknown_jobs_and_files(client, steps):
    steps.go.set()
    for path in ("", "/files", "/files/soundtrack.wav", "/results.zip"):
        reply = client.get(f"/api/jobs/0123456789abcdef{path}")
        assert reply.status_code == 404 and "no such job" in reply.json()["detail"]
    assert client.delete("/api/jobs/0123456789abcdef").status_code == 404
    job = submitted(client)
    wait_for(client, job)
    for name in (
        "nothing.wav",
        "../target/target.mp4",
        "%2e%2e/target/target.mp4",
        "..%2ftarget%2ftarget.mp4",
        "/etc/passwd",
    ):
        assert client.get(f"/api/jobs/{job}/files/{name}").status_code == 404


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ('{"top_p": 7}', "--top-p is 7"),
        ('{"top_p": "high"}', "top_p: input should be a valid number"),
        ('{"candidates": 1.5}', "candidates: input should be a valid integer"),
        ('{"candidates": 0}', "--candidates is 0"),
        ('{"candidates": true}', "candidates: input should be a valid integer"),
        ('{"temperature": NaN}', "--temperature is nan"),
        ('{"candidtes": 3}', "unknown setting candidtes; did you mean candidates?"),
        ('{"out": "/tmp/x"}', "unknown setting out"),
        ('{"weights": "/tmp/x"}', "unknown setting weights"),
        ('{"codec": "mp3"}', "codec: input should be 'aac' or 'pcm'"),
        ("[3]", "settings must be a JSON object"),
        ("{", "settings is not JSON"),
    ],
)
def test_bad_settings(client, steps, tmp_path, settings, says):
    reply = post(client, settings=settings)
    assert reply.status_code == 422 and says in reply.json()["detail"]
    assert list(tmp_path.iterdir()) == [] and steps.order == []


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"hits": "0.5\nsoon\n"}, "hits.txt, line 2"),
        ({"hits": "7.5\n"}, "hits.txt: 7.5 s is past the end of the target (2.00 s)"),
        ({"hits": "0.5\n", "settings": '{"comp": false}'}, "--no-comp"),
        ({"content": b"not a video"}, "target.mp4"),
        ({"content": b""}, "target.mp4"),
        ({"reference": b"not a clip"}, "reference.mp4"),
        ({"settings": '{"reference_start": 9}'}, "past the end of reference.mp4"),
        ({"settings": '{"strength": 0.5}'}, "give that sound with --start-from"),
    ],
)
def test_inputs_that_cannot_be_used_are_refused_before_they_wait(clip, steps, tmp_path, form, says):
    with serving(steps, tmp_path, check_job) as client:
        reply = post(client, **({"content": clip, "reference": clip} | form))
        detail = reply.json()["detail"]
        assert reply.status_code == 422 and says in detail
        assert "\n" not in detail and str(tmp_path) not in detail and list(tmp_path.iterdir()) == []


def test_a_job_may_start_from_a_sound(clip, sound, tmp_path):
    asked = []

    def run(options, progress):
        asked.append((Path(options.start_from).read_bytes(), options.strength))
        return {}

    write_wav(tmp_path / "long.wav", pulses([0.5], 2.0), RATE)
    fitting, root = (tmp_path / "long.wav").read_bytes(), tmp_path / "jobs"
    root.mkdir()
    with serving(run, root, check_job) as client:
        clips, form = {"reference": ("a.mp4", clip), "target": ("a.mp4", clip)}, {"settings": '{"strength": 0.3}'}
        reply = client.post("/api/jobs", files=clips | {"start_from": ("a.mp4", sound)}, data=form)
        assert reply.status_code == 422 and reply.json()["detail"].startswith(
            "a.mp4 lasts 1.00 s and the target 2.00 s"
        )
        assert list(root.iterdir()) == []
        job = client.post("/api/jobs", files=clips | {"start_from": ("a.mp4", fitting)}, data=form).json()["id"]
        assert wait_for(client, job)["state"] == "done" and asked == [(fitting, 0.3)]


def test_a_target_without_picture_and_a_missing_part(sound, steps, tmp_path):
    with serving(steps, tmp_path, check_job) as client:
        files = {"reference": ("a.wav", sound), "target": ("b.wav", sound)}
        reply = client.post("/api/jobs", files=files)
        assert reply.status_code == 422 and reply.json()["detail"] == "b.wav: has no picture; give a video file"
        reply = client.post("/api/jobs", files={"target": ("b.wav", sound)})
        assert reply.status_code == 422 and reply.json()["detail"] == "reference: field required"
        reply = client.post("/api/jobs", json={"reference": "/etc/passwd", "target": "/etc/passwd"})
        assert reply.status_code == 422


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large(steps, tmp_path, chunked):
    begin = b'--x\r\nContent-Disposition: form-data; name="target"; filename="a.mp4"\r\n\r\n'
    parts = [begin, *[b"0" * 100_000] * 11]
    content = iter(parts) if chunked else b"".join(parts)
    with serving(steps, tmp_path, max_upload=1) as client:
        reply = client.post("/api/jobs", content=content, headers={"Content-Type": "multipart/form-data; boundary=x"})
        assert reply.status_code == 413 and "1000000 bytes" in reply.json()["detail"]
        assert client.get("/api/jobs").json() == [] and list(tmp_path.iterdir()) == []


def test_a_full_queue_refuses_further_jobs(steps, tmp_path):
    with serving(steps, tmp_path, max_waiting=1) as client:
        running = submitted(client)
        wait_for(client, running, ("running",))
        submitted(client)
        reply = post(client)
        assert reply.status_code == 503 and "waiting already" in reply.json()["detail"]
        assert len(list(tmp_path.iterdir())) == 2
        steps.go.set()


def test_old_results_are_removed(steps, tmp_path):
    steps.go.set()
    with serving(steps, tmp_path, max_finished=1) as client:
        jobs = [submitted(client) for _ in range(3)]
        wait_for(client, jobs[-1])
        assert [job["id"] for job in client.get("/api/jobs").json()] == jobs[-1:]
        assert [path.name for path in tmp_path.iterdir()] == jobs[-1:]


def test_too_many_requests(steps, tmp_path):
    queue = JobQueue(steps, tmp_path)
    app = application(queue, lambda options: None, ServeOptions(rate=0.001, burst=2), "tiny")
    with TestClient(app, base_url=LOCAL) as client:
        assert [client.get("/api/jobs").status_code for _ in range(3)] == [200, 200, 429]


def test_a_header_of_proxies_does_not_get_around_the_limit(steps, tmp_path):
    queue = JobQueue(steps, tmp_path)
    config = server_config(application(queue, lambda options: None, ServeOptions(rate=0.001, burst=2), "tiny"))
    config.load()
    client = TestClient(config.loaded_app, base_url=LOCAL, client=("127.0.0.1", 5000))
    codes = [client.get("/api/jobs", headers={"X-Forwarded-For": f"10.0.0.{k}"}).status_code for k in range(4)]
    queue.close()
    assert codes == [200, 200, 429, 429]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_web_pages_from_elsewhere_are_refused(client, headers):
    reply = client.get("/api/jobs", headers=headers)
    assert reply.status_code == 403 and "localhost" in reply.json()["detail"]


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1:1", "[::1]:80"])
def test_this_machine_is_accepted_under_each_of_its_names(client, host):
    assert client.get("/api/jobs", headers={"Host": host, "Origin": f"http://{host}"}).status_code == 200


def test_the_schema_describes_every_endpoint(client):
    schema = client.get("/openapi.json").json()
    assert {(path, method) for path, methods in schema["paths"].items() for method in methods} == {
        ("/api", "get"),
        ("/api/settings", "get"),
        ("/api/jobs", "get"),
        ("/api/jobs", "post"),
        ("/api/jobs/{key}", "get"),
        ("/api/jobs/{key}", "delete"),
        ("/api/jobs/{key}/files", "get"),
        ("/api/jobs/{key}/files/{name}", "get"),
        ("/api/jobs/{key}/results.zip", "get"),
    }
    assert all(action["description"] for methods in schema["paths"].values() for action in methods.values())
    form = schema["components"]["schemas"]["Body_submit_api_jobs_post"]
    assert set(form["properties"]) == {"reference", "target", "start_from", "settings", "hits"}
    assert form["required"] == ["reference", "target"]


def test_replies_fit_their_schemas(client, steps):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is missing")
    steps.go.set()
    job = submitted(client)
    wait_for(client, job)
    schema = client.get("/openapi.json").json()
    for path in ("/api/jobs/{key}", "/api/jobs", "/api/jobs/{key}/files"):
        reply = client.get(path.replace("{key}", job)).json()
        content = schema["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(reply, content | {"components": schema["components"]})


def test_the_settings_have_a_schema(client):
    schema = client.get("/api/settings").json()
    assert schema["properties"]["candidates"]["default"] == 8 and "codec" in schema["properties"]
    assert not {"out", "weights", "force"} & set(schema["properties"])


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("clip.mp4", "clip.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\videos\\my clip.mov", "my clip.mov"),
        ("...", "target"),
        ("", "target"),
        (None, "target"),
        ("-rf.mp4", "rf.mp4"),
        ("a\nb\x00.mp4", "a_b_.mp4"),
        ("x" * 300 + ".mp4", "x" * 96 + ".mp4"),
        ("klöppel.mp4", "klöppel.mp4"),
        ("klo\u0308ppel.mp4", "klöppel.mp4"),  # as macOS sends it
        ("Table, take 2 (dry) \u2013 [v3]+A&B.wav", "Table, take 2 (dry) \u2013 [v3]+A&B.wav"),
        ('<b>"it\'s" 50% a:b|c?*.mp4', "_b__it_s_ 50_ a_b_c__.mp4"),
    ],
)
def test_names_of_uploads(name, safe):
    assert safe_name(name, "target") == safe


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--port", "99999"], "--port is 99999"),
        (["--max-upload", "0"], "--max-upload is 0"),
        (["--rate", "0"], "--rate is 0"),
        (["--port", "0", "--weights", "nowhere"], "nowhere"),
        (["--hosts", "x"], "unknown option --hosts"),
    ],
)
def test_bad_options(words, says, capsys):
    assert main(["serve", *words]) == 2
    err = capsys.readouterr().err
    assert says in err.splitlines()[-1] and "Traceback" not in err


@pytest.mark.heavy
def test_the_command_serves_until_it_is_stopped_and_leaves_nothing(weights, clip, tmp_path):
    command = [sys.executable, "-m", "condfoley", "serve", "--port", "0", "--weights", weights]
    env = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as server:
        try:
            url = next(line for line in server.stderr if "/api is ready" in line).split()[1]
            port = url.split(":")[2].split("/")[0]
            files = {"reference": ("a.mp4", clip), "target": ("b.mp4", clip)}
            reply = httpx.post(f"{url}/jobs", files=files, data={"settings": '{"candidates": 1}'})
            assert reply.status_code == 201
            assert main(["serve", "--port", port]) == 2  # taken
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
    assert list(tmp_path.iterdir()) == []
