"""A timeline in Final Cut Pro 7's XML, in two dialects: what Premiere Pro reads is not what DaVinci Resolve reads.

Elements are those of Apple's "Final Cut Pro XML Interchange Format", version 5. Times are frames; Premiere Pro has its own
exact ones beside them, in which a sound slipped by less than a frame stays where it was. Files' own timecode counts from
their first frame, in and out points do not. Premiere Pro takes one channel a track and says which tracks belong together;
Resolve takes a file's channels together, and wants a file's duration empty and a clip to be linked to itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal
from xml.etree import ElementTree as xml

from condfoley.timeline.model import Clip, Lane, Media, Picture, Timeline
from condfoley.timeline.urls import Address
from condfoley.timeline.xmeml_parts import leaf, rate, size, sound, timecode

Dialect = Literal["premiere", "resolve"]
TICKS = 254_016_000_000
"""Of Premiere Pro's clock in a second: whole ones in each frame and each sample."""
SEQUENCE_RATE = 48_000
"""Hz, of the sequence: editors have none below 32 kHz, and convert sounds of another rate as they play them."""


def to_text(timeline: Timeline, dialect: Dialect, address: Address) -> str:
    """The content of a .xml file. address: how it names files."""
    root = _Writer(timeline, dialect, address).document()
    xml.indent(root)
    body = xml.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n{body}\n'


@dataclass
class _Writer:
    """One document. known: ids of the files that were described already."""

    timeline: Timeline
    dialect: Dialect
    address: Address
    known: dict[object, str] = field(default_factory=dict)

    def document(self) -> xml.Element:
        """The element `xmeml`."""
        timeline, picture = self.timeline, self.timeline.picture
        root = xml.Element("xmeml", version="5")
        sequence = xml.SubElement(root, "sequence", id="sequence-1")
        if self.dialect == "premiere":
            sequence.set("explodedTracks", "true")
        leaf(sequence, "name", timeline.name)
        leaf(sequence, "duration", picture.frames)
        rate(sequence, timeline.fps)
        timecode(sequence, picture.start)
        media = xml.SubElement(sequence, "media")
        self._video(xml.SubElement(media, "video"))
        self._audio(xml.SubElement(media, "audio"))
        for mark in timeline.marks:
            marker = xml.SubElement(sequence, "marker")
            begin = timeline.frame(mark.begin)
            leaf(marker, "name", mark.name)
            leaf(marker, "comment", f"{mark.note} at {float(timeline.seconds(mark.begin)):.6f} s")
            leaf(marker, "in", begin)
            leaf(marker, "out", max(begin, timeline.frame(mark.begin + mark.length)) if mark.length else -1)
        return root

    def _video(self, video: xml.Element) -> None:
        picture = self.timeline.picture
        size(xml.SubElement(video, "format"), picture)
        track = xml.SubElement(video, "track")
        item = xml.SubElement(track, "clipitem", id="picture")
        self._place(item, picture.path.name, (0, picture.frames, 0), True)
        if self.dialect == "premiere":
            self._ticks(item, Fraction(0), picture.frames / self.timeline.fps)
        self._file(item, picture)
        self._links(item, [("picture", "video", 1, 1), *self._linked()])
        leaf(track, "enabled", "TRUE")
        leaf(track, "locked", "FALSE")

    def _audio(self, audio: xml.Element) -> None:
        if self.dialect == "premiere":
            leaf(audio, "numOutputChannels", 2)
        sound(xml.SubElement(audio, "format"), 24, SEQUENCE_RATE)
        for number, lane, channel in self._tracks():
            track = xml.SubElement(audio, "track")
            if self.dialect == "premiere":
                track.set("currentExplodedTrackIndex", str(channel - 1))
                track.set("totalExplodedTrackCount", str(lane.channels))
                track.set("premiereTrackType", _type(lane))
            for index, clip in enumerate(lane.clips, 1):
                self._clip(track, lane, clip, (number, index, channel))
            leaf(track, "enabled", "TRUE")
            leaf(track, "locked", "FALSE")
            if self.dialect == "premiere":
                leaf(track, "outputchannelindex", channel)

    def _tracks(self) -> Iterator[tuple[int, Lane, int]]:
        """Number of each track of sound, from 1, its lane, and the channel that it has of it, from 1."""
        parts = [
            (lane, channel)
            for lane in self.timeline.lanes
            for channel in range(1, lane.channels + 1 if self.dialect == "premiere" else 2)
        ]
        yield from ((number, *part) for number, part in enumerate(parts, 1))

    def _linked(self) -> list[tuple[str, str, int, int]]:
        """Id, medium, track and number of the clips that belong to the picture: those of layers that play."""
        lanes = [(number, lane) for number, lane, _ in self._tracks() if lane.enabled]
        return [(f"clip-{number}-1", "audio", number, 1) for number, lane in lanes if len(lane.clips) == 1]

    def _clip(self, track: xml.Element, lane: Lane, clip: Clip, where: tuple[int, int, int]) -> None:
        """A part of a sound. where: number of its track, its own there, and its channel."""
        number, index, channel = where
        key = f"clip-{number}-{index}"
        item = xml.SubElement(track, "clipitem", id=key)
        begin, end = self.timeline.frame(clip.begin), self.timeline.frame(clip.end)
        self._place(item, clip.name, (begin, max(end, begin + 1), self.timeline.frame(clip.offset)), lane.enabled)
        if self.dialect == "premiere":
            item.set("premiereChannelType", _type(lane).lower())
            self._ticks(item, *(self.timeline.seconds(s) for s in (clip.offset, clip.offset + clip.length)))
        self._file(item, clip.media)
        source = xml.SubElement(item, "sourcetrack")
        leaf(source, "mediatype", "audio")
        leaf(source, "trackindex", 1)  # a file's only stream
        linked = self._linked()
        if key in [link[0] for link in linked]:
            self._links(item, [("picture", "video", 1, 1), *linked])

    def _place(self, item: xml.Element, name: str, place: tuple[int, int, int], enabled: bool) -> None:
        """place: begin and end on the timeline, and the file's frame at the beginning."""
        begin, end, first = place
        leaf(item, "name", name)
        leaf(item, "enabled", "TRUE" if enabled else "FALSE")
        leaf(item, "duration", self.timeline.picture.frames)
        rate(item, self.timeline.fps)
        for key, value in (("start", begin), ("end", end), ("in", first), ("out", first + end - begin)):
            leaf(item, key, value)

    def _ticks(self, item: xml.Element, first: Fraction, last: Fraction) -> None:
        leaf(item, "pproTicksIn", round(first * TICKS))
        leaf(item, "pproTicksOut", round(last * TICKS))

    def _file(self, item: xml.Element, source: Picture | Media) -> None:
        """A file: described where it is used first, named by its id from then on."""
        if source.path in self.known:
            xml.SubElement(item, "file", id=self.known[source.path])
            return
        self.known[source.path] = key = f"file-{len(self.known) + 1}"
        file = xml.SubElement(item, "file", id=key)
        leaf(file, "name", source.path.name)
        leaf(file, "pathurl", self.address(source.path))
        rate(file, self.timeline.fps)
        leaf(file, "duration", "" if self.dialect == "resolve" else self.timeline.picture.frames)
        timecode(file, self.timeline.picture.start)
        media = xml.SubElement(file, "media")
        if isinstance(source, Picture):
            size(xml.SubElement(media, "video"), source)
            return
        audio = xml.SubElement(media, "audio")
        sound(audio, source.bits, self.timeline.rate)
        leaf(audio, "channelcount", source.channels)

    def _links(self, item: xml.Element, linked: list[tuple[str, str, int, int]]) -> None:
        """Says which clips move together."""
        for key, medium, track, index in linked if len(linked) > 1 else []:
            link = xml.SubElement(item, "link")
            leaf(link, "linkclipref", key)
            leaf(link, "mediatype", medium)
            leaf(link, "trackindex", track)
            leaf(link, "clipindex", index)


def _type(lane: Lane) -> str:
    """As Premiere Pro calls a track and its clips."""
    return "Stereo" if lane.channels == 2 else "Mono"
