"""The whole evaluation on a fixed toy set, and whether the benchmark itself can be believed."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from condfoley.cli.main import main
from condfoley.errors import InputError
from condfoley.evaluation import sounds
from condfoley.evaluation.catalogue import SYSTEM_SPECS
from condfoley.evaluation.clips import METRIC_GEOMETRY
from condfoley.evaluation.metrics import METRICS, is_better
from condfoley.evaluation.options import EvaluateOptions
from condfoley.evaluation.run import evaluate
from condfoley.evaluation.sounds import SOUNDS
from condfoley.evaluation.systems import SystemContext
from condfoley.weights import SHIPPED, read_card, tree_hash
from tests.evaluation.toy import write_set
from tests.tiny import write_tiny_weights

SYSTEMS = "truth,muffled=tests.evaluation.toy:muffled,copy,shuffled=tests.evaluation.toy:shuffled,noise,silence"
CONTROLS = ("shuffled", "noise", "silence")
NO_TRUTH = ("offset", "av_align")  # neither looks at the true sound
JUDGED = ("action", "material", "action_agreement", "material_agreement", "action_kl", "material_kl", "inception")
"""By the shipped judges, which never heard sounds like the toy ones."""
RARE = ("dynamics",)  # only one toy clip has as many events as it asks for
PUBLISHED = ("published_accuracy", "published_ap", "published_count")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def report(clips, tmp_path_factory):
    """A folder with a complete report."""
    out = tmp_path_factory.mktemp("report")
    words = ["--test", str(clips), "--systems", SYSTEMS, "--out", str(out), "--embedding", "timbre", "--sample", "2"]
    assert main(["evaluate", *words, "--quiet"]) == 0
    return out


@pytest.fixture(scope="module")
def means(report):
    found = json.loads((report / "metrics.json").read_text())["systems"]
    return {name: {k: cell["mean"] for k, cell in system["metrics"].items()} for name, system in found.items()}


def columns(means):
    return [METRICS[name] for name in means["truth"] if name not in (*PUBLISHED, *JUDGED, *RARE)]


def test_the_truth_beats_everything(means):
    for metric in columns(means):
        if metric.name not in (*NO_TRUTH, "timbre", "fine_structure", "attack"):  # those are to be the reference's
            for name in means.keys() - {"truth"}:
                assert not is_better(metric, means[name][metric.name], means["truth"][metric.name]), metric.name
    assert means["truth"]["f1_100"] == means["truth"]["ap_50"] == means["truth"]["av_align"] == 1
    assert means["truth"]["dynamics"] == 1 and means["silence"]["dynamics"] == -1
    assert max(means["truth"]["mcd"], means["truth"]["loudness"]) < 1e-4  # of 24-bit files


def test_silence_noise_and_a_strangers_sound_top_no_column(means):
    real = means.keys() - set(CONTROLS)
    for metric in columns(means):
        top = max(real, key=lambda name: means[name][metric.name] * (1 if metric.higher_is_better else -1))
        for name in CONTROLS:
            if (metric.name, name) != ("fad", "shuffled"):  # a set of true sounds, though of other clips
                assert is_better(metric, means[top][metric.name], means[name][metric.name]), (metric.name, name)


def test_a_reconstruction_sits_between_the_truth_and_the_rest(means):
    for name in ("mcd", "stft", "envelope", "correlation", "fad", "f1_100", "ap_100"):
        for control in CONTROLS if name != "fad" else CONTROLS[1:]:  # a set of true sounds, though of other clips
            assert is_better(METRICS[name], means["muffled"][name], means[control][name]), (name, control)


def test_copying_the_reference_has_its_timbre_and_not_the_targets_time(means):
    assert means["copy"]["timbre"] == 1 and means["copy"]["f1_50"] < 0.7
    assert means["copy"]["fine_structure"] > 0.95 > means["truth"]["fine_structure"]
    assert means["shuffled"]["timbre"] == 0


def test_silence_is_worth_nothing_except_to_the_published_scorer(means):
    assert means["silence"]["f1_100"] == means["silence"]["ap_100"] == means["silence"]["count"] == 0
    assert means["silence"]["published_ap"] == 1


def test_the_report_holds_what_the_numbers_are(report):
    page = (report / "index.html").read_text()
    assert page.count("<audio") == 2 * 7 and page.count("<video") == 2 and "data:audio/flac" in page
    assert "classifier (judge) on the" in page and "http" not in page.replace("https://", "http").split("<body>")[0]
    with open(report / "metrics.csv", newline="") as file:
        rows = {(r["system"], r["metric"]): r for r in csv.DictReader(file)}
    cell = rows["copy", "f1_100"]
    assert float(cell["low"]) <= float(cell["mean"]) <= float(cell["high"]) and cell["n"] == "4"
    answers = json.loads((report / "metrics.json").read_text())["answers"]
    assert len(answers) == 4 * 6 and all(np.isfinite(v) for a in answers for v in a["values"].values() if v is not None)


@pytest.mark.heavy
def test_sounds_are_made_once_and_scored_again(report, clips, monkeypatch, tmp_path):
    from tests.evaluation import toy

    home = tmp_path / "report"
    shutil.copytree(report, home)
    monkeypatch.setattr(toy, "muffled", lambda pair: np.zeros_like(pair.target.wav))  # edited since
    kept = sorted((home / SOUNDS / "copy").iterdir())
    kept[0].unlink()
    shutil.copy(kept[1], kept[0])
    options = EvaluateOptions(test=str(clips), out=str(home), systems=SYSTEMS, embedding="timbre", quiet=True)
    again = evaluate(options)
    assert kept[0].read_bytes() == kept[1].read_bytes()
    assert again.means["muffled"]["f1_100"].mean == 0  # a function of others is asked again
    options.systems = f"copy={home / SOUNDS / 'copy'}"  # the very folder
    assert not any(row.failure for row in evaluate(options).scores) and all(path.exists() for path in kept)
    with monkeypatch.context() as newer:
        newer.setattr(sounds, "code_hash", lambda: "another")
        with pytest.raises(InputError, match="another code"):
            evaluate(options)
    with pytest.raises(InputError, match="another seed"):
        evaluate(EvaluateOptions(test=str(clips), out=str(home), systems="noise", seed=4, quiet=True))
    other = read_card(SHIPPED) | {"sampling": {"temperature": 0.1}}
    monkeypatch.setattr(sounds, "read_card", lambda folder: other)
    with pytest.raises(InputError, match="another sampling"):
        evaluate(EvaluateOptions(test=str(clips), out=str(home), systems="noise", quiet=True))
    evaluate(EvaluateOptions(test=str(clips), out=str(home), systems="silence", seed=4, quiet=True, force=True))
    assert [p.name for p in (home / SOUNDS).iterdir()] == ["silence"]


@pytest.mark.heavy
def test_what_sounds_depend_on_is_hashed():
    """All of ours that is imported to make one, and the settings name the hash."""
    code = (
        "import sys, condfoley.foley, condfoley.evaluation.baselines, condfoley.published.generation\n"
        "print(*(m.__file__ for name, m in sys.modules.items() if name.startswith('condfoley.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    root = Path(sounds.__file__).parents[1]
    needed = {Path(file) for file in done.stdout.split() if Path(file).name != "__init__.py"}
    assert len(needed) > 30 and needed <= {path for pattern in sounds.SOUND_CODE for path in root.glob(pattern)}
    assert sounds.sound_settings(SystemContext([]))["code"] == sounds.code_hash()


def test_a_hash_of_files_heeds_names_and_contents_but_no_order(tmp_path):
    files = [tmp_path / "a.py", tmp_path / "b.py"]
    for path in files:
        path.write_text(path.name)
    before = tree_hash(tmp_path, files)
    assert tree_hash(tmp_path, reversed(files)) == before
    files[0].write_text("b.py")
    assert tree_hash(tmp_path, files) != before


def test_a_failure_counts_as_the_worst_and_is_said(clips, tmp_path):
    systems = "truth,noise,breaks=tests.evaluation.toy:breaks,cuts=tests.evaluation.toy:cuts"
    result = evaluate(EvaluateOptions(test=str(clips), out=str(tmp_path), systems=systems, quiet=True))
    assert any("breaks failed on 1 of 4 pairs" in note for note in result.notes)
    assert result.means["breaks"]["f1_100"].mean == pytest.approx(3 / 4)
    assert result.means["breaks"]["f1_100"].n == 4
    worst = max(row.values["mcd"] for row in result.scores if row.values and not row.mute)
    assert any("noise is mute on 4 of 4 pairs" in note for note in result.notes)
    assert result.means["breaks"]["mcd"].mean == pytest.approx(worst / 4, abs=1e-3)
    assert next(r for r in result.scores if r.failure).failure == "RuntimeError: out of paint"
    assert "too short" in result.outputs["cuts"][result.pairs[0].name].remark
    assert 0 < result.means["cuts"]["recall_100"].mean < 1


def test_weights_that_cannot_be_loaded_end_the_command_before_any_sound(clips, tmp_path, capsys):
    weights, out = write_tiny_weights(tmp_path / "weights"), tmp_path / "out"
    words = ["--test", str(clips), "--weights", str(weights), "--out", str(out), "--quiet"]
    card = json.loads((weights / "card.json").read_text())
    part = weights / card["parts"]["transformer"]["file"]
    part.write_bytes(part.read_bytes()[:-8])
    assert main(["evaluate", *words, "--systems", "copy,condfoley"]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not out.exists()
    assert main(["evaluate", *words, "--systems", "copy"]) == 0  # needs no model


def test_a_system_that_never_answers_is_reported_and_noticed(clips, tmp_path, capsys):
    words = ["--test", str(clips), "--out", str(tmp_path), "--quiet", "--sample", "1", "--systems"]
    assert main(["evaluate", *words, "copy,never=tests.evaluation.toy:refuses"]) == 2
    told = capsys.readouterr()
    assert "never failed on every pair, at first with: RuntimeError: no brush" in told.err
    assert "copy failed" not in told.err and Path(told.out.strip()).is_file()


def test_a_control_without_another_reference_is_no_fault_beside_others(clips, tmp_path):
    (tmp_path / "pairs.csv").write_text(f"target,reference\n{clips}/clip0.mp4,{clips}/clip1.mp4\n")
    words = ["--test", str(tmp_path / "pairs.csv"), "--out", str(tmp_path / "out"), "--quiet", "--systems"]
    assert main(["evaluate", *words, "copy,condfoley-shuffled-reference"]) == 0
    assert main(["evaluate", *words, "condfoley-shuffled-reference"]) == 2


def test_neither_order_nor_names_of_pairs_matter(clips, tmp_path):
    order = [(0, 1), (1, 2), (2, 3), (3, 0)]
    means = []
    for i, pairs in enumerate((order, order[::-1])):
        folder = tmp_path / f"{i}"
        folder.mkdir()
        lines = ["name,target,reference"]
        for a, b in pairs:
            for clip in (a, b):
                for suffix in (".mp4", ".json"):
                    shutil.copy(clips / f"clip{clip}{suffix}", folder / f"{'xyzw'[clip] if i else clip}{suffix}")
            lines.append(f"p{a},{'xyzw'[a] if i else a}.mp4,{'xyzw'[b] if i else b}.mp4")
        (folder / "pairs.csv").write_text("\n".join(lines))
        options = EvaluateOptions(
            test=str(folder / "pairs.csv"),
            out=str(folder / "out"),
            systems="copy,noise",
            embedding="timbre",
            quiet=True,
        )
        means.append({s: {m: c.mean for m, c in cells.items()} for s, cells in evaluate(options).means.items()})
    assert means[0].keys() == means[1].keys()
    for system in means[0]:
        assert means[0][system] == pytest.approx(means[1][system])


@pytest.mark.heavy
def test_every_system_answers_with_toy_weights(clips, tmp_path):
    weights = write_tiny_weights(tmp_path / "weights")
    (tmp_path / "pairs.csv").write_text(
        f"target,reference\n{clips}/clip0.mp4,{clips}/clip1.mp4\n{clips}/clip2.mp4,{clips}/clip3.mp4\n"
    )
    options = EvaluateOptions(
        test=str(tmp_path / "pairs.csv"), out=str(tmp_path / "out"), systems="all", weights=str(weights),
        candidates=2, quiet=True,
    )  # fmt: skip
    result = evaluate(options)
    assert not [(row.system, row.failure) for row in result.scores if row.failure]
    wavs = {e.name: result.outputs[e.name][result.pairs[0].name].wav for e in result.systems}
    assert {e.name for e in SYSTEM_SPECS} - set(wavs) == {"condfoley-flow", "condfoley-flow-no-rerank"}
    assert len({wav.tobytes() for wav in wavs.values()}) >= 10  # toy weights hardly heed their reference
    assert all(len(wav) == len(wavs["truth"]) for wav in wavs.values())


def test_other_peoples_sounds_by_folder(clips, tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (tmp_path / "pairs.csv").write_text(
        f"name,target,reference,onsets_s\na,{clips}/clip0.mp4,{clips}/clip1.mp4,0.4;1.3\n"
        f"b,{clips}/clip1.mp4,{clips}/clip2.mp4,\nc,{clips}/clip2.mp4,{clips}/clip1.mp4,\n"
    )
    wav = np.repeat(evaluate_truth(clips), 2)  # an octave lower at the same rate is the same at twice the rate
    soundfile.write(theirs / "a.wav", wav, 2 * METRIC_GEOMETRY.sample_rate)
    (theirs / "b.wav").write_bytes(b"RIFF, but not really")
    options = EvaluateOptions(
        test=str(tmp_path / "pairs.csv"), out=str(tmp_path / "out"), systems=f"mine={theirs},truth", quiet=True
    )
    result = evaluate(options)
    values = {row.pair: row for row in result.scores if row.system == "mine"}
    assert values["a"].values["f1_100"] == 1
    assert values["b"].failure and "has no c.wav" in values["c"].failure


def evaluate_truth(clips):
    from condfoley.media import read_audio

    return read_audio(clips / "clip0.mp4", METRIC_GEOMETRY.sample_rate)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--test", "nothing", "--out", "o"], "no such set"),
        (["--test", "CLIPS", "--out", "o", "--systems", "condfolley"], "did you mean condfoley?"),
        (["--test", "CLIPS", "--out", "o", "--systems", "noise,noise"], "twice"),
        (["--test", "CLIPS", "--out", "o", "--systems", "x=tests.nowhere:f"], "can be imported"),
        (["--test", "CLIPS", "--out", "o", "--systems", "mine=/no/such/folder"], "there is no folder /no/such/folder"),
        (["--test", "CLIPS", "--out", "o", "--systems", "no/folder"], "there is no folder no/folder"),
        (["--test", "CLIPS", "--out", "o", "--systems", "mine=CLIPS"], "has no sound of this test set"),
        (["--test", "CLIPS", "--out", "o", "--embedding", "vggish"], "module:function"),
        (["--test", "CLIPS", "--out", "o", "--judges", "CLIPS"], "card.json"),
        (["--test", "simulated:0", "--out", "o"], "1 or more"),
        (["--test", "greatest-hits:CLIPS", "--out", "o"], "is missing; give the folder vis-data"),
        (["--test", "CLIPS", "--out", "o", "--candidates", "0"], "--candidates"),
        (["--out", "o"], "missing: --test"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(words, message, clips, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", *(word.replace("CLIPS", str(clips)) for word in words)]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in error and error.startswith("condfoley:")
    assert not (tmp_path / "o").exists()


def test_another_judge_of_synchrony(clips, tmp_path):
    given = {"test": str(clips), "systems": "truth,silence", "out": str(tmp_path / "out"), "quiet": True}
    assert "offset_given" not in evaluate(EvaluateOptions(**given)).means["truth"]
    found = evaluate(EvaluateOptions(**given, synchroniser="tests.evaluation.toy:late_by_half"))
    assert found.means["truth"]["offset_given"].mean == found.means["silence"]["offset_given"].mean == 0.5
    with pytest.raises(InputError, match="--synchroniser tests.evaluation.toy:nobody"):
        evaluate(EvaluateOptions(**given, synchroniser="tests.evaluation.toy:nobody"))


def test_empty_and_unusable_lists_of_pairs(clips, tmp_path, capsys):
    for text, message in (
        ("reference,target\n", "lists no pairs"),
        ("reference,target\nx.mp4,\n", "line 2"),
        (f"reference,target\n{clips}/none.mp4,{clips}/clip0.mp4\n", "line 2"),
        (f"name,reference,target\na/b,{clips}/clip1.mp4,{clips}/clip0.mp4\n", "cannot name a file"),
        (f"reference,target,onsets_s\n{clips}/clip1.mp4,{clips}/clip0.mp4,soon\n", "must be numbers"),
    ):
        (tmp_path / "pairs.csv").write_text(text)
        assert main(["evaluate", "--test", str(tmp_path / "pairs.csv"), "--out", str(tmp_path / "o")]) == 2
        assert message in capsys.readouterr().err


def test_missing_packages_are_named_before_any_work(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert main(["evaluate", "--test", "nowhere.csv", "--out", "out"]) == 2
    assert "evaluation needs jinja2; run `pip install 'condfoley[evaluate]'`" in capsys.readouterr().err
