"""The server: every answer once, nothing from outside, nothing lost."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

import httpx
import pytest
from fastapi.testclient import TestClient

from condfoley.cli.commands.study import create_app
from condfoley.cli.main import main
from condfoley.study import crowd
from condfoley.study.options import ServeOptions
from condfoley.study.server import MAX_BYTES
from condfoley.study.store import AnswerStore, read_sessions
from tests.study import people


@pytest.fixture
def key():
    return people.made_up_key(targets=4, trials=2)


@pytest.fixture
def folder(tmp_path, key):
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "index.html").write_text("the page")
    (tmp_path / "key.json").write_text(json.dumps(key))
    (tmp_path / "secret.txt").write_text("not yours")
    return tmp_path


@pytest.fixture
def client(folder):
    return TestClient(create_app(folder, ServeOptions(burst=1000)))


def begin(client, key, worker=""):
    reply = client.post("/api/sessions", json={"study": key["study"], "worker": worker})
    assert reply.status_code == 201
    return reply.json()["session"], reply.json()["form"]


def posts(key, name, form):
    record = people.session(key, name, form, lambda known: [1.0, 0.0])
    return [{"study": key["study"], "session": name, "answer": answer} for answer in record["answers"]]


def test_a_session_from_page_to_code(client, key, folder):
    assert client.get("/").text == "the page"
    assert client.get("/api/study").json() == {"study": key["study"]}
    name, form = begin(client, key, worker="A1B2")
    todo = posts(key, name, form)
    for body in todo[:-1]:
        assert client.post("/api/answers", json=body).json() == {"saved": True}
    end = {"study": key["study"], "session": name, "headphones": [True, False]}
    assert client.post("/api/finish", json=end).status_code == 409  # one is missing
    client.post("/api/answers", json=todo[-1])
    code = client.post("/api/finish", json=end).json()["code"]
    assert code == crowd.completion_code(key["secret"], name)
    study, (kept,) = read_sessions(folder / "results" / "answers.sqlite")
    assert study == key["study"] and len(kept.answers) == len(todo) and kept.finished
    content = (folder / "results" / "answers.sqlite").read_bytes()
    assert b"A1B2" not in content and kept.participant == crowd.participant(key["secret"], "A1B2")


def test_an_answer_can_be_repeated_but_not_replaced(client, key, folder):
    name, form = begin(client, key)
    first = posts(key, name, form)[0]
    assert [client.post("/api/answers", json=first).status_code for _ in range(2)] == [201, 201]
    other = json.loads(json.dumps(first))
    other["answer"]["seconds"] = 12.0
    assert client.post("/api/answers", json=other).status_code == 409
    (kept,) = read_sessions(folder / "results" / "answers.sqlite")[1]
    assert [json.loads(body)["seconds"] for body in kept.answers] == [9.5]


def test_the_database_itself_refuses_changes(client, key, folder):
    name, form = begin(client, key)
    client.post("/api/answers", json=posts(key, name, form)[0])
    db = sqlite3.connect(folder / "results" / "answers.sqlite")
    for change in ("UPDATE answers SET body = ''", "DELETE FROM answers", "DELETE FROM sessions"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(change)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_forms_are_given_out_evenly(client, key):
    forms = 1 + max(trial["form"] for trial in key["trials"].values())
    given = [begin(client, key)[1] for _ in range(2 * forms)]
    assert sorted(given) == sorted([*range(forms)] * 2)


def wrong(body, **changes):
    return {**body, **changes}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda b: wrong(b, session="nobody"), 404),
        (lambda b: wrong(b, study="another"), 409),
        (lambda b: wrong(b, session="<script>alert(1)</script>"), 422),
        (lambda b: wrong(b, session="../../key"), 422),
        (lambda b: wrong(b, extra=1), 422),
        (lambda b: wrong(b, answer=wrong(b["answer"], trial="trial999999")), 422),
        (lambda b: wrong(b, answer=wrong(b["answer"], scores={"sync": [1, 0]})), 422),
        (lambda b: wrong(b, answer=wrong(b["answer"], scores={"sync": [1, 1], "material": [1, 0]})), 422),
        (lambda b: wrong(b, answer=wrong(b["answer"], scores={"sync": [7, 0], "material": [1, 0]})), 422),
        (lambda b: wrong(b, answer=wrong(b["answer"], seconds=-5.0)), 422),
        (lambda b: wrong(b, answer=wrong(b["answer"], seconds="1")), 422),
        (lambda b: wrong(b, answer=wrong(b["answer"], plays=[1])), 422),
    ],
)
def test_what_does_not_belong_is_refused(client, key, folder, change, status):
    name, form = begin(client, key)
    reply = client.post("/api/answers", json=change(posts(key, name, form)[0]))
    assert reply.status_code == status and "<script>" not in reply.text
    assert read_sessions(folder / "results" / "answers.sqlite")[1][0].answers == ()


def test_an_answer_to_another_form_is_refused(client, key):
    (name, form), (_, other) = begin(client, key), begin(client, key)
    assert form != other
    assert client.post("/api/answers", json=posts(key, name, other)[0]).status_code == 422


@pytest.mark.parametrize("body", [b"", b'{"study":', b"\xff\xfe", b"[" * 5000, b"null", b'{"seconds": NaN}'])
def test_truncated_and_hostile_bodies(client, body):
    reply = client.post("/api/answers", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code in (400, 422)


def test_large_bodies_are_refused(client):
    for body in (b"x" * (MAX_BYTES + 1), b"x" * 100_000_000):
        assert client.post("/api/answers", content=body).status_code == 413


def test_paths_do_not_leave_the_page(client):
    for path in ("/../key.json", "/%2e%2e/key.json", "/..%2fsecret.txt", "/media/../../key.json", "//etc/passwd"):
        reply = client.get(path)
        assert reply.status_code == 404 and "not yours" not in reply.text and "secret" not in reply.text


def test_a_client_that_asks_too_often_has_to_wait(folder, key):
    client = TestClient(create_app(folder, ServeOptions(rate=0.001, burst=3)))
    codes = [client.get("/api/study").status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]
    assert client.get("/").status_code == 200  # the page and its clips are not counted


def test_a_database_of_another_study_is_not_touched(folder, key, capsys):
    AnswerStore(folder / "results" / "answers.sqlite", "another").close()
    assert main(["study", "serve", str(folder)]) == 2
    assert "another study" in capsys.readouterr().err
    (folder / "junk").write_text("no database at all, but long enough to look like something")
    assert main(["study", "serve", str(folder), "--results", str(folder / "junk")]) == 2
    assert "cannot be used as database" in capsys.readouterr().err


def test_a_folder_without_study(tmp_path, capsys):
    assert main(["study", "serve", str(tmp_path)]) == 2
    assert f"there is no {tmp_path / 'key.json'};" in capsys.readouterr().err
    (tmp_path / "key.json").write_text("{}")
    assert main(["study", "serve", str(tmp_path)]) == 2
    assert "is not the key of a study" in capsys.readouterr().err


@pytest.fixture
def start(folder):
    """start() -> (the server's process, its address), the server accepting connections."""
    running = []

    def process():
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "condfoley", "study", "serve", str(folder), "--port", str(port)]
        running.append(subprocess.Popen(command))
        for _ in range(600):
            if socket.socket().connect_ex(("127.0.0.1", port)) == 0:
                break
            time.sleep(0.1)
        return running[-1], f"http://127.0.0.1:{port}"

    yield process
    for server in running:
        server.kill()
        server.wait()


def take_part(address, key):
    """Answer everything; returns how many answers were acknowledged."""
    with httpx.Client(base_url=address, timeout=60) as client:
        todo = posts(key, *begin(client, key))
        return [client.post("/api/answers", json=body).status_code for body in todo].count(201)


@pytest.mark.heavy
def test_acknowledged_answers_survive_a_kill(start, folder, key):
    acknowledged = 0
    for _ in range(2):
        server, address = start()
        acknowledged += take_part(address, key)
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    assert sum(len(s.answers) for s in read_sessions(folder / "results" / "answers.sqlite")[1]) == acknowledged == 8


@pytest.mark.heavy
def test_a_stopped_server_leaves_one_file_to_copy(start, folder, key):
    server, address = start()
    assert take_part(address, key) == 4
    server.terminate()
    server.wait(60)
    assert [path.name for path in (folder / "results").iterdir()] == ["answers.sqlite"]
    assert len(read_sessions(folder / "results" / "answers.sqlite")[1][0].answers) == 4


def at_once(*calls):
    async def together():
        return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(together())


def test_who_comes_together_is_written_together_in_the_order_of_coming(tmp_path):
    store = AnswerStore(tmp_path / "answers.sqlite", "study")
    assert at_once(store.add_session("s", "", 1)) == [0]
    commits = []
    store._db.set_trace_callback(lambda statement: commits.append(statement) if statement == "COMMIT" else None)
    hold = threading.Event()
    store._enqueue(hold.wait)  # the writer is busy while a hundred arrive

    async def release():
        hold.set()

    # every trial is answered three times: an answer, a repetition, and another answer that comes too late
    calls = [store.add_answer("s", f"trial{k // 3}", "first" if k % 3 < 2 else "other") for k in range(99)]
    assert at_once(*calls, release()) == [True, True, False] * 33 + [None]
    assert len(commits) <= 2
    store.close()
    (kept,) = read_sessions(tmp_path / "answers.sqlite")[1]
    assert kept.answers == ("first",) * 33


def test_what_the_disk_refuses_is_not_acknowledged_and_can_be_sent_again(tmp_path):
    store = AnswerStore(tmp_path / "answers.sqlite", "study")
    at_once(store.add_session("s", "", 1))
    store._db.execute("PRAGMA query_only=ON")  # as a disk that is full
    assert all(isinstance(error, sqlite3.Error) for error in at_once(*(store.add_answer("s", t, "1") for t in "abc")))
    store._db.execute("PRAGMA query_only=OFF")
    assert at_once(*(store.add_answer("s", t, "1") for t in "abc")) == [True] * 3
    store.close()
    assert len(read_sessions(tmp_path / "answers.sqlite")[1][0].answers) == 3


def test_sessions_of_an_earlier_run_go_on(tmp_path):
    for form, name in enumerate("ab"):
        store = AnswerStore(tmp_path / "answers.sqlite", "study")
        at_once(store.add_session(name, "", 2))
        assert store.form(name) == form and store.form("nobody") is None
        store.close()
    store = AnswerStore(tmp_path / "answers.sqlite", "study")
    assert (store.form("a"), store.form("b")) == (0, 1)
    store.close()
