"""Readers of data sets, on stand-ins in their true layouts: what they list and what they refuse."""

import pytest

from condfoley.data.published import greatest_hits_splits, greatest_hits_test_pairs
from condfoley.data.sources import READERS, countix_av, greatest_hits
from condfoley.data.sources.listing import SplitShares
from condfoley.errors import InputError
from tests.data import stand_ins


def test_the_published_lists_are_complete():
    lists, pairs = greatest_hits_splits(), greatest_hits_test_pairs()
    assert (len(lists.train), len(lists.validation), len(lists.test)) == (873, 753, 97)
    assert lists.validation <= lists.train and not lists.train & lists.test
    assert len(pairs) == 194 and all(len(p.references) == 3 for p in pairs)
    moments = [moment for p in pairs for moment in (p.target, *p.references)]
    assert {m.video for m in moments} == lists.test
    assert sum(sum(p.action_matches) for p in pairs) == 197  # of 582, as published
    assert all(p.target.video != r.video for p in pairs for r in p.references)


def test_greatest_hits_is_listed_with_labels_and_published_test_videos(tmp_path):
    train, test = stand_ins.greatest_hits(tmp_path / "vis-data")
    listing = READERS["greatest-hits"](tmp_path, SplitShares())
    listed = {video.name: video for video in listing.videos}
    assert set(listed) == {*train, *test}
    assert {listed[name].split for name in test} == {"test"}
    assert all(listed[name].split in ("train", "validation") for name in train)
    assert listed[train[0]].sound.suffix == ".wav" and listed[train[-1]].sound.suffix == ".mp4"
    hit, unknown, scratch = listed[test[0]].events
    assert (hit.time, hit.kind, hit.material, hit.reaction, hit.labelled) == (0.8, "hit", "metal", "static", True)
    assert (unknown.kind, unknown.material, unknown.labelled) == ("hit", "", False)  # audible, of unknown kind
    assert (scratch.kind, scratch.material) == ("scratch", "wood")
    missing = dict(listing.absent)
    assert (
        not listing.rejected
        and len(missing) == 970 - len(listed)
        and all("is missing" in reason for reason in missing.values())
    )


def test_the_published_split_trains_on_validation_videos(tmp_path):
    train, test = stand_ins.greatest_hits(tmp_path)
    listed = {video.name: video for video in READERS["greatest-hits"](tmp_path, SplitShares(published=True)).videos}
    assert {listed[name].split for name in train} == {"train"} and listed[test[0]].split == "test"
    # 1,955 of 35,186 clips, all from 753 of 873 videos
    assert listed[train[0]].held_out == pytest.approx(1955 / 35186 * 873 / 753)
    assert listed[test[0]].held_out == 0


def test_another_layout_is_refused_with_the_first_missing_file(tmp_path):
    first = min(greatest_hits_splits().train)
    with pytest.raises(InputError, match=f"{first}_denoised.mp4 is missing"):
        greatest_hits.videos(tmp_path, SplitShares())
    (tmp_path / f"{first}_denoised.mp4").touch()
    with pytest.raises(InputError, match=f"{first}_times.txt is missing"):
        greatest_hits.videos(tmp_path, SplitShares())


@pytest.mark.parametrize("line", ["0.5 metal hit", "soon metal hit static", "0.5 metal kick static"])
def test_a_bad_line_of_annotation_rejects_its_video(tmp_path, line):
    train, _ = stand_ins.greatest_hits(tmp_path, train=2)
    (tmp_path / f"{train[0]}_times.txt").write_text(f"0.1 wood hit None\n{line}\n")
    listing = greatest_hits.videos(tmp_path, SplitShares())
    assert train[0] not in {video.name for video in listing.videos}
    assert "line 2" in dict(listing.rejected)[train[0]]


def test_countix_av_is_listed_from_its_lists(tmp_path):
    stand_ins.countix_av(tmp_path)
    listing = READERS["countix-av"](tmp_path, SplitShares())
    by_origin = {video.origin: video for video in listing.videos}
    assert {origin: video.split for origin, video in by_origin.items()} == {
        "-aB3_xYz012": "train",
        "bbbbbbbbbbb": "train",
        "ccccccccccc": "test",
        "eeeeeeeeeee": "validation",
    }
    whole, part = by_origin["-aB3_xYz012"], by_origin["bbbbbbbbbbb"]
    assert (whole.start, whole.end, whole.label, whole.events) == (0.5, 5.5, "playing drums", None)
    assert (part.start, part.end) == (0.5, 5.5)  # in the stretch's own time
    reasons = dict(listing.rejected)
    assert "test list too" in reasons["train: ccccccccccc"]
    assert "no file" in dict(listing.absent)["train: ddddddddddd"]


def test_short_column_names_serve_as_well(tmp_path):
    stand_ins.struck(tmp_path / "aaaaaaaaaaa.mp4")
    for name in ("train", "val", "test"):
        rows = "aaaaaaaaaaa,1,5\n" if name == "train" else ""
        (tmp_path / f"{name}.csv").write_text("video_id,start,end\n" + rows)
    (video,) = countix_av.videos(tmp_path, SplitShares()).videos
    assert (video.start, video.end, video.label) == (1.0, 5.0, "")


def test_a_missing_list_or_column_is_named(tmp_path):
    with pytest.raises(InputError, match="test.csv is missing"):
        countix_av.videos(tmp_path, SplitShares())
    (tmp_path / "test.csv").write_text("video_id,start\n")
    with pytest.raises(InputError, match="no column end or repetition_end"):
        countix_av.videos(tmp_path, SplitShares())


def test_a_folders_videos_are_split_by_name_only(tmp_path):
    for index in range(12):
        (tmp_path / f"take {index}.v2.mp4").touch()
    shares = SplitShares(validation=0.3, test=0.3)
    before = {video.name: video.split for video in READERS["folder"](tmp_path, shares).videos}
    assert "take-3-v2" in before and set(before.values()) == {"train", "validation", "test"}
    (tmp_path / "another.mp4").touch()
    after = {video.name: video.split for video in READERS["folder"](tmp_path, shares).videos}
    assert before.items() <= after.items()


def test_a_folder_without_videos_is_refused(tmp_path):
    (tmp_path / "sound.wav").touch()
    with pytest.raises(InputError, match="holds no videos"):
        READERS["folder"](tmp_path, SplitShares())
