"""One draft of each window: the flow beside the transformer. `python -m benchmarks.flow --clips DIR --weights DIR`.

DIR: simulated clips that neither was trained on. A window's sound is generated for its picture with another window of the
same clip as reference, decoded, vocoded as it is, and its onsets are compared with the true events, pooled over all
windows. Guidance and steps are chosen on the clips of even number, in the order of their names, and measured on the others;
with --every-choice nothing is chosen, and all are measured on all windows, so that two weights can be compared (E29.1).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from condfoley.audio.onsets import detect_onsets, match_pairs
from condfoley.audio.postfilter import postfilter
from condfoley.data.store import ClipStore
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.networks.flow import Flow, to_specs
from condfoley.networks.transformer import Condition
from condfoley.results.tables import Table, number
from condfoley.runtime.flow_sampling import FlowSampling
from condfoley.runtime.sampling import Sampling, random_streams
from condfoley.training.banks import Drawn, Example, draw_windows, load_examples
from condfoley.training.batches import validation_streams
from condfoley.training.config import DataConfig, TrainConfig
from condfoley.training.features import Features
from condfoley.training.prerequisites import has_part
from condfoley.training.stages.flow import draw_drafts
from condfoley.weights import card_geometry, load_part, read_card

EDGE = 0.05  # s at both ends of a window in which neither true events nor onsets count
WINDOW = 0.1  # s, within which an onset is that of an event
TOGETHER = 16  # windows that are computed at the same time
CHOICES = ((8, 1, 1), (8, 1, 2), (8, 1, 3), (8, 1.5, 3))  # steps, guidance, picture guidance


@dataclass
class Windows:
    """What is measured: pairs of windows, as each generator sees them. Pictures: (B, frames, D) of reference and target."""

    pairs: list[Drawn]
    reference_tokens: Tensor
    target_tokens: Tensor
    sounds: dict[str, tuple[Tensor, Tensor]]  # of reference and target: "codes", "tokens"

    def half(self, names: list[str], odd: bool) -> np.ndarray:
        """Indices of the windows of clips of even or of odd number."""
        return np.array([i for i, pair in enumerate(self.pairs) if names.index(pair.example.clip.name) % 2 == odd])


def read_windows(clips: Path, cache: str | None, weights: Path, count: int) -> tuple[Windows, list[str]]:
    """`count` random pairs of windows of all clips of a folder, and the names of the clips."""
    geometry = card_geometry(read_card(weights))
    data = DataConfig(folder=str(clips), cache=cache, renderings=4, views=1, workers=1)
    config = TrainConfig(stage="flow", weights=str(weights), data=data, geometry=geometry)
    store = ClipStore.open(str(clips), geometry, cache=cache, frame_size=data.frame_size, renderings=4, workers=1)
    every, features = store.train + store.validation, Features(config, store.cache, "cpu")
    every.sort(key=lambda clip: clip.name)
    kinds = {"codes": features.code_windows()}
    if has_part(weights, "flow"):
        sizes = load_part(weights, "flow").config
        kinds["tokens"] = features.sound_tokens(sizes.space, sizes.patch)
    banks = {name: load_examples(every, features, kind) for name, kind in kinds.items()}
    drawn = {name: draw_all(bank, count, geometry) for name, bank in banks.items()}  # the same windows in each
    pairs = drawn["codes"]
    pictures = [torch.from_numpy(np.stack([pair.pictures[i] for pair in pairs])).float() for i in (0, 1)]
    sounds = {name: stacked(found) for name, found in drawn.items()}
    return Windows(pairs, pictures[0], pictures[1], sounds), [clip.name for clip in every]


def draw_all(bank: list[Example], count: int, geometry: Geometry) -> list[Drawn]:
    """`count` pairs, from each clip in turn."""
    streams = validation_streams(count)
    return [draw_windows([bank[i % len(bank)]], rng, 1, geometry, "in_video") for i, rng in enumerate(streams)]


def stacked(pairs: list[Drawn]) -> tuple[Tensor, Tensor]:
    """Sounds of references and of targets."""
    reference, target = (torch.from_numpy(np.stack([pair.sounds[i] for pair in pairs])) for i in (0, 1))
    return reference, target


class Bench:
    """The networks of a weights folder and the windows that they are measured on."""

    def __init__(self, weights: Path, windows: Windows):
        self.windows, self.geometry = windows, card_geometry(read_card(weights))
        names = ("tokenizer", "vocoder", "transformer", *(["flow"] if has_part(weights, "flow") else []))
        self.parts: dict[str, Any] = {name: load_part(weights, name) for name in names}
        self.sampling = Sampling(**read_card(weights).get("sampling", {}))

    def score(self, rows: np.ndarray, make: Callable[[np.ndarray], Tensor]) -> tuple[float, float, float]:
        """F1, precision and recall of onsets, pooled over windows. make: indices -> spectrograms (B, n_mels, M), [-1, 1]."""
        hits = true = heard = 0
        for part in blocks(rows):
            spec01 = ((make(part) + 1) / 2).clamp(0, 1)
            for i, wav in zip(part, self.vocode(spec01), strict=True):
                onsets = inside(detect_onsets(wav, self.geometry.sample_rate)[0], self.seconds)
                events = np.sort(self.events(int(i)))
                hits += len(match_pairs(events, onsets, WINDOW))
                true, heard = true + len(events), heard + len(onsets)
        return 2 * hits / max(1, true + heard), hits / max(1, heard), hits / max(1, true)

    @property
    def seconds(self) -> float:
        """Length of a window."""
        return self.geometry.window_samples / self.geometry.sample_rate

    @torch.no_grad()
    def vocode(self, spec01: Tensor) -> np.ndarray:
        """Waveforms of spectrograms in [0, 1]."""
        vocoder = self.parts["vocoder"]
        return postfilter(vocoder(spec01).numpy(), spec01.numpy(), self.geometry, vocoder.config)

    def events(self, index: int) -> np.ndarray:
        """True times of a window's events, s from its start."""
        pair = self.windows.pairs[index]
        times = np.array([event.time for event in pair.example.clip.events]) - pair.start / self.geometry.fps
        return inside(times, self.seconds)

    def true(self, rows: np.ndarray) -> Tensor:
        """The targets' own sound, coded and decoded: what a transformer could reach."""
        return self._decoded(self.windows.sounds["codes"][1][rows])

    def _decoded(self, codes: Tensor) -> Tensor:
        specs: Tensor = self.parts["tokenizer"].decode(codes.long(), self.geometry.code_rows)[:, 0]
        return specs

    def transformer(self, rows: np.ndarray, pictures: Tensor | None = None) -> Tensor:
        """One draft of the transformer, as its card recommends. pictures: other ones of the targets."""
        w, made = self.windows, []
        pictures = w.target_tokens if pictures is None else pictures
        for i in rows:
            row = slice(int(i), int(i) + 1)
            condition = Condition(pictures[row], w.reference_tokens[row], w.sounds["codes"][0][row].long())
            made.append(self.parts["transformer"].generate(condition, random_streams([int(i)]), self.sampling))
        return self._decoded(torch.cat(made))

    @torch.no_grad()
    def flow(self, rows: np.ndarray, sampling: FlowSampling, pictures: Tensor | None = None) -> Tensor:
        """One draft of the flow."""
        w, model = self.windows, self.parts["flow"]
        assert isinstance(model, Flow)
        pictures = w.target_tokens if pictures is None else pictures
        reference = w.sounds["tokens"][0][rows].float()
        streams = random_streams([int(i) for i in rows])
        made = draw_drafts(model, w.reference_tokens[rows], pictures[rows], reference, streams, sampling)
        return to_specs(made, model.config, self.parts["tokenizer"] if model.config.space == "latents" else None)


def inside(times: np.ndarray, seconds: float) -> np.ndarray:
    """Times that are not at the edges of a window."""
    return times[(times > EDGE) & (times < seconds - EDGE)]


def blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Windows that are computed together."""
    for first in range(0, len(rows), TOGETHER):
        yield rows[first : first + TOGETHER]


def run(options: argparse.Namespace) -> list[Table]:
    """The tables. Raises InputError for what cannot be used."""
    weights = Path(options.weights)
    windows, names = read_windows(Path(options.clips), options.cache, weights, options.windows)
    bench = Bench(weights, windows)
    if options.every_choice:
        return [every_choice(bench, len(names))]
    choice, measured = (windows.half(names, odd) for odd in (False, True))
    strange = windows.target_tokens.roll(len(names) // 2 + 1, 0)  # of another clip
    rows = [("true sound, coded", bench.score(measured, bench.true))]
    rows.append(("transformer", bench.score(measured, bench.transformer)))
    rows.append(("- another clip's picture", bench.score(measured, lambda i: bench.transformer(i, strange))))
    chosen: list[tuple[str, tuple[float, float, float]]] = []
    if "flow" in bench.parts:
        tried = {c: bench.score(choice, lambda i, c=c: bench.flow(i, of(c))) for c in CHOICES}
        chosen = [(said(c), found) for c, found in tried.items()]
        best = max(tried, key=lambda c: tried[c][0])
        rows.append((f"flow, {said(best)}", bench.score(measured, lambda i: bench.flow(i, of(best)))))
        rows.append(("- another clip's picture", bench.score(measured, lambda i: bench.flow(i, of(best), strange))))
    return [
        table(f"One draft: {title}", found, said_of(len(used), f"half of {len(names)}"))
        for title, found, used in (("guidance, chosen here", chosen, choice), ("measured", rows, measured))
        if found
    ]


def every_choice(bench: Bench, clips: int) -> Table:
    """All of CHOICES on all windows. Raises InputError for weights without a flow."""
    if "flow" not in bench.parts:
        raise InputError("--every-choice compares guidances of the generator flow; give weights that have it")
    rows = np.arange(len(bench.windows.pairs))
    found = [(f"flow, {said(c)}", bench.score(rows, lambda i, c=c: bench.flow(i, of(c)))) for c in CHOICES]
    return table("One draft: every guidance", found, said_of(len(rows), str(clips)))


def said_of(count: int, clips: str) -> str:
    """What a table was measured on."""
    return f"onsets within {WINDOW:g} s, pooled over {count} windows of {clips} clips"


def of(choice: tuple[int, float, float]) -> FlowSampling:
    """Steps, guidance and picture guidance."""
    return FlowSampling(choice[0], guidance=choice[1], picture_guidance=choice[2])


def said(choice: tuple[int, float, float]) -> str:
    """The same in words."""
    return f"{choice[0]} steps, guidance {choice[1]:g}, picture guidance {choice[2]:g}"


def table(title: str, rows: Sequence[tuple[str, tuple[float, float, float]]], note: str) -> Table:
    """One table of scores."""
    cells = tuple((name, *(number(x, 3) for x in scores)) for name, scores in rows)
    return Table(title, ("", "F1", "precision", "recall"), cells, (note,))


def main(words: Sequence[str] | None = None) -> int:
    """Run with command-line words; returns the exit code."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.flow", description=__doc__.splitlines()[0])
    p.add_argument("--clips", required=True, help="folder of simulated clips that were not trained on")
    p.add_argument("--weights", default="condfoley/weights", help="weights folder")
    p.add_argument("--cache", help="folder of decoded clips and features (default: .cache in the clips' folder)")
    p.add_argument("--windows", type=int, default=120, help="windows, half of them to choose guidance")
    p.add_argument("--every-choice", action="store_true", help="measure each guidance on all windows, choose none")
    options = p.parse_args(words)
    try:
        for found in run(options):
            print(found.text(), end="\n\n")
    except InputError as error:
        print(f"benchmarks.flow: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
