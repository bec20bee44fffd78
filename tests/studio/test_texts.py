"""Every word of the page is in the file of texts, and every text there is shown somewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import condfoley.studio

STATIC = Path(condfoley.studio.__file__).parent / "static"
CALL = re.compile(r"""\bt\(\s*["`]([^"`]+)["`]""")
QUOTED = re.compile(r"""["`]([a-z_]+\.[^"`\s]+)["`]""")
FAMILY = re.compile(r"""\btOf\(\s*"([^"]+)\"""")
FORMS = {"zero", "one", "two", "few", "many", "other"}  # of Intl.PluralRules
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def texts() -> dict[str, Any]:
    """Texts by key, as texts.js reads them; a text in several forms is a dict."""
    return flat(json.loads((STATIC / "texts/en.json").read_text(encoding="utf-8")))


def flat(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in section.items():
        if isinstance(value, str) or set(value) <= FORMS:
            found[prefix + name] = value
        else:
            found |= flat(value, f"{prefix}{name}.")
    return found


def sources() -> str:
    scripts = [*sorted((STATIC / "js").rglob("*.js")), STATIC / "index.html"]
    return "\n".join(path.read_text(encoding="utf-8") for path in scripts if path.name != "texts.js")


def used(source: str, sections: set[str]) -> tuple[set[str], set[str]]:
    """Keys that are named, and prefixes of those that are put together at run time."""
    named = set(CALL.findall(source))
    named |= {key for key in QUOTED.findall(source) if key.split(".")[0] in sections and not key.endswith(".js")}
    keys = {key for key in named if "${" not in key}
    return keys, {key.split("${")[0] for key in named - keys} | {f"{name}." for name in FAMILY.findall(source)}


def test_every_text_that_is_shown_exists_and_none_is_left_over() -> None:
    known = texts()
    keys, families = used(sources(), {key.split(".")[0] for key in known})
    assert sorted(keys - set(known)) == []
    assert [family for family in families if not any(key.startswith(family) for key in known)] == []
    assert [key for key in known if key not in keys and not key.startswith(tuple(families))] == []


def test_forms_of_a_text_have_the_same_placeholders() -> None:
    for key, text in texts().items():
        forms = [text] if isinstance(text, str) else [text["other"]]
        assert all(form.strip() for form in forms), key
        if not isinstance(text, str):
            assert set(text) == {"one", "other"}, key
            assert set(PLACEHOLDER.findall(text["one"])) <= set(PLACEHOLDER.findall(text["other"])), key


def test_words_are_never_put_into_the_page_as_html() -> None:
    source = sources()
    assert not re.search(r"\.(inner|outer)HTML\b|insertAdjacentHTML|document\.write|\beval\(", source)
