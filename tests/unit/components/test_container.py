"""A long-running container as the provider gets it, and the step that waits for it."""

import json

import pulumi
import pytest

from components.container import _go_duration, run
from components.spec import FORM, ContainerSpec
from tests.unit import goldens
from tests.unit.components.specs import FULL, SPEC
from tests.unit.program import ROOT
from tests.unit.recording import Declarations, record


def declared(spec: ContainerSpec, *, disposable: bool = False) -> Declarations:
    """What `run` declares for a spec, within a component."""

    def program() -> None:
        box = pulumi.ComponentResource("shop:index:Box", "box", {})
        run("cache", spec, pulumi.ResourceOptions(parent=box), disposable=disposable)

    return record(program)


def test_a_container_is_declared_with_all_that_its_spec_says() -> None:
    """Every property that the provider gets, whole. Its health is waited for by a step, not by the provider."""
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
        "ulimits": [{"name": "nofile", "soft": 16384, "hard": 16384}],
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
        "restart": "always",
        "healthcheck": {
            "tests": ["CMD", "check-cache", "--quick"],
            "interval": "10s",
            "timeout": "5s",
            "retries": 3,
            "startPeriod": "1m15s",
            "startInterval": "500ms",
        },
        "stopSignal": "SIGQUIT",
        "stopTimeout": 25,
        "destroyGraceSeconds": 25,
        "logDriver": "json-file",
        "logOpts": {"max-size": "7m", "max-file": "2"},
    }


def test_another_form_of_the_same_spec_has_another_number() -> None:
    """Containers are named after their specs. One that is declared in another way under the same name could not be
    created beside the one that serves, and a rollback would not bring back what was released.
    """
    inputs = {name: declared(spec).all["Container cache"].inputs for name, spec in (("least", SPEC), ("full", FULL))}
    golden = json.loads((ROOT / "tests" / "unit" / "golden" / "container-form.json").read_text())
    assert inputs == golden["inputs"] or golden["form"] < FORM, (
        "components/container.py declares the same spec in another way: raise FORM in components/spec.py by one,"
        " then write the golden file anew"
    )
    goldens.expect("container-form.json", json.dumps({"form": FORM, "inputs": inputs}, indent=2, sort_keys=True) + "\n")


def test_a_container_is_replaced_where_an_update_would_change_nothing() -> None:
    """The provider reports these as updated and leaves the container as it was."""
    container = declared(FULL).all["Container cache"]
    assert container.replace_on_changes == ("healthcheck", "init", "tmpfs")
    assert container.delete_before_replace


def test_a_step_limits_a_containers_processes_and_waits_until_it_is_healthy() -> None:
    """Whenever the container is new; beside it, so that who depends on the component waits for the step as well."""
    declarations = declared(FULL)
    step = declarations.all["Command cache-ready"]
    assert step.parent == declarations.all["Container cache"].parent == "Box box"
    assert step.depends_on == ("Container cache",)
    assert step.inputs["create"] == (
        "/usr/bin/python3.12 -m release ready shop-dev-cache --pids=30 --cpu-shares=512 --seconds=75"
    )
    environment = dict(step.inputs["environment"])
    assert environment.pop("AGAIN_FOR").startswith("cache-")
    assert environment == {"DOCKER_HOST": "ssh://deploy@server"}


def test_a_container_that_may_fail_is_said_to_be_disposable() -> None:
    """Its predecessor serves, so it is stopped rather than restarted for ever."""
    assert declared(FULL, disposable=True).all["Command cache-ready"].inputs["create"].endswith(" --disposable")


def test_a_container_without_a_health_check_has_none() -> None:
    """It is ready when it runs."""
    assert "healthcheck" not in declared(SPEC).all["Container cache"].inputs


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "5s"), (59, "59s"), (60, "1m0s"), (61, "1m1s"), (900, "15m0s"), (3600, "1h0m0s"), (3725, "1h2m5s")],
)
def test_durations_are_written_as_docker_reads_them_back(seconds: int, text: str) -> None:
    """Any other form of the same time would be a difference at every `up`."""
    assert _go_duration(seconds) == text
