"""From files of answers to the report: the right people left out, the truth found, hostile files refused."""

import csv
import json

import numpy as np
import pytest

from condfoley.cli.main import main
from condfoley.study import analysis, crowd, exclusion, results
from condfoley.study.options import AnalyseOptions
from tests.study import people


def table(folder, name):
    with open(folder / "analysis" / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def crowd_of(key, share=0.7, seed=0):
    """One attentive participant for each form."""
    rng = np.random.default_rng(seed)
    forms = 1 + max(trial["form"] for trial in key["trials"].values())
    return [people.session(key, f"p{form}", form, people.prefers(key, share, rng)) for form in range(forms)]


def test_a_study_from_files_to_report(tmp_path):
    key = people.made_up_key()
    sessions = crowd_of(key)
    sessions += [people.session(key, f"deaf{k}", k, lambda known: [1.0, 0.0], notices=False) for k in range(2)]
    people.write(tmp_path, key, sessions)
    assert main(["study", "analyse", str(tmp_path / "results")]) == 0
    left_out = {row["session"]: row["reason"] for row in table(tmp_path, "participants") if row["kept"] == "no"}
    assert left_out == {f"deaf{k}": "did not notice obviously wrong sounds" for k in range(2)}
    rows = table(tmp_path, "preferences")
    assert [(row["question"], row["system"], row["over"]) for row in rows] == [
        (question, system, "a") for question in ("sync", "material") for system in "bc"
    ]
    assert {int(row["judgements"]) for row in rows} == {48}
    for row in rows:
        assert float(row["crossed_low"]) <= 70 <= float(row["crossed_high"])
        assert float(row["wilson_low"]) <= float(row["mean"]) <= float(row["wilson_high"])
    targets = table(tmp_path, "targets")
    assert len(targets) == 2 * 2 * 6 and {int(row["judgements"]) for row in targets} == {8}
    page = (tmp_path / "analysis" / "index.html").read_text()
    assert "data:image/png;base64," in page and "2 left out" in page
    assert (tmp_path / "analysis" / "preferences.png").stat().st_size > 5000
    assert main(["study", "analyse", str(tmp_path / "results")]) == 2  # nothing is overwritten silently
    assert main(["study", "analyse", str(tmp_path / "results"), "--force"]) == 0


@pytest.mark.parametrize(("method", "other"), [("forced-choice", "wilson"), ("rating", "published")])
def test_where_the_interval_to_report_is_left_out_another_is_named(tmp_path, method, other):
    key = people.made_up_key(method=method)
    people.write(
        tmp_path, key, [people.session(key, "p0", 0, lambda known: [1.0, *(0.0 for _ in known["systems"][1:])])]
    )
    assert main(["study", "analyse", str(tmp_path / "results")]) == 0
    rows = table(tmp_path, "preferences")
    assert rows and {(row["crossed_low"], row["crossed_high"]) for row in rows} == {("", "")}
    assert {row["crossed_left_out"] for row in rows} == {f"1 participant, fewer than 3; report {other}"}
    assert "the one to report instead" in (tmp_path / "analysis" / "index.html").read_text()


def test_all_pairs_are_ranked(tmp_path):
    key = people.made_up_key(compare="all")

    def choose(known):  # c beats b beats a, nearly always
        first, second = known["systems"]
        return [float(first > second), float(second > first)]

    forms = 1 + max(trial["form"] for trial in key["trials"].values())
    people.write(tmp_path, key, [people.session(key, f"p{form}", form, choose) for form in range(forms)])
    assert main(["study", "analyse", str(tmp_path / "results")]) == 0
    ranking = [row["system"] for row in table(tmp_path, "ranking") if row["question"] == "sync"]
    assert ranking == ["c", "b", "a"]
    assert table(tmp_path, "checks")[0]["agreement_alpha"] == "1.00"


@pytest.mark.parametrize(
    ("method", "scores"), [("rating", {"a": 30, "b": 60, "c": 90}), ("opinion", {"a": 2, "b": 3, "c": 5})]
)
def test_ratings_and_opinions(tmp_path, method, scores):
    key = people.made_up_key(method=method, judgements=4)

    def person(form):
        record = people.session(
            key, f"p{form}", form, lambda known: [float(scores[key["systems"][s]]) for s in known["systems"]]
        )
        for answer in record["answers"]:
            if key["trials"][answer["trial"]]["kind"] == "sentinel" and method == "opinion":
                answer |= {"scores": {"sync": [1.0], "material": [1.0]}, "plays": [1]}
        return record

    people.write(tmp_path, key, [person(form) for form in range(4)])
    assert main(["study", "analyse", str(tmp_path / "results")]) == 0
    means = {row["system"]: float(row["mean"]) for row in table(tmp_path, "preferences") if row["question"] == "sync"}
    assert means == scores
    assert {row["kept"] for row in table(tmp_path, "participants")} == {"yes"}


def reasons(key, *records, **options):
    read = []
    for record in records:
        parsed, answers = results.parse_download(json.dumps(record).encode(), key, record.pop("who", ""), "")
        results.merge_answers(parsed, answers, key, [])
        read.append(parsed)
    return [review.reason for review in exclusion.review_sessions(read, key, AnalyseOptions(**options))]


def test_who_is_left_out_and_why():
    key = people.made_up_key()
    fine = people.session(key, "fine", 0, lambda known: [1.0, 0.0])
    hasty, early, skipped, speakers = (json.loads(json.dumps(fine | {"session": name})) for name in "abcd")
    hasty["answers"][0]["seconds"] = 0.4
    skipped["answers"][0]["plays"] = [1, 0]
    early["answers"] = early["answers"][:-1]
    speakers["headphones"] = [True, False, False]
    too_soon = "answered before the clips could have been played"
    assert reasons(key, fine, hasty, early, skipped) == ["", too_soon, "did not finish", too_soon]
    assert reasons(key, early, keep_unfinished=True) == [""]
    assert reasons(key, speakers) == [""]
    assert reasons(key, speakers, require_headphones=True) == ["failed the headphone check"]
    one, two = ((results.Session(name, 0, "same", True, [])) for name in "xy")
    assert exclusion.review_sessions([one, two], key, AnalyseOptions())[1].reason == "took part before"


def test_a_session_of_a_form_that_does_not_exist_is_refused_and_answers_to_another_finish_nothing(tmp_path):
    key = people.made_up_key()
    folder = people.write(tmp_path, key, crowd_of(key))
    other = people.session(key, "other", 1, lambda known: [1.0, 0.0])
    for name, form in (("nowhere", 99), ("foreign", 0)):
        (folder / f"{name}.json").write_text(json.dumps(other | {"session": name, "form": form}))
    assert main(["study", "analyse", str(folder), "--keep-unfinished"]) == 0
    refused = {row["where"]: row["why"] for row in table(tmp_path, "refused")}
    assert refused["nowhere.json, nowhere"] == "form 99 is not one of this study"
    assert "nowhere" not in {row["session"] for row in table(tmp_path, "participants")}
    finished = {session.name: session.finished for session in results.load_results(folder, key).sessions}
    assert not finished.pop("foreign") and all(finished.values())


def test_what_is_missing_is_named(tmp_path, capsys):
    key = people.made_up_key()
    folder = people.write(tmp_path, key, crowd_of(key))
    assert main(["study", "analyse", str(tmp_path / "nowhere")]) == 2
    assert f"there is no {tmp_path / 'nowhere'}; give the folder" in capsys.readouterr().err
    (tmp_path / "key.json").rename(tmp_path / "other.json")
    assert main(["study", "analyse", str(folder)]) == 2
    assert f"there is no {tmp_path / 'key.json'}, the key of the study" in capsys.readouterr().err
    assert main(["study", "analyse", str(folder), "--key", str(tmp_path / "none.json")]) == 2
    assert f"there is no {tmp_path / 'none.json'};" in capsys.readouterr().err
    assert main(["study", "analyse", str(folder), "--key", str(tmp_path / "other.json")]) == 0


def test_unusable_files_are_listed_and_nothing_hostile_gets_into_the_page(tmp_path):
    key = people.made_up_key()
    folder = people.write(tmp_path, key, crowd_of(key))
    good = crowd_of(key)[0]
    script = "<script>alert(1)</script>"
    (folder / "truncated.json").write_text(json.dumps(good)[:-40])
    (folder / "foreign.json").write_text(json.dumps(good | {"study": "feedfeedfeedfeed"}))
    (folder / "named.json").write_text(json.dumps(good | {"session": script}))
    (folder / f"{script.replace('/', '')}.json").write_text("{}")
    (folder / "large.json").write_bytes(b" " * (results.MAX_BYTES + 1))
    (folder / "nan.json").write_text(json.dumps(good).replace("9.5", "NaN"))
    doubled = good | {"answers": [good["answers"][0], good["answers"][0] | {"seconds": 99.0}]}
    (folder / "pdouble.json").write_text(json.dumps(doubled))
    assert main(["study", "analyse", str(folder)]) == 0
    refused = {row["where"]: row["why"] for row in table(tmp_path, "refused")}
    assert {"truncated.json", "foreign.json", "named.json", "large.json", "nan.json"} <= refused.keys()
    assert "another study" in refused["foreign.json"] and "answered twice" in refused["p0"]
    assert "<script>alert" not in (tmp_path / "analysis" / "index.html").read_text()
    assert {int(row["judgements"]) for row in table(tmp_path, "preferences")} == {48}


@pytest.mark.parametrize("content", ["", "{}", '{"study": 1}'])
def test_nothing_of_the_study_is_an_error(tmp_path, capsys, content):
    key = people.made_up_key()
    folder = people.write(tmp_path, key, [])
    (folder / "a.json").write_text(content)
    assert main(["study", "analyse", str(folder)]) == 2
    assert "holds nothing of study 0123456789abcdef" in capsys.readouterr().err
    assert not (tmp_path / "analysis").exists()


def test_mturk_results_and_approvals(tmp_path):
    key = people.made_up_key()
    folder = people.write(tmp_path, key, [])
    record, deaf = crowd_of(key)[0], people.session(key, "deaf", 1, lambda known: [1.0, 0.0], notices=False)
    rows = [
        {"AssignmentId": "A1", "WorkerId": "WORKER-1", "Answer.results": json.dumps(record)},
        {"AssignmentId": "A2", "WorkerId": "W2", "Answer.results": json.dumps(deaf)},
        {"AssignmentId": "A3", "WorkerId": "W3", "Answer.results": "{broken"},
    ]
    with open(folder / "batch.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert main(["study", "analyse", str(folder), "--mturk", str(folder / "batch.csv")]) == 0
    done = table(tmp_path, "assignments")
    assert [(row["Approve"], row["Reject"]) for row in done] == [
        ("x", ""),
        ("", "Did not notice obviously wrong sounds."),
        ("", ""),  # what we cannot read may be our fault: a person decides
    ]
    assert "WORKER-1" not in (tmp_path / "analysis" / "index.html").read_text()


def test_completion_codes_are_paid_once():
    code = crowd.completion_code("00" * 32, "s1")
    rows = [
        {"AssignmentId": f"A{k}", "WorkerId": f"W{k}", "Answer.surveycode": c}
        for k, c in enumerate((code.lower(), code, "?"))
    ]
    done = list(csv.DictReader(crowd.approvals(rows, {code: "s1"}, {}, set()).splitlines()))
    assert [row["Approve"] for row in done] == ["x", "", ""]
    assert "before" in done[1]["Reject"] and "not one of this study" in done[2]["Reject"]


def test_a_worker_is_told_the_true_reason_and_an_assignment_finds_its_session(tmp_path):
    key = people.made_up_key()
    record = crowd_of(key)[0]
    early = record | {"session": "early", "answers": record["answers"][:-1]}
    folder = people.write(tmp_path, key, [record])  # came as a download too
    rows = [
        {"AssignmentId": f"A{k}", "WorkerId": worker, "Answer.results": json.dumps(what)}
        for k, (worker, what) in enumerate((("W0", record), ("W1", early), ("W1", early | {"session": "again"})))
    ]
    with open(folder / "p0.z.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert main(["study", "analyse", str(folder), "--mturk", str(folder / "p0.z.csv")]) == 0
    done = [(row["Approve"], row["Reject"]) for row in table(tmp_path, "assignments")]
    assert done == [("x", ""), ("", "Did not finish."), ("", "Took part before.")]


def test_formulas_do_not_reach_a_spreadsheet(tmp_path):
    key = people.made_up_key(systems=["a", "=cmd()", "c"])
    people.write(tmp_path, key, crowd_of(key))
    assert main(["study", "analyse", str(tmp_path / "results")]) == 0
    assert {row["system"] for row in table(tmp_path, "preferences")} == {"'=cmd()", "c"}


def test_ten_thousand_participants_recover_the_truth():
    """Sessions as they are after reading; every pair, question and target at once."""
    key = people.made_up_key(targets=6, trials=6, judgements=5000)
    rng = np.random.default_rng(4)
    forms: dict[int, list[tuple[str, dict]]] = {}
    for trial, known in key["trials"].items():
        forms.setdefault(known["form"], []).append((trial, known))
    assert len(forms) == 10_000
    reviews = []
    for form, trials in forms.items():
        choose = people.prefers(key, float(rng.uniform(0.6, 0.8)), rng)
        session = results.Session(f"p{form}", form, "", True, [])
        for trial, known in trials:
            if known["kind"] == "trial":
                scores = choose(known)
                session.answers[trial] = results.Answer.model_construct(scores={"sync": scores, "material": scores})
        reviews.append(exclusion.SessionReview(session, 2, 2, ""))
    data = {question: analysis.judgements(reviews, key, question) for question in key["questions"]}
    rows = analysis.preferences(data, key)
    assert [row.judgements for row in rows] == [30_000] * 4
    assert all(row.crossed.low < 0.7 < row.crossed.high and row.crossed.high - row.crossed.low < 0.02 for row in rows)
