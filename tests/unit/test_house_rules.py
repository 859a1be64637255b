"""Rules of the house that a machine can check: who may import whom, sizes, names, and that tests are sentences."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.unit.program import ROOT

PARTS = ("__main__", "components", "config_schema", "engine", "operations", "preflight", "settings", "wrapper")

MAY_IMPORT = {
    "__main__": {"components", "preflight", "settings"},
    "components": set[str](),
    "config_schema": set[str](),
    "engine": set[str](),
    "operations": {"config_schema", "preflight", "settings", "wrapper"},
    "preflight": {"config_schema", "settings"},
    "settings": {"components", "config_schema"},
    "wrapper": set[str](),
}
"""What each part may import of the others. The engine and the wrapper know nothing of what they run."""

MOST_LINES = 320

VAGUE = {"utils", "helpers", "common", "misc"}


def sources(part: str) -> list[Path]:
    """The Python files of a part, whether it is a module or a package."""
    module = ROOT / f"{part}.py"
    return [module] if module.is_file() else sorted((ROOT / part).rglob("*.py"))


def python_files() -> list[Path]:
    """Every Python file of the project."""
    folders = ("images", "sample", "scripts", "benchmarks", "tests", "examples")
    files = [file for part in PARTS for file in sources(part)]
    return files + [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]


def imported(tree: ast.Module) -> Iterator[str]:
    """The top-level names of what a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def shown(file: Path) -> str:
    """A path as a person says it."""
    return str(file.relative_to(ROOT))


def test_every_part_is_there() -> None:
    """The rules below would say nothing of a part that has been renamed."""
    assert [part for part in PARTS if not sources(part)] == []
    packages = {folder.parent.name for folder in ROOT.glob("*/__init__.py")}
    assert packages <= MAY_IMPORT.keys() == set(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_imports_only_what_it_may(part: str) -> None:
    """Data goes one way: config, settings, components; the tools read what these leave behind."""
    wrong = {
        f"{shown(file)} imports {name}"
        for file in sources(part)
        for name in imported(parsed(file))
        if name in PARTS and name != part and name not in MAY_IMPORT[part]
    }
    assert wrong == set()


def test_the_settings_take_only_arithmetic_from_the_components() -> None:
    """`components.sizing` is pure; anything else would bring resources in."""
    names = {
        node.module
        for node in ast.walk(parsed(ROOT / "settings.py"))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("components")
    }
    assert names == {"components.sizing"}


def test_only_the_settings_read_config_and_environment() -> None:
    """What a component is depends on its arguments alone."""
    words = ("pulumi.Config", "os.environ", "os.getenv", "get_stack", "get_project")
    found = [f"{shown(file)}: {word}" for file in sources("components") for word in words if word in file.read_text()]
    assert found == []


@pytest.mark.parametrize("part", PARTS)
def test_modules_are_short(part: str) -> None:
    """A module that has grown too long has become two things."""
    lengths = {shown(file): len(file.read_text().splitlines()) for file in sources(part)}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_modules_are_named_after_what_they_are() -> None:
    """A vague name collects what belongs nowhere."""
    named = [file for file in python_files() if VAGUE & {file.stem, *file.relative_to(ROOT).parts[:-1]}]
    assert [shown(file) for file in named] == []


def test_every_test_says_what_it_shows() -> None:
    """In a docstring, so that a list of tests reads as a description of the project."""
    silent = [
        f"{shown(file)}: {node.name}"
        for file in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in parsed(file).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_every_module_says_what_it_is() -> None:
    """The first line of each module of ours."""
    files = [file for part in PARTS for file in sources(part)]
    assert [shown(file) for file in files if not ast.get_docstring(parsed(file))] == []
