"""What stays in memory of open projects, and messages in words for the page."""

import numpy as np
import pytest

from condfoley.memory import ByteCache
from condfoley.studio import playing
from condfoley.studio.playing import VERSIONS, Player
from condfoley.studio.revising import edited, gone_to
from condfoley.studio.views import loudness
from condfoley.studio.wording import for_page
from tests.project.conftest import generated, stored


@pytest.fixture
def folders(tmp_path):
    return [stored(tmp_path / name, generated()).path for name in "abc"]


def gain(opened, value):
    return edited(opened, opened.current().revision, [{"op": "change", "cue": 1, "values": {"gain": value}}])


def test_sounds_of_projects_are_kept_as_far_as_the_budget_goes(folders):
    player = Player()
    for folder in folders:
        with player.opened(folder) as opened:
            opened.version()
    one = player.bytes / 3
    assert one >= 3 * 22050 * 4
    small = Player(int(2.5 * one))
    for folder in (*folders, folders[2]):
        with small.opened(folder) as opened:
            opened.version()
        assert small.bytes <= small.budget
    with small.opened(folders[2]) as opened:
        assert opened.versions  # the last used one is still there
    with small.opened(folders[0]) as opened:
        assert not opened.versions and opened.version().project.revision == 1
    tiny = Player(1)
    with tiny.opened(folders[0]) as opened:
        opened.version()
        gain(opened, 2)
        first = opened.version(1).sound()
    assert len(opened.versions) == 1 and first.shape == (1, 3 * 22050)


def test_revisions_share_what_is_the_same_and_the_oldest_is_forgotten(folders):
    player = Player()
    with player.opened(folders[0]) as opened:
        opened.version().sound(("main",))
        alone = opened.count_bytes()
        for k in range(VERSIONS + 3):
            version = gain(opened, -1 - k).version
            assert ("main",) in version.sounds
            assert np.array_equal(version.sound(("main",))[:, :], version.sound()[:, :])
        assert len(opened.versions) == VERSIONS and 1 not in opened.versions
        assert opened.count_bytes() < VERSIONS * alone
        before = opened.version(2).sound()[:, :]
        assert np.array_equal(gone_to(opened, 2).version.sound()[:, :], before)


def test_measuring_much_waits_until_somebody_asks(folders, monkeypatch):
    monkeypatch.setattr(playing, "AT_ONCE", 0)
    with Player().opened(folders[0]) as opened:
        version = opened.version()
        assert loudness(version) == {"integrated_lufs": None, "true_peak_db": None, "pending": True}
        found = loudness(version, measure=True)
        assert found["integrated_lufs"] < 0 and not found["pending"] and loudness(version) == found
        later = gain(opened, 6).version
        assert loudness(later)["pending"] and later.known is version.meters
        assert loudness(later, measure=True)["integrated_lufs"] != found["integrated_lufs"]


def test_a_project_that_is_forgotten_is_read_again(folders):
    player = Player()
    with player.opened(folders[0]) as opened:
        opened.version()
        player.forget(folders[0])
    assert player.bytes == 0
    with player.opened(folders[0]) as again:
        assert again is not opened


def test_arrays_are_kept_within_their_bytes():
    cache, made = ByteCache(1000), []

    def make(size):
        made.append(size)
        return np.zeros(size, np.uint8)

    for key, size in [("a", 400), ("b", 400), ("a", 400), ("c", 400), ("a", 400), ("b", 400), ("d", 5000), ("d", 5000)]:
        assert len(cache.get(key, lambda: make(size))) == size  # noqa: B023
    assert made == [400, 400, 400, 400, 5000] and cache.bytes == 5000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "cue 3 keeps its sound; draw it anew with `condfoley redo PROJECT --cue 3`",
            "cue 3 keeps its sound; draw it anew",
        ),
        ("cue 7 is locked; set its column locked to 0 to change it", "cue 7 is locked; unlock it to change it"),
        ("/srv/a b/projects/1/sounds/main.flac is missing; copy it back", "sounds/main.flac is missing; copy it back"),
        ("/home/me/clips/x.mp4 was moved; say where it is with --target", "x.mp4 was moved; say where it is"),
        ("/srv/a b/projects/1 is damaged", "the project is damaged"),
        ("no quiet part; give a file with --ambience FILE", "no quiet part; give a file"),
        ("1/2 and a/b stay", "1/2 and a/b stay"),
    ],
)
def test_messages_are_in_words_for_the_page(text, words):
    assert for_page(text, ("/srv/a b/projects/1", "/srv/a b")) == words
