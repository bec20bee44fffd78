"""A check of Final Cut Pro 7 XML, version 5: which elements there are, what each holds, and whether it agrees with itself.

Elements and their contents are those of Apple's "Final Cut Pro XML Interchange Format"; `ppro...` and the attributes
`premiere...` are Premiere Pro's own. "name" is required once, "name?" may be missing, "name*" may be repeated.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as xml

RATE, SAMPLES = "timebase ntsc", "depth samplerate"
PICTURE = "rate width height anamorphic pixelaspectratio fielddominance"
CONTENT = {
    "xmeml": "sequence",
    "sequence": "name duration rate timecode media marker*",
    "rate": RATE,
    "timecode": "rate string frame displayformat",
    "marker": "name comment in out",
    "sequence/media": "video audio",
    "sequence/media/video": "format track*",
    "sequence/media/audio": "numOutputChannels? format track*",
    "video/format": "samplecharacteristics",
    "audio/format": "samplecharacteristics",
    "video/format/samplecharacteristics": PICTURE,
    "audio/format/samplecharacteristics": SAMPLES,
    "video/track": "clipitem* enabled locked",
    "audio/track": "clipitem* enabled locked outputchannelindex?",
    "clipitem": "name enabled duration rate start end in out pproTicksIn? pproTicksOut? file sourcetrack? link*",
    "sourcetrack": "mediatype trackindex",
    "link": "linkclipref mediatype trackindex clipindex",
    "file": "name pathurl rate duration timecode media",
    "file/media": "video? audio?",
    "file/media/video": "samplecharacteristics",
    "file/media/audio": "samplecharacteristics channelcount",
    "file/media/video/samplecharacteristics": PICTURE,
    "file/media/audio/samplecharacteristics": SAMPLES,
}
NUMBERS = set("duration timebase frame in out start end width height depth samplerate channelcount trackindex".split())
NUMBERS |= {"clipindex", "numOutputChannels", "outputchannelindex", "pproTicksIn", "pproTicksOut"}
WORDS = {
    "ntsc": "TRUE|FALSE",
    "enabled": "TRUE|FALSE",
    "locked": "TRUE|FALSE",
    "anamorphic": "FALSE",
    "pixelaspectratio": "square",
    "fielddominance": "none",
    "displayformat": "DF|NDF",
    "string": r"\d\d:\d\d:\d\d[:;]\d\d",
    "mediatype": "video|audio",
    "pathurl": r"[!-~]+",
    "timebase": "24|25|30|48|50|60|100|120",
    "channelcount": "1|2",
    "numOutputChannels": "2",
}


def check(text: str, dialect: str) -> xml.Element:
    """The document's root. Raises AssertionError where it is not as editors read it. dialect: premiere or resolve."""
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n')
    root = xml.fromstring(text)
    assert root.tag == "xmeml" and root.get("version") == "5"
    _check_element(root, "xmeml", dialect)
    _check_references(root)
    premiere = dialect == "premiere"
    assert (root.find("sequence").get("explodedTracks") == "true") == premiere
    assert (root.find("sequence/media/audio/numOutputChannels") is not None) == premiere
    for track in root.findall("sequence/media/audio/track"):
        assert (track.get("premiereTrackType") in ("Mono", "Stereo")) == premiere
        assert (track.find("outputchannelindex") is not None) == premiere
    for item in root.iter("clipitem"):
        assert (item.find("pproTicksIn") is not None) == premiere
        _check_places(item, root)
    return root


def _check_element(element: xml.Element, path: str, dialect: str) -> None:
    wanted = next((CONTENT[key] for key in _endings(path) if key in CONTENT), None)
    if wanted is None:
        assert not len(element), f"{path} holds elements"
        value = element.text or ""
        if element.tag == "duration" and not value:
            assert path.endswith("file/duration") and dialect == "resolve", path
        elif element.tag in NUMBERS:
            assert re.fullmatch(r"\d+" if not path.endswith("marker/out") else r"\d+|-1", value), f"{path}: {value}"
        if element.tag in WORDS:
            assert re.fullmatch(WORDS[element.tag], value), f"{path}: {value}"
        return
    if element.tag == "file" and not len(element):
        return  # described before
    counts = {child.tag: len(element.findall(child.tag)) for child in element}
    for rule in wanted.split():
        count = counts.pop(rule.rstrip("?*"), 0)
        assert rule[-1] == "*" or count == 1 or (rule[-1] == "?" and not count), f"{path}: {count} of {rule}"
    assert not counts, f"{path} holds {set(counts)}"
    for child in element:
        _check_element(child, f"{path}/{child.tag}", dialect)


def _endings(path: str) -> list[str]:
    """The path's ends, the longest first."""
    parts = path.split("/")
    return ["/".join(parts[first:]) for first in range(len(parts))]


def _check_references(root: xml.Element) -> None:
    """Ids are unique, files are described once and first, links lead to clips where they say."""
    items = list(root.iter("clipitem"))
    ids = [item.get("id") for item in items]
    assert len(set(ids)) == len(ids) and None not in ids
    seen: set[str | None] = set()
    for file in root.iter("file"):
        assert bool(len(file)) == (file.get("id") not in seen)
        seen.add(file.get("id"))
    places = {}
    for medium in ("video", "audio"):
        for number, track in enumerate(root.findall(f"sequence/media/{medium}/track"), 1):
            for index, item in enumerate(track.findall("clipitem"), 1):
                places[item.get("id")] = (medium, str(number), str(index))
    for link in root.iter("link"):
        found = tuple(link.findtext(key) for key in ("mediatype", "trackindex", "clipindex"))
        assert places[link.findtext("linkclipref")] == found


def _check_places(item: xml.Element, root: xml.Element) -> None:
    """What is used of a file is as long as its place, and inside the file and the sequence."""
    start, end, first, last = (int(item.findtext(key)) for key in ("start", "end", "in", "out"))
    assert end - start == last - first > 0
    assert end <= int(root.findtext("sequence/duration")) + 1
