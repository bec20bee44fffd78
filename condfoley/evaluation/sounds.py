"""Each system's sound for each pair, stored as REPORT/sounds/SYSTEM/PAIR.wav; our own systems' are generated once."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.audio.track import Track
from condfoley.errors import InputError
from condfoley.evaluation.clips import METRIC_GEOMETRY, Pair
from condfoley.evaluation.systems import System, SystemContext, SystemSpec
from condfoley.files import make_folder, write_json
from condfoley.networks.judges import PART
from condfoley.weights import GUIDED, SHIPPED, read_card, sha256, tree_hash

SOUNDS, SETTINGS = "sounds", "sounds.json"
SOUND_CODE = (
    "*.py",
    *(
        f"{room}/*.py"
        for room in (
            "audio",
            "comping",
            "cues",
            "drafting",
            "files",
            "matching",
            "media",
            "networks",
            "published",
            "published/diffusion",
            "references",
            "resynthesis",
            "runtime",
        )
    ),
    "project/model.py",
    *(f"evaluation/{name}.py" for name in ("baselines", "catalogue", "clips", "published_scorer", "sounds", "systems")),
)
"""Files of ours that can change a sound; a superset, so that sounds are generated again too often rather than too rarely."""
LENGTH_TOLERANCE = 0.1  # s; larger differences of length are reported


@dataclass(frozen=True)
class Output:
    """What a system returned for a pair. failure: why there is no sound. remark: what was corrected."""

    path: Path
    failure: str = ""
    remark: str = ""

    @property
    def wav(self) -> np.ndarray:
        """(N,) float32 at the metrics' rate. Raises InputError when the file cannot be read."""
        from condfoley.media import read_audio

        return read_audio(self.path, METRIC_GEOMETRY.sample_rate)


def sound_settings(context: SystemContext) -> dict[str, Any]:
    """Everything that stored sounds depend on, as JSON values: hashes of clips and code, weights, candidates, seed."""
    card = read_card(Path(context.weights) if context.weights else SHIPPED)
    hashes = {clip.path: sha256(clip.path) for pair in context.pairs for clip in (pair.target, pair.reference)}
    return {
        "pairs": {pair.name: [hashes[pair.target.path], hashes[pair.reference.path]] for pair in context.pairs},
        "weights": {name: part["sha256"] for name, part in card["parts"].items() if name not in (PART, GUIDED)},
        "sampling": card.get("sampling", {}),
        "candidates": context.candidates,
        "seed": context.seed,
        "render": context.render,
        "code": code_hash(),
    }


def code_hash() -> str:
    """Hash of the files in SOUND_CODE."""
    root = Path(__file__).parents[1]
    return tree_hash(root, (path for pattern in SOUND_CODE for path in root.glob(pattern)))


def claim_folder(home: Path, settings: dict[str, Any], force: bool) -> None:
    """Records the settings in a report folder; with `force`, sounds of other settings in it are deleted.

    Raises InputError when it holds sounds of other settings.
    """
    path = home / SETTINGS
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            found = {}
        other = [name for name in settings if found.get(name) != settings[name]]
        if other and not force:
            raise InputError(f"{home} has sounds with another {other[0]}; choose another --out, or --force to replace")
        if other:
            shutil.rmtree(home / SOUNDS, ignore_errors=True)
    make_folder(home)
    write_json(path, settings)


def build_systems(
    specs: Sequence[SystemSpec], context: SystemContext, home: Path, force: bool = False
) -> dict[SystemSpec, System]:
    """The systems as functions; the model is loaded if one that needs it lacks a sound in `home`.

    force: stored sounds may be deleted, so that any may be lacking.
    Raises InputError for a system that cannot be built at all, such as weights that cannot be loaded.
    """
    built = {spec: spec.build(context) for spec in specs}
    paths = [_sound_path(home, spec, pair) for spec in specs if spec.needs_model for pair in context.pairs]
    if paths and (force or not all(path.is_file() for path in paths)):
        _ = context.foley
    return built


def _sound_path(home: Path, spec: SystemSpec, pair: Pair) -> Path:
    return home / SOUNDS / spec.name / f"{pair.name}.wav"


def generate_all(
    built: Mapping[SystemSpec, System], context: SystemContext, home: Path, quiet: bool = False
) -> dict[str, dict[str, Output]]:
    """Outputs by system and pair. built: as from `build_systems`.

    A system that fails on a pair is recorded as failed, and called again by the next run.
    """
    from tqdm import tqdm

    outputs: dict[str, dict[str, Output]] = {spec.name: {} for spec in built}
    with tqdm(total=len(built) * len(context.pairs), desc="sounds", unit="sound", disable=quiet or None) as bar:
        for spec, system in built.items():
            make_folder(home / SOUNDS / spec.name)
            for pair in context.pairs:
                path = _sound_path(home, spec, pair)
                stored = spec.cached and path.is_file()
                output = Output(path) if stored else _run_system(system, pair, path)
                outputs[spec.name][pair.name] = output
                bar.update()
                if output.failure or output.remark:
                    message = f"condfoley: {spec.name}, {pair.name}: {output.failure or output.remark}"
                    bar.write(message, file=sys.stderr)
    return outputs


def _run_system(system: System, pair: Pair, path: Path) -> Output:
    from condfoley.media import write_wav

    rate = METRIC_GEOMETRY.sample_rate
    try:
        made = system(pair)
        if isinstance(made, Track):
            wav, rate = made.samples, made.rate
            wav, remark = fit_channels(wav, rate, len(pair.target.wav) / METRIC_GEOMETRY.sample_rate)
        else:
            wav, remark = fit_length(made, len(pair.target.wav))
    except Exception as error:  # noqa: BLE001 - whatever a system does, the others are measured
        path.unlink(missing_ok=True)  # only now: a system may read its sounds from this very folder
        reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        return Output(path, failure=" ".join(reason.split()))
    return Output(write_wav(path, wav, rate), remark=remark)


def fit_channels(samples: np.ndarray, rate: int, seconds: float) -> tuple[np.ndarray, str]:
    """As `fit_length` for a sound of any rate, Hz, and channels: (C, N) -> (C, seconds * rate) float32."""
    if not np.isfinite(samples).all():
        raise InputError("returned samples that are no numbers")
    count = round(seconds * rate)
    fitted = np.pad(samples[:, :count], ((0, 0), (0, max(0, count - samples.shape[1])))).astype(np.float32)
    return fitted, _remark(samples.shape[1] / rate - seconds)


def _remark(excess: float) -> str:
    """What is said of a sound that is `excess` s too long; nothing for a small difference."""
    if abs(excess) <= LENGTH_TOLERANCE:
        return ""
    return f"{abs(excess):.2f} s too {'long, cut' if excess > 0 else 'short, padded with silence'}"


def fit_length(wav: np.ndarray, samples: int) -> tuple[np.ndarray, str]:
    """A sound cut, or padded with silence, to (samples,) float32; and a remark if its length was different.

    Raises InputError when it is not one channel of finite numbers.
    """
    wav = np.asarray(wav, np.float32)
    if wav.ndim != 1 or not np.isfinite(wav).all():
        rate = METRIC_GEOMETRY.sample_rate
        raise InputError(
            f"returned an array of shape {wav.shape}; one channel of finite samples at {rate} Hz is needed"
        )
    excess = (len(wav) - samples) / METRIC_GEOMETRY.sample_rate
    return np.pad(wav[:samples], (0, max(0, samples - len(wav)))), _remark(excess)
