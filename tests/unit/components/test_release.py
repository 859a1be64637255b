"""The step that makes a release live: what it waits for, what it is told, and when it runs again."""

from typing import Any

import pytest

from components.gunicorn import Gunicorn, GunicornArgs
from components.release import Release, ReleaseArgs
from release.plan import read
from tests.unit.components.around import GUNICORN, around
from tests.unit.recording import Declarations, Declared, record


def declare(rollout: dict[str, Any] | None = None, **changes: Any) -> Declarations:
    """A release that goes live, with these arguments of Gunicorn and of the rollout changed."""

    def program() -> None:
        given = around(**rollout or {})
        gunicorn = Gunicorn("web", GunicornArgs(**GUNICORN | given | changes))
        Release("release", ReleaseArgs(gunicorn=gunicorn, rollout=given["rollout"]))

    return record(program)


def switch(declarations: Declarations) -> Declared:
    """The step."""
    return declarations.all["Command release-switch"]


@pytest.fixture(scope="module")
def declared() -> Declarations:
    """A release of three replicas."""
    return declare()


def test_the_switch_waits_until_every_replica_and_nginx_are_healthy(declared: Declarations) -> None:
    """All that it will send traffic to, and through."""
    ready = {key for key in declared.all if key.startswith("Command ") and key.endswith("-ready")}
    assert len(ready) == 1 + 1 + 3 + 1
    assert ready - {"Command postgres-ready"} <= set(switch(declared).depends_on)


def test_the_switch_is_told_the_plan_and_what_was_migrated(declared: Declarations) -> None:
    """In its environment; its text names the release, so that a preview does."""
    release = str(declared.all["Release release"].outputs["release"])
    assert switch(declared).inputs["create"] == f".venv/bin/python -m release switch {release}"
    environment = switch(declared).inputs["environment"]
    assert environment.keys() == {"RELEASE_PLAN", "RELEASE_MIGRATED", "AGAIN_FOR"}
    assert read(environment["RELEASE_PLAN"]).release == release


def test_the_switch_runs_again_for_every_new_container(declared: Declarations) -> None:
    """Of the holder, of Nginx, of each replica: all of them are asked through."""
    reasons = switch(declared).inputs["environment"]["AGAIN_FOR"].split()
    assert [reason.rpartition("-")[0].partition("-")[0] for reason in reasons] == [
        "nginx",
        "nginx",
        "web",
        "web",
        "web",
    ]


@pytest.mark.parametrize(
    "change",
    [{"bake_seconds": 1}, {"keep": 1}, {"image": "shop-prod/python:2"}, {"drain_timeout_seconds": 41}],
)
def test_the_switch_follows_how_a_release_goes_live(change: dict[str, Any], declared: Declarations) -> None:
    """With the traffic that it is watched by; and no container does."""
    assert declare(change).changed(declared) == {"Command web-prepare", "Command release-switch"}
