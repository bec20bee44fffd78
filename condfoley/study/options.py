"""Options of `condfoley study export | serve | analyse`; attribute docstrings are the help texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from condfoley.errors import InputError, require_at_least
from condfoley.settings import RENDERERS, Render


@dataclass(kw_only=True)
class ExportOptions:
    """Write a listening study as a static web page, and its key."""

    test: str
    """CSV of pairs with the columns reference, target and optionally name; or another test set of
    `condfoley evaluate`: simulated:N, greatest-hits:DIR, a folder of clips."""
    systems: str
    """Systems to compare, separated by commas: folders in --sounds, or else systems of `condfoley evaluate`."""
    out: str
    """Folder to write: public/ is the page to publish, key.json is secret."""
    sounds: str | None = None
    """Report of `condfoley evaluate`, or a folder with SYSTEM/NAME.wav (default: sounds are generated in OUT/report)."""
    render: Render | None = None
    """What makes the sounds of systems that are ours, where they are generated, as in `condfoley generate`: recorded: the
    reference's own samples, at its rate and with its channels; vocoder: the model alone, mono (default: recorded)."""
    method: Literal["forced-choice", "rating", "opinion"] = "forced-choice"
    """Two sounds and a choice; all systems rated from 0 to 100 side by side (like MUSHRA); one rated from 1 to 5 (MOS)."""
    compare: Literal["anchor", "all"] = "anchor"
    """forced-choice: each system with the anchor, or all pairs of systems."""
    anchor: str | None = None
    """The system that the others are compared with (default: the first of --systems)."""
    trials: int = 20
    """Trials of a participant, not counting practice and sentinels; each with another target."""
    judgements: int = 4
    """Judgements of every target for every pair of systems; rounded up until all participants have the same number."""
    practice: int = 2
    """Practice trials with feedback."""
    sentinels: int = 3
    """Trials with an obviously wrong sound, which detect inattentive participants."""
    headphone_rounds: int = 3
    """Rounds of the headphone check (0: none)."""
    loudness: float = -23.0
    """Loudness of all sounds, LUFS (ITU-R BS.1770)."""
    height: int = 360
    """Largest height of the videos, pixels."""
    endpoint: str = ""
    """Address that answers are sent to, if it is another server than the page's own; https://..."""
    prolific_code: str = ""
    """Prolific's completion code of the study; participants are redirected with it at the end."""
    texts: str | None = None
    """JSON file with all texts in another language (default: English)."""
    seed: int = 0
    """Seed of the plan: which trials each participant gets, with which sides and order."""
    force: bool = False
    """Replace an earlier export in the output folder, but not its results."""

    def __post_init__(self) -> None:
        """Raise InputError for invalid options."""
        for name, least in (("trials", 1), ("judgements", 1), ("practice", 0), ("sentinels", 0), ("height", 64)):
            require_at_least(name, getattr(self, name), least)
        require_at_least("headphone-rounds", self.headphone_rounds, 0)
        require_at_least("seed", self.seed, 0)
        if self.render not in (None, *RENDERERS):
            raise InputError(f"--render is {self.render!r}; give {' or '.join(RENDERERS)}")
        if self.render and self.sounds:
            raise InputError(
                "--render is of sounds that are generated, and --sounds has them; leave out one of the two"
            )
        if not -70 < self.loudness < 0:
            raise InputError(f"--loudness is {self.loudness:g}; give LUFS between -70 and 0, such as -23")
        if self.endpoint and not self.endpoint.startswith(("https://", "http://")):
            raise InputError(f"--endpoint is {self.endpoint}; give an address that starts with https://")
        if not self.prolific_code.isalnum() and self.prolific_code:
            raise InputError(
                f"--prolific-code is {self.prolific_code}; give the letters and digits that Prolific shows"
            )


@dataclass(kw_only=True)
class ServeOptions:
    """Serve an exported study and store its answers."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for all network interfaces."""
    port: int = 8000
    """Port to listen on."""
    results: str | None = None
    """Database of the answers (default: results/answers.sqlite in the study's folder)."""
    rate: float = 20.0
    """Requests a second allowed to one client address, on average."""
    burst: int = 200
    """Requests allowed to one client address at once."""
    trust_proxy: str = ""
    """Address of a reverse proxy whose X-Forwarded-For names the client."""

    def __post_init__(self) -> None:
        """Raise InputError for numbers out of range."""
        if not 0 <= self.port <= 65535:
            raise InputError(f"--port is {self.port}; give a number from 0 to 65535")
        if not self.rate > 0:
            raise InputError(f"--rate is {self.rate:g}; give a number above 0")
        require_at_least("burst", self.burst, 1)


@dataclass(kw_only=True)
class AnalyseOptions:
    """Analyse the results of a listening study."""

    key: str | None = None
    """key.json of the study (default: beside the results folder)."""
    out: str | None = None
    """Folder for index.html, the tables and the figure (default: analysis/ beside the key)."""
    sentinels_passed: float = 0.6
    """Fraction of the sentinels that a participant must recognise to be kept."""
    keep_unfinished: bool = False
    """Keep the answers of participants who left early."""
    require_headphones: bool = False
    """Exclude participants who failed the headphone check (fewer than two thirds right)."""
    mturk: str | None = None
    """MTurk's batch results to fill in: writes assignments.csv with the columns Approve and Reject."""
    force: bool = False
    """Replace an earlier analysis."""

    def __post_init__(self) -> None:
        """Raise InputError for numbers out of range."""
        if not 0 <= self.sentinels_passed <= 1:
            raise InputError(f"--sentinels-passed is {self.sentinels_passed:g}; give a fraction from 0 to 1")
