"""The same program and the same changes under the embedded engine, and under the Pulumi CLI where there is one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.engine.real_docker import (
    Engine,
    docker,
    embedded,
    ensure_base_image,
    left_over,
    new_project,
    real_cli,
    remove_all,
    resources_of,
)

pytestmark = pytest.mark.e2e
PROGRAM = Path(__file__).with_name("program.py").read_text()
START = {"version": "1", "greeting": "hello", "memory": "64", "port": "8311", "replicas": "1"}
_FIRST = [
    "smoke",
    "web-0",
    "eng-conf-edge",
    "holder",
    "tiny",
    "base-image",
    "base-data",
    "base-network",
    "base",
    "conf-dev",
]
_REPLACED = ("delete-replaced", "replace", "create-replacement")


def replaced(name: str) -> list[str]:
    return [f"{op} {name}" for op in _REPLACED]


class Change(NamedTuple):
    """What is changed, the steps that this takes, and the exit code of `up`."""

    config: dict[str, str]
    steps: list[str]
    code: int = 0


SEQUENCE = {
    "create": Change({}, [f"create {name}" for name in _FIRST]),
    "no-op": Change({}, []),
    "environment": Change({"greeting": "hi"}, [*replaced("web-0"), *replaced("smoke")]),
    "limit": Change({"memory": "80"}, ["update web-0"]),
    "image": Change(
        {"version": "2"}, ["update base-image", *replaced("web-0"), *replaced("smoke"), *replaced("eng-conf-edge")]
    ),
    "port": Change({"port": "8312"}, [*replaced("holder"), *replaced("eng-conf-edge")]),
    "scale out": Change({"replicas": "3"}, ["create web-1", "create web-2", *replaced("smoke")]),
    "scale in": Change({"replicas": "1"}, [*replaced("smoke"), "delete web-1", "delete web-2"]),
    "failure half way": Change({"fail": "1", "memory": "90"}, ["update web-0"], 1),
    "after the failure": Change({"fail": "0"}, []),
}


@pytest.fixture(scope="module", autouse=True)
def base_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    remove_all("eng-conf-")
    ensure_base_image(tmp_path_factory.mktemp("base"))
    yield
    remove_all("eng-conf-")
    docker("image", "rm", "-f", "eng-conf-app:1", check=False)


def make_project(folder: Path) -> Path:
    project = new_project(folder, "conf", PROGRAM)
    (project / "app").mkdir()
    (project / "app" / "Dockerfile").write_text("FROM eng-base:1\nARG VERSION\nRUN echo $VERSION > /version\n")
    embedded(project).run("config", "set", "--secret", "password", "pw-pw-pw", expect=0)
    configure(project, START)
    return project


def configure(project: Path, config: dict[str, str]) -> None:
    for key, value in config.items():
        embedded(project).run("config", "set", key, value, expect=0)


def steps_of(stream: str) -> list[str]:
    """The steps that were taken, as `op name`, in the order of their ends; those that change nothing are left out."""
    steps = []
    decoder, position = json.JSONDecoder(), 0
    while position < len(stream):
        event, position = decoder.raw_decode(stream, position)
        position += len(stream[position:]) - len(stream[position:].lstrip())
        metadata = event.get("resOutputsEvent", {}).get("metadata", {})
        if metadata.get("op", "same") not in ("same", "read", "refresh") and "providers:" not in metadata["type"]:
            steps.append(f"{metadata['op']} {metadata['urn'].split('::')[-1]}")
    return steps


def run_sequence(engine: Engine, project: Path) -> dict[str, Any]:
    """For each change: the steps of the preview, those of the update, and the inputs that the state has after it."""
    record: dict[str, Any] = {}
    for name, change in SEQUENCE.items():
        configure(project, change.config)
        digest = json.loads(engine.run("preview", "--json", expect=0).out)
        done = engine.run("up", "--yes", "--skip-preview", "--json", expect=change.code)
        record[name] = {
            "planned": digest["changeSummary"],
            "reasons": reasons(digest),
            "steps": steps_of(done.out),
            "inputs": inputs_of(project),
        }
    return record


def reasons(digest: dict[str, Any]) -> dict[str, Any]:
    """Which properties change, and which of them replace, by name.

    What follows from another step is left out. The CLI tells no reasons for images, and none for the
    replacement of commands.
    """
    found = {}
    for step in digest["steps"]:
        if step.get("diffReasons") and not has_unknown_change(step) and "index/image:" not in step["urn"]:
            replacing = step.get("replaceReasons") if "docker:" in step["urn"] else None
            found[step["urn"].split("::")[-1]] = (sorted(step["diffReasons"]), replacing)
    return found


def has_unknown_change(step: dict[str, Any]) -> bool:
    return "04da6b54-80e4-46f7-96ec-b56ff0331ba9" in json.dumps((step.get("newState") or {}).get("inputs", {}))


def inputs_of(project: Path) -> dict[str, Any]:
    """The recorded inputs by URN, without what is new in every run: ids, generated names, ciphertexts."""
    found = {}
    for resource in resources_of(project, "conf"):
        if "providers:" not in resource["type"]:
            text = json.dumps(resource.get("inputs", {}), sort_keys=True)
            for other in resources_of(project, "conf"):
                if other.get("custom") and other.get("id", ""):
                    text = text.replace(other["id"], f"<id of {other['urn'].split('::')[-1]}>")
            inputs = json.loads(text)
            if "name" in inputs.get("__defaults", ()):
                inputs["name"] = "<generated>"
            found[resource["urn"]] = json.loads(json.dumps(inputs), object_hook=without_ciphertext)
    return found


def without_ciphertext(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key != "ciphertext"}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, base_image: None) -> Iterator[dict[str, Any]]:  # noqa: ARG001
    project = make_project(tmp_path_factory.mktemp("ours"))
    engine = embedded(project)
    yield {**run_sequence(engine, project), "destroyed": engine.run("destroy", "--yes", "--json", expect=0)}
    remove_all("eng-conf-")


@pytest.mark.parametrize("name", SEQUENCE)
def test_each_change_takes_exactly_its_steps(ours: dict[str, Any], name: str) -> None:
    """No step more and none less, and a container goes before it comes, as its name is unique."""
    steps = ours[name]["steps"]
    assert sorted(steps) == sorted(SEQUENCE[name].steps)
    for resource in ("web-0", "holder"):
        if f"replace {resource}" in steps:
            assert steps.index(f"delete-replaced {resource}") < steps.index(f"create-replacement {resource}")


def test_a_container_that_must_not_be_missed_comes_before_it_goes(ours: dict[str, Any]) -> None:
    """delete_before_replace=False, as for what serves the public."""
    steps = ours["image"]["steps"]
    assert steps.index("create-replacement eng-conf-edge") < steps.index("delete-replaced eng-conf-edge")


def test_destroy_leaves_nothing(ours: dict[str, Any]) -> None:
    """All that was made is gone, and the state is empty."""
    assert ours["destroyed"].code == 0
    assert left_over("eng-conf-") == []


def test_the_cli_takes_the_same_steps_to_the_same_state(ours: dict[str, Any], tmp_path: Path) -> None:
    """Plans, reasons, steps and recorded inputs; without a CLI on PATH the golden steps above are the judge."""
    project = make_project(tmp_path / "theirs")
    engine = real_cli(project)
    if engine is None:
        assert all(ours[name]["steps"] is not None for name in SEQUENCE)
        return
    try:
        theirs = run_sequence(engine, project)
        engine.run("destroy", "--yes", expect=0)
    finally:
        remove_all("eng-conf-")
    for record in (ours, theirs):
        for name in SEQUENCE:
            record[name]["steps"].sort()  # the CLI's order varies from run to run
    pairs = ((name, key, ours[name][key], theirs[name][key]) for name in SEQUENCE for key in theirs[name])
    assert [(name, key, mine, other) for name, key, mine, other in pairs if mine != other] == []


CLEAN = (["preview", "--expect-no-changes"], ["refresh", "--preview-only", "--expect-no-changes"])


def test_the_state_is_handed_over_in_both_directions(tmp_path: Path) -> None:
    """Whoever made or changed it, the other engine sees nothing to change, in a preview and in a refresh."""
    project = make_project(tmp_path / "handed")
    mine, other = embedded(project), real_cli(project) or embedded(project)
    try:
        for maker, judge, change in (
            (mine, other, {}),
            (other, mine, {"memory": "80", "greeting": "hi"}),
            (mine, other, {"version": "3", "memory": "96"}),
            (other, mine, {"replicas": "2"}),
        ):
            configure(project, change)
            maker.run("up", "--yes", "--skip-preview", expect=0)
            for arguments in CLEAN:
                judge.run(*arguments, expect=0)
                maker.run(*arguments, expect=0)
        mine.run("refresh", "--yes", expect=0)
        for arguments in CLEAN:
            other.run(*arguments, expect=0)
        (project / "export.json").write_text(mine.run("stack", "export", expect=0).out)
        other.run("stack", "import", "--file", "export.json", expect=0)
        mine.run(*CLEAN[0], expect=0)
        other.run("destroy", "--yes", expect=0)
        assert left_over("eng-conf-") == []
    finally:
        remove_all("eng-conf-")
