"""Every section of docs/published_facts.md that is cited is there, and every one that is there is cited."""

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FACTS = "published_facts.md"
READ = [path for path in ROOT.glob("*.md")] + [
    path
    for folder in ("condfoley", "benchmarks", "configs", "data_prep", "docs", "tests")
    for suffix in ("*.py", "*.md", "*.yaml")
    for path in (ROOT / folder).rglob(suffix)
    if "node_modules" not in path.parts and path.name != FACTS and path != Path(__file__)
]
CITATION = re.compile(rf"{re.escape(FACTS)},\s+sections?\s+(\d+(?:,\s+\d+)*(?:\s+and\s+\d+)?)")


def cited(text: str) -> list[int]:
    """Sections that a text cites, in any line breaks: `published_facts.md, section 4`, `sections 2, 3 and 10`."""
    plain = re.sub(r"\n\s*#?\s*", " ", text)
    return [int(number) for listed in CITATION.findall(plain) for number in re.findall(r"\d+", listed)]


@pytest.fixture(scope="module")
def citations() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for path in READ:
        for number in cited(path.read_text(encoding="utf-8")):
            found.setdefault(number, []).append(str(path.relative_to(ROOT)))
    return found


def test_each_cited_section_is_there_and_each_section_is_cited(citations):
    headings = re.findall(r"^## (\d+)\. ", (ROOT / "docs" / FACTS).read_text(encoding="utf-8"), re.M)
    sections = [int(number) for number in headings]
    assert sections == sorted(set(sections))
    assert {n: files for n, files in citations.items() if n not in sections} == {}
    assert [n for n in sections if n not in citations] == []


def test_all_citations_have_one_form():
    """Nothing names facts that a reader of the repository does not have, or a section without its number."""
    for path in READ:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(?<!published_)facts\.md|published facts, section", text), path
        assert len(re.findall(rf"{re.escape(FACTS)}[,\s]+sections?\b", text)) == len(CITATION.findall(text)), path


def test_sections_are_read_from_lists_and_across_lines():
    assert cited("see published_facts.md, section 4)") == [4]
    assert cited("published_facts.md, sections 2, 3, 10 and\n  # 12, to") == [2, 3, 10, 12]
    assert cited("(CondFoley, section 3.3)") == []


def test_sections_named_alone_in_the_published_way_are_those_that_it_lists():
    text = (ROOT / "condfoley" / "published" / "generation.py").read_text(encoding="utf-8")
    alone = {
        int(n) for listed in re.findall(r"\(sections? (\d+(?: and \d+)?)\)", text) for n in re.findall(r"\d+", listed)
    }
    assert alone == set(cited(text))


def test_each_benchmark_is_listed_and_each_other_file_says_whose_helper_it_is():
    listed = set(
        re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "evaluation.md").read_text().split("## Benchmarks")[1], re.M)
    )
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").glob("[!_]*.py")}
    assert listed == {name for name, text in texts.items() if '__name__ == "__main__"' in text}
    for name in texts.keys() - listed:
        owners = re.search(r"A helper of (`python -m .*)\.\n", texts[name])
        assert owners and set(re.findall(r"benchmarks\.(\w+)", owners[1])) <= listed, name


def test_the_speed_benchmark_names_its_parts(capsys):
    from benchmarks import speed

    with pytest.raises(SystemExit):
        speed.main(["--help"])
    assert "published,shipped,length" in capsys.readouterr().out


def test_each_threat_and_each_kind_of_fault_names_tests_that_are_there():
    for name in ("security.md", "reliability.md"):
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        named = re.findall(r"`(tests/[\w/]+\.py)`", text)
        assert len(named) >= 5 and [path for path in named if not (ROOT / path).is_file()] == []
    threats = re.findall(
        r"^\| (?!threat|---)(.*) \|$", (ROOT / "docs" / "security.md").read_text(encoding="utf-8"), re.M
    )
    assert len(threats) > 15 and all("`tests/" in line.rpartition(" | ")[2] for line in threats)


EXPERIMENTS = ROOT / "docs" / "experiments"


def test_each_experiment_that_is_cited_or_counted_is_a_block():
    pages = {path: path.read_text(encoding="utf-8") for path in EXPERIMENTS.glob("[0-9][0-9]-*.md")}
    blocks = [found for text in pages.values() for found in re.findall(r"^## (E\d\d\.\d+) ", text, re.M)]
    assert len(blocks) == len(set(blocks))
    for path, text in pages.items():
        assert all(found.startswith(f"E{path.name[:2]}.") for found in re.findall(r"^## (\S+) ", text, re.M)), path
        for block in re.split(r"^## ", text, flags=re.M)[1:]:
            places = [block.find(f"**{label}.**") for label in ("Change", "Command", "Table", "Verdict")]
            assert -1 not in places and places == sorted(places), block[:40]
    with (EXPERIMENTS / "experiments.csv").open(encoding="utf-8", newline="") as rows:
        cited = {row["id"]: "experiments.csv" for row in csv.DictReader(rows)}
    for path in READ:
        cited |= dict.fromkeys(re.findall(r"\bE\d\d\.\d+\b", path.read_text(encoding="utf-8")), path.name)
    assert {number: where for number, where in cited.items() if number not in blocks} == {}
