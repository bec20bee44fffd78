"""Materials of recordings and clips, and the coarser ones that a classifier tells apart."""

from __future__ import annotations

from collections.abc import Collection

GROUPS = {
    "body": ("body", "punch"),
    "ceramic": ("ceramic",),
    "cloth": ("carpet", "cloth", "footstep_carpet", "leather", "soft"),
    "drum": ("drum",),
    "glass": ("glass",),
    "ground": ("footstep_grass", "footstep_rpg", "footstep_snow", "grass", "gravel"),
    "metal": ("bell", "cymbal", "metal", "tin"),
    "paper": ("paper",),
    "plastic": ("plastic",),
    "stone": ("footstep_concrete", "mining", "rock"),
    "water": ("water",),
    "wood": ("footstep_wood", "plank", "wood"),
}
"""Group: the materials in it, by what is struck: kinds of objects of one material (a bell, a cymbal, a tin) and steps on it
are the same. Recordings that name no material (`generic`, `snap`, `rubber`, `misc`, `ui`) are in none."""
GROUP_OF = {name: group for group, names in GROUPS.items() for name in names}


def label_of(material: str, labels: Collection[str]) -> str:
    """The label for a clip's material: itself if it is one, else its group; empty when that is no label either."""
    if material in labels:
        return material
    group = GROUP_OF.get(material, "")
    return group if group in labels else ""
