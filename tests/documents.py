"""The documents that tell users what to type, and the commands in them."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXTS = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "docs/editing.md", "docs/integrations.md", "docs/training.md", "docs/published.md")
}
TRAINING = "## The shipped model"  # the section of docs/training.md whose commands build on each other from nothing


def blocks(text: str) -> list[str]:
    """Contents of a document's code blocks."""
    return re.findall(r"^ *```\w*\n(.*?)^ *```$", text, re.S | re.M)


def lines(text: str) -> list[str]:
    """Lines of a document's code blocks; one that ends with a backslash is joined with the next."""
    return [line.strip() for block in blocks(text) for line in re.sub(r"\\\n\s*", "", block).splitlines()]


def commands(program: str, *texts: str) -> list[list[str]]:
    """Words after `program` in the code blocks of some documents; those with `...` in them are left out."""
    found = [line for text in texts or TEXTS.values() for line in lines(text) if line.startswith(program + " ")]
    return [shlex.split(line[len(program) :], comments=True) for line in found if "..." not in line]


def section(text: str, heading: str) -> str:
    """A section of a document, from its heading to the next one of the same level."""
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.S | re.M)
    assert found, heading
    return found[1]


def executed() -> list[list[str]]:
    """Words of all commands that the tests execute, in the documents' order, each command once."""
    training = section(TEXTS["docs/training.md"], TRAINING)
    users = [TEXTS[name] for name in ("docs/editing.md", "README.md", "docs/integrations.md")]
    found = commands("condfoley", training, *users)
    return [list(words) for words in dict.fromkeys(map(tuple, found))]
