"""No import cycles, no evaluation code in generation, short functions; and the measurements themselves."""

import pytest

from benchmarks import structure


@pytest.fixture(scope="module")
def modules():
    return structure.find_modules()


@pytest.fixture(scope="module")
def imports(modules):
    return structure.read_imports(modules)


def test_no_import_cycles(imports):
    assert structure.find_cycles(imports) == []


def test_generating_imports_nothing_of_evaluation_training_and_study(imports):
    assert structure.find_misplaced(imports) == []


def test_few_files_beside_the_folders():
    assert len(structure.top_files()) <= 22


def test_functions_are_short(modules):
    assert [function for function in structure.find_functions(modules) if function.lines > 60] == []


@pytest.fixture
def made_up(tmp_path):
    """A package of four modules: a and b import each other, b inside a function; c imports a for type checks only."""
    package = tmp_path / "condfoley"
    (package / "study").mkdir(parents=True)
    sources = {
        "__init__": "",
        "a": "from condfoley.b import thing\n\n\ndef short():\n    return 1\n",
        "b": "def thing():\n    import condfoley.a\n\n    return [\n        1,\n    ]\n",
        "c": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from condfoley import a\nelse:\n    import os\n",
        "study/__init__": "from condfoley import c\n",
        "study/d": "class D:\n    def method(self):\n        def inner(): ...\n",
    }
    for name, source in sources.items():
        (package / f"{name}.py").write_text(source)
    return structure.find_modules(package)


def test_cycles_include_imports_inside_functions_but_not_for_type_checking(made_up):
    imports = structure.read_imports(made_up)
    assert imports["condfoley.c"] == set() and imports["condfoley.a"] == {"condfoley.b"}
    assert structure.find_cycles(imports) == [["condfoley.a", "condfoley.b"]]


def test_what_is_imported_includes_packages(made_up):
    imports = structure.read_imports(made_up)
    assert structure.reachable(imports, ["condfoley.study.d"]) == {
        "condfoley", "condfoley.study", "condfoley.study.d", "condfoley.c",
    }  # fmt: skip
    assert structure.find_misplaced(imports, ["condfoley.study.d"]) == ["condfoley.study", "condfoley.study.d"]
    assert structure.find_misplaced(imports, ["condfoley.a"]) == []


def test_functions_are_measured_with_methods_and_inner_ones(made_up):
    found = {f"{f.module}.{f.name}": f.lines for f in structure.find_functions(made_up)}
    assert found["condfoley.b.thing"] == 6 and found["condfoley.study.d.D.method"] == 2
    assert found["condfoley.study.d.D.method.inner"] == 1
    assert structure.long_files(made_up, max_lines=5) == {"condfoley.b": 6}


def test_the_table_from_the_command_line(capsys):
    assert structure.main(["--skip-detections"]) == 0
    assert "import cycles" in capsys.readouterr().out
