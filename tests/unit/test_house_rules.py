"""Rules of the house that a machine can check: who may import whom, sizes, names, and that tests are sentences."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.unit.program import ROOT

MAY_IMPORT = {
    "__main__": {"components", "preflight", "release", "settings"},
    "components": {"release"},
    "config_schema": {"components", "timer"},
    "drift": {"quoting", "release"},
    "engine": set[str](),
    "operations": {
        "config_schema",
        "drift",
        "policy",
        "preflight",
        "quoting",
        "release",
        "review",
        "settings",
        "settings_model",
        "wrapper",
    },
    "policy": set[str](),
    "preflight": {"config_schema", "policy", "settings_model"},
    "quoting": set[str](),
    "release": set[str](),
    "review": {"policy", "quoting"},
    "settings": {"components", "config_schema", "release", "settings_model"},
    "settings_model": {"components", "release"},
    "timer": set[str](),
    "wrapper": set[str](),
}
"""What each part may import of the others. The engine and the wrapper know nothing of what they run; the steps of a
release know nothing of the program that declares them; a review reads what either engine has written.
"""

PARTS = tuple(MAY_IMPORT)

ONLY_OF = {
    ("config_schema", "components"): {"components.pinned.Pinned"},
    ("config_schema", "timer"): {"timer.schedule.is_schedule"},
    ("settings", "components"): {
        "components.sizing.Limits",
        "components.sizing.connections_needed",
        "components.sizing.gunicorn_memory_mb",
        "components.sizing.gunicorn_workers",
        "components.sizing.postgres_settings",
    },
    ("settings_model", "components"): {"components.pinned.Pinned", "components.sizing.Limits"},
    ("components", "release"): {
        "release.hold.SPEC_LABEL",
        "release.plan.Plan",
        "release.plan.Probes",
        "release.plan.Seeding",
        "release.plan.Strategy",
    },
    ("settings", "release"): {"release.plan.CUSTOM_DUMP", "release.plan.Strategy"},
    ("settings_model", "release"): {"release.plan.Strategy"},
    ("__main__", "release"): {"release.plan.Probes"},
    ("drift", "release"): {"release.docker_cli.Docker", "release.docker_cli.HARDENED", "release.errors.DockerError"},
    ("operations", "release"): {
        "release.docker_cli.Docker",
        "release.docker_cli.DockerCli",
        "release.docker_cli.HARDENED",
        "release.docker_cli.inspect",
        "release.errors.DockerError",
        "release.ledger.kept",
    },
}
"""What a part takes of another, where it is not the whole of it: data and arithmetic; no resources, no steps."""

SCRIPTS = (ROOT / "images" / "python", ROOT / "drift" / "in_site")
"""Folders of scripts that run in containers, each with its siblings beside it."""

MOST_LINES = 320

VAGUE = {"utils", "helpers", "common", "misc"}


def sources(part: str) -> list[Path]:
    """The Python files of a part, whether it is a module or a package."""
    module = ROOT / f"{part}.py"
    return [module] if module.is_file() else sorted((ROOT / part).rglob("*.py"))


def modules() -> list[Path]:
    """The Python files of all parts, and those that run in containers."""
    return [file for part in PARTS for file in sources(part)] + sorted(SCRIPTS[0].glob("*.py"))


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
    modules = {file.stem for file in ROOT.glob("*.py")} - {"conftest"}
    assert packages | modules == set(PARTS)


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


@pytest.mark.parametrize(("part", "other"), ONLY_OF)
def test_a_part_takes_of_another_only_what_it_must(part: str, other: str) -> None:
    """The settings would else bring resources in, and the components the steps that they declare."""
    names = {
        f"{node.module}.{alias.name}"
        for file in sources(part)
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == other
        for alias in node.names
    }
    assert names == ONLY_OF[part, other]


@pytest.mark.parametrize("part", ["release", "timer"])
def test_what_steps_run_needs_nothing_but_python(part: str) -> None:
    """On whichever machine runs Pulumi, with whichever Python that has."""
    names = {name for file in sources(part) for name in imported(parsed(file))}
    assert names - sys.stdlib_module_names == {part}


def test_what_runs_in_containers_needs_nothing_but_python() -> None:
    """And its siblings; migrations and the schema alone need the project's own Django, and what comes with that."""
    files = [file for folder in SCRIPTS for file in sorted(folder.glob("*.py"))]
    siblings = {file: {other.stem for other in file.parent.glob("*.py")} for file in files}
    needed = {file.name: set(imported(parsed(file))) - siblings[file] - sys.stdlib_module_names for file in files}
    of_the_project = {
        "collect.py": {"django"},
        "migrate.py": {"django"},
        "pending.py": {"django", "sqlparse"},
        "site_schema.py": {"django"},
    }
    assert {name: others for name, others in needed.items() if others} == of_the_project


def test_only_the_settings_read_config_and_environment() -> None:
    """What a component is depends on its arguments alone."""
    words = ("pulumi.Config", "os.environ", "os.getenv", "get_stack", "get_project")
    found = [f"{shown(file)}: {word}" for file in sources("components") for word in words if word in file.read_text()]
    assert found == []


def test_modules_are_short() -> None:
    """A module that has grown too long has become two things."""
    lengths = {shown(file): len(file.read_text().splitlines()) for file in modules()}
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
    assert [shown(file) for file in modules() if not ast.get_docstring(parsed(file))] == []
