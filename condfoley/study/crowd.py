"""Crowd platforms: pseudonyms of workers, completion codes, MTurk's table of assignments."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
from collections.abc import Mapping
from pathlib import Path

from condfoley.errors import InputError, why

RESULTS_COLUMN = "Answer.results"
"""MTurk's column with what our page submits."""
CODE_COLUMNS = ("Answer.surveycode", "Answer.code", "Answer.completion_code")
"""Columns with the code that a worker typed, in MTurk's survey-link layout and its common variants."""


def participant(secret: str, worker: str) -> str:
    """A pseudonym of a platform's worker, the same in all sessions of a study; "" without a worker."""
    return _keyed(secret, "worker:" + worker)[:16] if worker else ""


def completion_code(secret: str, session: str) -> str:
    """The code that a participant gives the platform to be paid; it cannot be guessed without the key."""
    return _keyed(secret, "code:" + session)[:10].upper()


def read_table(path: Path) -> list[dict[str, str]]:
    """MTurk's batch results, a row for each assignment. Raises InputError for any other file."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            csv.field_size_limit(4 << 20)  # a whole session is in one cell
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path} ({why(error)}); give MTurk's batch results") from None
    if not rows or not {"AssignmentId", "WorkerId"} <= rows[0].keys():
        raise InputError(f"{path} has no columns AssignmentId and WorkerId; give MTurk's batch results")
    return rows


def approvals(
    rows: list[dict[str, str]], codes: Mapping[str, str], submitted: Mapping[str, str], excluded: Mapping[str, str]
) -> str:
    """MTurk's table with Approve and Reject filled in, as CSV to upload; MTurk shows workers the reason in Reject.

    codes: completion code -> session. submitted: AssignmentId -> session, where the page itself submitted.
    excluded: session -> reason. A code counts once.
    Both columns stay empty where the page submitted something unreadable: that may be our error, and a person decides.
    """
    used: set[str] = set()
    header = [name for name in rows[0] if name is not None]
    header += [name for name in ("Approve", "Reject") if name not in header]
    out = io.StringIO()
    table = csv.DictWriter(out, header, extrasaction="ignore")
    table.writeheader()
    for row in rows:
        typed = next((row[name].strip().upper() for name in CODE_COLUMNS if row.get(name)), "")
        session = submitted.get(row["AssignmentId"]) or codes.get(typed, "")
        unread = not session and bool(row.get(RESULTS_COLUMN))
        reason = "" if unread else _refusal(session, used, excluded)
        used.add(session)
        table.writerow(row | {"Approve": "" if reason or unread else "x", "Reject": reason})
    return out.getvalue()


def _refusal(session: str, used: set[str], excluded: Mapping[str, str]) -> str:
    """Reason why a worker is not paid, as a sentence; "" for a worker who is paid."""
    if not session:
        return "The completion code is not one of this study."
    if session in used:
        return "This completion code was used before."
    return f"{excluded[session].capitalize()}." if session in excluded else ""


def _keyed(secret: str, text: str) -> str:
    return hmac.new(bytes.fromhex(secret), text.encode(), hashlib.sha256).hexdigest()
