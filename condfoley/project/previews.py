"""Previews of a cue's alternatives: what is heard around it with each of them."""

from __future__ import annotations

from pathlib import Path

from condfoley.files import scratch_folder
from condfoley.project.edits import choose_alternative
from condfoley.project.model import Project
from condfoley.project.outputs import move_files, plain, rendered

VARIATIONS = "variations"
BEFORE, AFTER = 1.0, 2.0  # s around the cue


def write_previews(folder: Path, project: Project, key: int) -> list[Path]:
    """Writes variations/cue_07_1.wav and so on, in place of those that the cue had; returns their paths.

    Raises InputError when they cannot be written.
    """
    from condfoley.media import write_wav

    cue = project.cue(key)
    first, last = (max(0, round((cue.time + offset) * project.rate)) for offset in (-BEFORE, AFTER))
    with scratch_folder(folder) as work:
        (work / VARIATIONS).mkdir()
        paths = []
        for number in range(1, len(cue.alternatives) + 1):
            sound = rendered(folder, choose_alternative(project, key, number)).sum()[:, first:last]
            path = work / VARIATIONS / f"cue_{key:02d}_{number}.wav"
            paths.append(write_wav(path, plain(sound), project.rate))
        for path in (folder / VARIATIONS).glob(f"cue_{key:02d}_*.wav"):
            path.unlink()
        return move_files(work, folder, paths)
