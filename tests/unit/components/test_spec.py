"""A container as data: its name for all that is in it, its record, and the words that the provider wants."""

import dataclasses
import json
from typing import Any

import pytest

from components import spec as spec_module
from components.sizing import Limits
from components.spec import (
    ContainerSpec,
    Logs,
    Mount,
    Placement,
    Port,
    cpu_shares,
    cpus_text,
    from_record,
    record_of,
    spec_hash,
)
from tests.unit.components.specs import FULL, SPEC

CHANGES: dict[str, Any] = {
    "image": "shop-dev/cache:ba9876543210",
    "user": "10008:10000",
    "limits": Limits(cpus=0.5, memory_mb=128, pids=31),
    "placement": dataclasses.replace(SPEC.placement, logs=Logs(max_size_mb=11)),
    "role": "other",
    "command": ["x"],
    "entrypoint": ["x"],
    "env": {"A": "b"},
    "networks": {"n": ["alias"]},
    "network_mode": "none",
    "mounts": [Mount(volume="v", path="/p")],
    "tmpfs_mb": {"/tmp": 1},
    "ports": [Port(address="0.0.0.0", external=1, internal=2)],  # noqa: S104 - compared, not bound
    "sysctls": {"a": "1"},
    "shared_memory_mb": 65,
    "health": ["true"],
    "start_seconds": 61,
    "stop_signal": "SIGINT",
    "stop_seconds": 11,
    "init": True,
    "labels": {"a": "b"},
}
"""Another value for every field that is in the container."""


def limits(cpus: float) -> Limits:
    """Limits of which only the CPUs matter."""
    return Limits(cpus=cpus, memory_mb=1, pids=1)


@pytest.mark.parametrize(
    ("cpus", "text"),
    [
        (0.1, "0.1"),
        (0.25, "0.25"),
        (0.5, "0.5"),
        (1, "1.0"),
        (1.5, "1.5"),
        (1.05, "1.05"),
        (2, "2.0"),
        (10, "10."),
        (10.5, "10.5"),
        (20, "20."),
        (100, "100."),
    ],
)
def test_cpus_are_written_as_the_provider_reads_them_back(cpus: float, text: str) -> None:
    """Nine decimals; cut to one if there are nine zeros in all, else without the zeros at the end."""
    assert cpus_text(limits(cpus)) == text


def test_the_text_of_cpus_is_the_same_number() -> None:
    """For every limit in tenths that the config allows."""
    tenths = [tenth / 10 for tenth in range(1, 1281)]
    assert [float(cpus_text(limits(cpus))) for cpus in tenths] == tenths


@pytest.mark.parametrize(("cpus", "shares"), [(0.001, 2), (0.1, 102), (0.5, 512), (1, 1024), (4, 4096)])
def test_cpu_shares_follow_the_limit(cpus: float, shares: int) -> None:
    """1024 for each CPU, and never less than Docker takes."""
    assert cpu_shares(limits(cpus)) == shares


def test_labels_tell_whose_a_container_is_and_what_it_is() -> None:
    """Beside its own, in a fixed order."""
    assert list(FULL.all_labels.items()) == [
        ("django-stack.release", "abc"),
        ("django-stack.role", "cache"),
        ("django-stack.stack", "shop-dev"),
    ]


# The hash


def test_every_field_of_a_spec_is_considered_by_the_tests_of_its_hash() -> None:
    """A field that is added is added to `CHANGES`, too."""
    assert {field.name for field in dataclasses.fields(ContainerSpec)} == CHANGES.keys() | {"name"}


@pytest.mark.parametrize("name", CHANGES)
def test_the_hash_follows_from_all_that_is_in_the_container(name: str) -> None:
    """Whatever differs in the container makes another hash, and so another name."""
    assert spec_hash(dataclasses.replace(SPEC, **{name: CHANGES[name]})) != spec_hash(SPEC)


@pytest.mark.parametrize(
    "placement",
    [
        dataclasses.replace(SPEC.placement, docker_host="ssh://server"),
        dataclasses.replace(SPEC.placement, platform="linux/amd64"),
        dataclasses.replace(SPEC.placement, python="python3"),
    ],
)
def test_the_hash_leaves_out_name_and_way_to_the_engine(placement: Placement) -> None:
    """The same container through another way to the same server is the same container."""
    assert spec_hash(dataclasses.replace(SPEC, name="other", placement=placement)) == spec_hash(SPEC)


def test_another_form_of_declaring_it_is_another_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a version of the program that declares it differently would replace a container that serves."""
    before = spec_hash(SPEC)
    monkeypatch.setattr(spec_module, "FORM", spec_module.FORM + 1)
    assert spec_hash(SPEC) != before


def test_the_hash_is_fit_for_a_name() -> None:
    """Ten hex digits."""
    assert len(spec_hash(SPEC)) == 10
    assert int(spec_hash(SPEC), 16)


# The record


def through_json(spec: ContainerSpec) -> dict[str, Any]:
    """A spec's record as a ledger gives it back."""
    return dict(json.loads(json.dumps(record_of(spec))))


@pytest.mark.parametrize("spec", [SPEC, FULL])
def test_a_record_is_enough_to_run_the_same_container_again(spec: ContainerSpec) -> None:
    """Under another name and by another way to the engine, too; its hash, and so its release, is the same."""
    elsewhere = Placement(prefix="shop-dev", docker_host="unix:///other.sock")
    again = from_record(through_json(spec), name="shop-dev-again", placement=elsewhere)
    assert (again.name, again.placement.docker_host) == ("shop-dev-again", "unix:///other.sock")
    assert again.placement.logs == spec.placement.logs
    assert spec_hash(again) == spec_hash(spec)
    assert through_json(again) == through_json(spec)


@pytest.mark.parametrize("name", sorted(CHANGES.keys() - {"placement"}))
def test_a_record_leaves_nothing_out(name: str) -> None:
    """Any other value of any field comes back."""
    spec = dataclasses.replace(SPEC, **{name: CHANGES[name]})
    again = from_record(through_json(spec), name=spec.name, placement=spec.placement)
    assert getattr(again, name) == CHANGES[name]


def test_a_record_does_not_say_where_the_container_ran() -> None:
    """Neither its name nor the way to the engine."""
    assert "name" not in record_of(FULL)
    assert "ssh://" not in json.dumps(record_of(FULL))


def test_a_record_is_not_changed_by_reading_it() -> None:
    """It is read once to be checked, and once to be run."""
    record = through_json(FULL)
    from_record(record, name="x", placement=FULL.placement)
    assert record == through_json(FULL)


@pytest.mark.parametrize(
    ("change", "error"),
    [({"limits": None}, TypeError), ({"gpu": 1}, TypeError), ({"mounts": [{"path": "/x"}]}, TypeError)],
)
def test_a_record_of_another_form_is_an_error(change: dict[str, Any], error: type[Exception]) -> None:
    """A field more, a field less, a value of another kind."""
    with pytest.raises(error):
        from_record(through_json(SPEC) | change, name="x", placement=SPEC.placement)


@pytest.mark.parametrize("name", ["logs", "limits", "mounts", "ports"])
def test_a_record_with_a_part_missing_is_an_error(name: str) -> None:
    """Rather than a container with something else in that place."""
    record = through_json(SPEC)
    del record[name]
    with pytest.raises(KeyError):
        from_record(record, name="x", placement=SPEC.placement)
