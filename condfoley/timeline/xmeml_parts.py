"""Elements that occur in several places of Final Cut Pro 7's XML."""

from __future__ import annotations

from fractions import Fraction
from xml.etree import ElementTree as xml

from condfoley.media.timecode import Timecode, counted
from condfoley.timeline.model import Picture
from condfoley.timeline.urls import plain_text


def leaf(parent: xml.Element, name: str, value: object = "") -> xml.Element:
    """A new element with a text inside another one."""
    element = xml.SubElement(parent, name)
    element.text = plain_text(str(value)) or None
    return element


def rate(parent: xml.Element, fps: Fraction) -> None:
    """The element `rate`: 30 and TRUE for 29.97."""
    element = xml.SubElement(parent, "rate")
    leaf(element, "timebase", counted(fps))
    leaf(element, "ntsc", "FALSE" if fps.denominator == 1 else "TRUE")


def timecode(parent: xml.Element, start: Timecode) -> None:
    """The element `timecode` of what begins with this frame."""
    element = xml.SubElement(parent, "timecode")
    rate(element, start.rate)
    leaf(element, "string", start)
    leaf(element, "frame", start.frames)
    leaf(element, "displayformat", "DF" if start.drop else "NDF")


def size(parent: xml.Element, picture: Picture) -> None:
    """The element `samplecharacteristics` of a picture."""
    sample = xml.SubElement(parent, "samplecharacteristics")
    rate(sample, picture.start.rate)
    leaf(sample, "width", picture.width)
    leaf(sample, "height", picture.height)
    leaf(sample, "anamorphic", "FALSE")
    leaf(sample, "pixelaspectratio", "square")
    leaf(sample, "fielddominance", "none")


def sound(parent: xml.Element, bits: int, sample_rate: int) -> None:
    """The element `samplecharacteristics` of a sound."""
    sample = xml.SubElement(parent, "samplecharacteristics")
    leaf(sample, "depth", bits)
    leaf(sample, "samplerate", sample_rate)
