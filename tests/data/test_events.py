"""Events as JSON: with and without what only annotated data sets know."""

from condfoley.data.events import Event


def test_events_of_older_files_still_load():
    old = {"time": 0.5, "kind": "scratch", "duration": 0.3, "strength": 0.4, "x": 0.1, "y": 0.2}
    event = Event.from_dict(old)
    assert event.labelled and event.material == event.reaction == ""
    assert event.to_dict() == old  # nothing is said that nobody knows


def test_what_a_data_set_says_is_kept():
    event = Event(0.5, "hit", material="metal", reaction="static", labelled=False)
    assert Event.from_dict(event.to_dict()) == event
