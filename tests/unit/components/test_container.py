"""What all containers share, as the provider and as the docker command line get it."""

import dataclasses
from typing import Any

import pulumi
import pytest

from components.container import (
    ContainerSpec,
    Logs,
    Mount,
    Placement,
    Port,
    _cpus,
    docker_command,
    docker_run,
    run,
    spec_hash,
)
from components.sizing import Limits
from tests.unit.recording import Declarations, record

SPEC = ContainerSpec(
    name="shop-dev-cache",
    image="shop-dev/cache:0123456789ab",
    user="10009:10000",
    limits=Limits(cpus=0.5, memory_mb=128, pids=30),
    placement=Placement(prefix="shop-dev"),
    role="cache",
)

FULL = dataclasses.replace(
    SPEC,
    placement=Placement(
        prefix="shop-dev",
        docker_host="ssh://deploy@server",
        platform="linux/arm64",
        logs=Logs(max_size_mb=7, max_files=2),
    ),
    command=["serve", "--text", "it's $HOME"],
    entrypoint=["cache", "-v"],
    env={"B": "2", "A": "one two"},
    networks={"shop-dev-data": ["cache", "kv"], "shop-dev-edge": []},
    mounts=[Mount(volume="shop-dev-cache", path="/data"), Mount(volume="shop-dev-ro", path="/ro", read_only=True)],
    tmpfs_mb={"/tmp": 16, "/run": 1},
    ports=[Port(address="127.0.0.1", external=8080, internal=80)],
    sysctls={"net.core.somaxconn": "1024"},
    shared_memory_mb=32,
    health=["check-cache", "--quick"],
    stop_signal="SIGQUIT",
    stop_seconds=25,
    init=True,
    labels={"django-stack.release": "abc"},
)

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
    "stop_signal": "SIGINT",
    "stop_seconds": 11,
    "init": True,
    "labels": {"a": "b"},
}
"""Another value for every field that is in the container."""


def declared(spec: ContainerSpec) -> Declarations:
    """What `run` declares for a spec."""
    return record(lambda: run("cache", spec, pulumi.ResourceOptions()))


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
    assert _cpus(Limits(cpus=cpus, memory_mb=1, pids=1)) == text


def test_the_text_of_cpus_is_the_same_number() -> None:
    """For every limit in tenths that the config allows."""
    tenths = [tenth / 10 for tenth in range(1, 1281)]
    assert [float(_cpus(Limits(cpus=cpus, memory_mb=1, pids=1))) for cpus in tenths] == tenths


def test_a_container_is_declared_with_all_that_its_spec_says() -> None:
    """Every property that the provider gets, whole."""
    assert declared(FULL).all["Container cache"].inputs == {
        "name": "shop-dev-cache",
        "image": "shop-dev/cache:0123456789ab",
        "entrypoints": ["cache", "-v"],
        "command": ["serve", "--text", "it's $HOME"],
        "envs": ["A=one two", "B=2"],
        "labels": [
            {"label": "django-stack.release", "value": "abc"},
            {"label": "django-stack.role", "value": "cache"},
            {"label": "django-stack.stack", "value": "shop-dev"},
        ],
        "cpus": "0.5",
        "cpuShares": 512,
        "memory": 128,
        "memorySwap": 128,
        "shmSize": 32,
        "ulimits": [{"name": "nofile", "soft": 4096, "hard": 4096}],
        "user": "10009:10000",
        "readOnly": True,
        "capabilities": {"drops": ["ALL"]},
        "securityOpts": ["no-new-privileges:true"],
        "mounts": [
            {"type": "tmpfs", "target": "/run", "tmpfsOptions": {"sizeBytes": 1048576, "mode": 0o1777}},
            {"type": "tmpfs", "target": "/tmp", "tmpfsOptions": {"sizeBytes": 16777216, "mode": 0o1777}},
        ],
        "volumes": [
            {"volumeName": "shop-dev-cache", "containerPath": "/data", "readOnly": False},
            {"volumeName": "shop-dev-ro", "containerPath": "/ro", "readOnly": True},
        ],
        "init": True,
        "networksAdvanced": [
            {"name": "shop-dev-data", "aliases": ["cache", "kv"]},
            {"name": "shop-dev-edge", "aliases": []},
        ],
        "ports": [{"ip": "127.0.0.1", "external": 8080, "internal": 80}],
        "sysctls": {"net.core.somaxconn": "1024"},
        "restart": "unless-stopped",
        "healthcheck": {
            "tests": ["CMD", "check-cache", "--quick"],
            "interval": "10s",
            "timeout": "5s",
            "retries": 3,
            "startPeriod": "1m0s",
            "startInterval": "500ms",
        },
        "wait": True,
        "waitTimeout": 90,
        "stopSignal": "SIGQUIT",
        "stopTimeout": 25,
        "destroyGraceSeconds": 25,
        "logDriver": "json-file",
        "logOpts": {"max-size": "7m", "max-file": "2"},
    }


def test_a_container_is_replaced_where_an_update_would_change_nothing() -> None:
    """The provider reports these as updated and leaves the container as it was."""
    container = declared(FULL).all["Container cache"]
    assert container.replace_on_changes == ("healthcheck", "init", "tmpfs")
    assert container.delete_before_replace


def test_a_container_gets_its_limit_of_processes_whenever_it_is_new() -> None:
    """The step belongs to the container and runs again for every new id."""
    step = declared(FULL).all["Command cache-pids"]
    assert step.parent == "Container cache"
    assert step.inputs["create"] == "docker update --pids-limit 30 shop-dev-cache"
    assert [trigger.split("-")[0] for trigger in step.inputs["triggers"]] == ["cache"]
    assert step.inputs["environment"] == {"DOCKER_HOST": "ssh://deploy@server"}


def test_a_container_without_a_health_check_is_not_waited_for() -> None:
    """There would be nothing to wait for."""
    inputs = declared(SPEC).all["Container cache"].inputs
    assert (inputs["wait"], "healthcheck" in inputs) == (False, False)


def test_a_docker_command_uses_dockers_own_default_engine() -> None:
    """No DOCKER_HOST is set where the stack names no engine, so that contexts keep their meaning."""
    step = record(
        lambda: docker_command("step", "docker ps", pulumi.ResourceOptions(), Placement(prefix="shop-dev"))
    ).all["Command step"]
    assert dict(step.inputs) == {"create": "docker ps", "triggers": []}


def test_docker_run_words_a_container_that_is_hardened_alike() -> None:
    """The whole command line, quoted for a shell."""
    spec = dataclasses.replace(FULL, networks={"shop-dev-data": []}, ports=[], init=False)
    assert docker_run(spec, interactive=True) == (
        "docker run --rm --pull=never --name=shop-dev-cache --interactive"
        " --label=django-stack.release=abc --label=django-stack.role=cache --label=django-stack.stack=shop-dev"
        " --cpus=0.5 --memory=128m --memory-swap=128m --pids-limit=30 --ulimit=nofile=4096:4096 --user=10009:10000"
        " --read-only --cap-drop=ALL --security-opt=no-new-privileges:true"
        " --tmpfs=/run:size=1m,mode=1777 --tmpfs=/tmp:size=16m,mode=1777"
        " --volume=shop-dev-cache:/data --volume=shop-dev-ro:/ro:ro"
        " '--env=A=one two' --env=B=2 --network=shop-dev-data --entrypoint=cache"
        """ shop-dev/cache:0123456789ab -v serve --text 'it'"'"'s $HOME'"""
    )


def test_docker_run_leaves_out_what_the_spec_does_not_say() -> None:
    """An image's own entrypoint and command; a network only if one is named."""
    assert docker_run(SPEC).endswith(" --security-opt=no-new-privileges:true shop-dev/cache:0123456789ab")
    joined = dataclasses.replace(SPEC, network_mode="container:shop-dev-edge")
    assert docker_run(joined).endswith(" --network=container:shop-dev-edge shop-dev/cache:0123456789ab")


def test_every_field_of_a_spec_is_considered_by_the_tests_of_its_hash() -> None:
    """A field that is added is added to `CHANGES`, too."""
    assert {field.name for field in dataclasses.fields(ContainerSpec)} == CHANGES.keys() | {"name"}


@pytest.mark.parametrize("name", CHANGES)
def test_the_hash_follows_from_all_that_is_in_the_container(name: str) -> None:
    """Whatever differs in the container makes another hash, and so another name."""
    assert spec_hash(dataclasses.replace(SPEC, **{name: CHANGES[name]})) != spec_hash(SPEC)


def test_the_hash_leaves_out_name_and_way_to_the_engine() -> None:
    """The same container through another way to the same server is the same container."""
    elsewhere = dataclasses.replace(SPEC.placement, docker_host="ssh://server", platform="linux/amd64")
    assert spec_hash(dataclasses.replace(SPEC, name="other", placement=elsewhere)) == spec_hash(SPEC)


def test_the_hash_is_fit_for_a_name() -> None:
    """Ten hex digits."""
    assert len(spec_hash(SPEC)) == 10
    assert int(spec_hash(SPEC), 16)
