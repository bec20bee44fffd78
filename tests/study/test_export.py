"""An exported study: complete, balanced, equally loud, and silent about what its clips are."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from condfoley import examples
from condfoley.audio.loudness import integrated_loudness
from condfoley.cli.main import main
from condfoley.errors import InputError
from condfoley.evaluation import sounds as sound_store
from condfoley.media import probe, read_audio, read_sound, write_wav
from condfoley.study import media, page
from condfoley.study import sources as study_sources
from condfoley.study.design import OPINION
from condfoley.study.page import WEB, page_files
from tests.made_up import RATE, pulses
from tests.study.people import SYSTEMS


def public(folder):
    text = (folder / "public" / "plan.js").read_text()
    return json.loads(text.removeprefix("window.STUDY = ").rstrip(";\n"))


def test_the_page_is_complete_and_tells_nothing(exported):
    folder, key = exported("--trials", "4", "--judgements", "4", "--practice", "1", "--sentinels", "2")
    shown = public(folder)
    names = {name for form in shown["forms"] for trial in form for name in (trial["reference"], *trial["clips"])}
    for name in names:
        assert probe(folder / "public" / "media" / f"{name}.mp4").has_audio
        assert (folder / "public" / "media" / f"{name}.jpg").read_bytes()[:2] == b"\xff\xd8"
    told = [folder / "public" / "plan.js", *(folder / "public" / "media").iterdir()]
    for path in told:
        content = path.read_bytes() + path.name.encode()
        for secret in (*SYSTEMS, *key["targets"], key["secret"], "sentinel"):
            assert secret.encode() not in content, f"{path.name} tells {secret}"
    assert "key.json" not in {path.name for path in (folder / "public").rglob("*")}
    page_itself = (folder / "public" / "index.html").read_text()
    for address in re.findall(r'(?:src|href)="([^"]+)"', page_itself):
        assert address == "data:," or (folder / "public" / address).is_file()
    assert "MIT License" in (folder / "public" / "LICENCES.txt").read_text()
    assert (folder / "key.json").stat().st_mode & 0o077 == 0


def test_the_key_explains_every_trial(exported):
    folder, key = exported("--trials", "2", "--judgements", "4", "--sentinels", "2")
    shown = public(folder)
    assert shown["study"] == key["study"]
    for number, form in enumerate(shown["forms"]):
        kinds = [key["trials"][trial["trial"]]["kind"] for trial in form]
        assert sorted(kinds) == ["sentinel"] * 2 + ["trial"] * 2 and kinds[0] == "trial"
        for trial in form:
            known = key["trials"][trial["trial"]]
            assert known["form"] == number and known["seconds"] == pytest.approx(3.0, abs=0.01)
            if known["kind"] == "trial":
                clips = [key["clips"][name] for name in trial["clips"]]
                assert [key["systems"][system] for system in known["systems"]] == [clip["system"] for clip in clips]
                assert {clip["target"] for clip in clips} == {key["targets"][known["target"]]}


def test_clips_are_equally_loud_and_sentinels_wrong(exported):
    folder, key = exported(
        "--trials", "2", "--judgements", "2", "--practice", "0", "--sentinels", "3", "--loudness", "-30"
    )
    loud = {n: integrated_loudness(read_audio(folder / f"public/media/{n}.mp4", RATE), RATE) for n in key["clips"]}
    assert loud and all(level == pytest.approx(-30, abs=0.5) for level in loud.values())
    shown = {trial["trial"]: trial for form in public(folder)["forms"] for trial in form}
    heard = {}
    for name, known in key["trials"].items():
        if known["kind"] == "sentinel":
            wavs = [read_audio(folder / f"public/media/{clip}.mp4", RATE) for clip in shown[name]["clips"]]
            heard[known["wrong_kind"]] = (wavs[1 - known["wrong"]], wavs[known["wrong"]])
    right, silent = heard["silent"]
    assert np.abs(right).max() > 0.05 > 1e-3 > np.abs(silent).max()
    right, late = heard["late"]
    half = len(late) // 2
    assert np.abs(late[: half - RATE // 20]).max() < 0.01 < np.abs(late[half:]).max()
    right, other = heard["shuffled"]
    assert np.corrcoef(right, other)[0, 1] < 0.6


def test_loudness_gives_way_before_the_peak_does():
    quiet, clicky = pulses([0.1, 0.5], 1.0) * 0.1, np.zeros(RATE, np.float32)
    clicky[:: RATE // 4] = 1.0
    (a, b), reached = media.match_loudness([quiet[None], clicky[None]], RATE, -12.0)
    assert reached < -12 and max(np.abs(a).max(), np.abs(b).max()) == pytest.approx(media.PEAK)
    assert integrated_loudness(a, RATE) == pytest.approx(integrated_loudness(b, RATE), abs=0.1)


def test_clips_keep_rate_and_channels_alike_for_all_systems(exported, tmp_path):
    """A stereo sound of 48 kHz beside a mono one of the model's rate: both are heard as stereo of 48 kHz, equally loud."""
    wide, narrow = tmp_path / "sounds" / "wide", tmp_path / "sounds" / "narrow"
    time = np.arange(48_000) / 48_000
    left = (0.2 * np.sin(2 * np.pi * 14_000 * time) + 0.1 * np.sin(2 * np.pi * 900 * time)).astype(np.float32)
    for name in ("pair0", "pair1", "pair2", "pair3"):
        for folder, sound, rate in (
            (wide, np.stack([left, 0.1 * left]), 48_000),
            (narrow, pulses([0.1, 0.5], 1.0), RATE),
        ):
            folder.mkdir(parents=True, exist_ok=True)
            write_wav(folder / f"{name}.wav", sound, rate)
    folder, key = exported("--trials", "2", "--sentinels", "0", systems="wide,narrow", sounds=tmp_path / "sounds")
    media_of = {name: folder / f"public/media/{name}.mp4" for name in key["clips"]}
    heard = {}
    for name, path in media_of.items():
        info, (sound, rate) = probe(path), read_sound(path)
        assert (info.sample_rate, info.channels, rate) == (48_000, 2, 48_000)
        assert integrated_loudness(sound, rate) == pytest.approx(-23, abs=0.6)
        heard.setdefault(key["clips"][name]["system"], sound)
    spectrum = np.abs(np.fft.rfft(heard["wide"], axis=1))
    assert spectrum[0].argmax() == pytest.approx(14_000 * heard["wide"].shape[1] / 48_000, abs=3)
    assert spectrum[1].max() < 0.15 * spectrum[0].max()  # the image stays
    assert np.allclose(heard["narrow"][0], heard["narrow"][1], atol=5e-3)


@pytest.mark.parametrize(("method", "clips"), [("rating", 3), (OPINION, 1)])
def test_other_methods(exported, method, clips):
    words = ("--method", method, "--trials", "3", "--judgements", "3", "--sentinels", "1")
    folder, key = exported(*words, systems=",".join(SYSTEMS))
    known = [trial for trial in key["trials"].values() if trial["kind"] == "trial"]
    assert {len(trial["systems"]) for trial in known} == {clips}
    assert public(folder)["scale"] == ([0, 100] if method == "rating" else [1, 5])


def test_prolific_gets_its_code(exported):
    """study.js makes the address of it: https://app.prolific.com/submissions/complete?cc=..."""
    folder, _ = exported("--trials", "1", "--prolific-code", "C1AB2")
    assert public(folder)["prolific_code"] == "C1AB2"
    assert "https://app.prolific.com/submissions/complete?cc=${plan.prolific_code}" in (WEB / "study.js").read_text()


def test_texts_can_be_translated(exported, tmp_path):
    english = json.loads((WEB / page.TEXTS).read_text())
    (tmp_path / "de.json").write_text(json.dumps(english | {"language": "de", "continue": "Weiter </script>"}))
    folder, _ = exported("--trials", "1", "--texts", str(tmp_path / "de.json"))
    assert "Weiter" in (folder / "public" / "texts.js").read_text()
    (tmp_path / "de.json").write_text(json.dumps({k: v for k, v in english.items() if k != "continue"}))
    with pytest.raises(InputError, match="lacks the texts continue"):
        page_files(str(tmp_path / "de.json"))


def test_without_the_library_one_line_says_how_to_fetch_it(tmp_path):
    shutil.copy(WEB / page.TEXTS, tmp_path)
    with pytest.raises(InputError, match="make study-web"):
        page_files(web=tmp_path)


def complaint(capsys, sources, tmp_path, *words):
    pairs, sounds = sources
    out = tmp_path / "new"
    base = ["--test", str(pairs), "--sounds", str(sounds), "--systems", "ours,noise", "--out", str(out)]
    assert main(["study", "export", *base, "--trials", "2", *words]) == 2
    assert not out.exists(), "something half-written was left behind"
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_an_export_without_the_library_fails_in_one_line_before_any_work(capsys, sources, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "LIBRARY", {"jspsych.js": "not/fetched.js"})
    assert complaint(capsys, sources, tmp_path).endswith("fetch it with: make study-web")


def test_the_wheel_takes_all_that_the_page_is_made_of():
    """.ci/run looks into the wheel itself."""
    taken = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    for path in page.LIBRARY.values():
        assert f'"study/web/node_modules/{path}"' in taken
    assert '"study/web/*"' in taken and all((WEB / name).is_file() for name in (*page.OURS, page.TEXTS))


def test_the_page_brings_no_font_of_others(web):
    """jsPsych's stylesheet holds Open Sans, with a licence of its own; `make study-web` takes it out."""
    assert "@font-face" not in page_files()["jspsych.css"].read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--trials", "5"), "--trials 4"),
        (("--systems", "ours,theirs"), "no sounds of system 'theirs'"),
        (("--systems", "ours"), "2 or more different names"),
        (("--anchor", "truth"), "not among"),
        (("--systems", "ours,../noise"), "no sounds of system"),
        (("--endpoint", "ftp://x"), "https://"),
        (("--loudness", "3"), "LUFS"),
        (("--prolific-code", "C1&evil"), "letters and digits"),
        (("--trials", "0"), "1 or more"),
        (("--render", "recorded"), "leave out one of the two"),
    ],
)
def test_wrong_options(capsys, sources, web, tmp_path, words, expected):
    assert expected in complaint(capsys, sources, tmp_path, *words)


def test_missing_and_differing_clips(capsys, sources, web, tmp_path):
    pairs, sounds = sources
    copy = tmp_path / "copy"
    shutil.copytree(pairs.parent, copy)
    moved = copy / "pairs.csv", copy / "sounds"
    write_wav(copy / "sounds" / "ours" / "pair1.wav", pulses([0.1], 2.0), RATE)
    assert "lasts 2.00 s but its target 1.00 s" in complaint(capsys, moved, tmp_path)
    (copy / "sounds" / "ours" / "pair1.wav").unlink()
    assert "pair1.wav is missing" in complaint(capsys, moved, tmp_path)
    (copy / "target0.mp4").unlink()
    assert "target0.mp4" in complaint(capsys, moved, tmp_path)
    (copy / "pairs.csv").write_text("reference,target\n")
    assert "lists no pairs" in complaint(capsys, moved, tmp_path)


def test_a_report_folder_holds_the_sounds(sources):
    csv_file, sounds = sources
    pairs = study_sources.list_pairs(str(csv_file), sounds)
    assert study_sources.load_items(pairs, sounds.parent, ["ours"]) == study_sources.load_items(pairs, sounds, ["ours"])


def test_missing_sounds_are_made_by_the_systems_of_the_evaluation(sources, web, tmp_path, monkeypatch, capsys):
    csv_file, _ = sources
    words = ["--test", str(csv_file), "--systems", "truth,silence", "--out", str(tmp_path), "--trials", "2"]
    assert main(["study", "export", *words]) == 0
    key = json.loads((tmp_path / "key.json").read_text())
    heard = {"truth": [], "silence": []}
    for name, clip in key["clips"].items():
        heard[clip["system"]].append(np.abs(read_audio(tmp_path / f"public/media/{name}.mp4", RATE)).max())
    assert min(heard["truth"]) > 0.05 and max(heard["silence"]) < 1e-3
    (tmp_path / "key.json").unlink()
    shutil.rmtree(tmp_path / "public")
    monkeypatch.setattr(sound_store, "code_hash", lambda: "another")
    assert main(["study", "export", *words]) == 2 and "--force" in capsys.readouterr().err
    assert main(["study", "export", *words, "--force"]) == 0


def test_generated_sounds_keep_their_form(web, tmp_path):
    (tmp_path / "pairs.csv").write_text(f"reference,target\n{examples.REFERENCE},{examples.REFERENCE}\n")
    words = ["--test", str(tmp_path / "pairs.csv"), "--systems", "truth,copy", "--out", str(tmp_path / "s")]
    assert main(["study", "export", *words, "--trials", "1", "--practice", "0", "--sentinels", "0"]) == 0
    recording, rate = read_sound(examples.REFERENCE)
    for system in ("truth", "copy"):
        (path,) = (tmp_path / "s/report/sounds" / system).glob("*.wav")
        sound, own = read_sound(path)
        assert own == rate == 44_100 and np.allclose(sound[:, :rate], recording[:, :rate], atol=1e-4), system
    for name in json.loads((tmp_path / "s/key.json").read_text())["clips"]:
        clip, own = read_sound(tmp_path / f"s/public/media/{name}.mp4")
        assert (own, len(clip)) == (rate, 2) and integrated_loudness(clip, own) == pytest.approx(-23, abs=0.6)


def test_an_export_is_replaced_only_when_told_and_never_with_results(exported, sources, capsys):
    folder, key = exported("--trials", "1")
    pairs, sounds = sources
    words = [
        "--test",
        str(pairs),
        "--sounds",
        str(sounds),
        "--systems",
        "ours,noise",
        "--out",
        str(folder),
        "--trials",
        "1",
    ]
    assert main(["study", "export", *words]) == 2
    assert main(["study", "export", *words, "--force"]) == 0
    assert json.loads((folder / "key.json").read_text())["study"] != key["study"]
    (folder / "results").mkdir()
    assert main(["study", "export", *words, "--force"]) == 2
    assert "already holds results" in capsys.readouterr().err
