"""Readers of data sets: each lists the videos of a folder with their metadata, without decoding them.

A reader is `videos(source, shares) -> Listing`; `READERS` names them all.
"""

from __future__ import annotations

from condfoley.data.sources import countix_av, folder, greatest_hits

READERS = {"greatest-hits": greatest_hits.videos, "countix-av": countix_av.videos, "folder": folder.videos}
