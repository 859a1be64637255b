"""The step that makes a release live: what it waits for, what it is told, and when it runs again."""

from typing import Any

import pytest

from components.gunicorn import Gunicorn, GunicornArgs
from components.release import Release, ReleaseArgs
from release.plan import Strategy, read
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


def test_the_switch_comes_after_every_replica_and_a_healthy_nginx(declared: Declarations) -> None:
    """It waits for the health of the replicas itself, so as to lose no time when they have it."""
    waits = set(switch(declared).depends_on)
    web, ready = ({each for each in waits if each.startswith(kind)} for kind in ("Container web-", "Command "))
    assert len(web) == 3
    (nginx,) = (
        each.name for each in declared.of("Container") if each.name.startswith("nginx-") and "holder" not in each.name
    )
    steps = ("web-prepare", "web-migrate", "web-release-phase", "web-static", "nginx-holder-ready", f"{nginx}-ready")
    assert ready == {f"Command {step}" for step in steps}


def test_the_switch_comes_after_every_batch_of_a_rolling_release() -> None:
    """The last batch is its own."""
    declarations = declare({"strategy": Strategy(kind="rolling")})
    rolls = {key for key in declarations.all if "-roll-" in key}
    assert len(rolls) == 2
    assert rolls <= set(switch(declarations).depends_on)


def test_the_switch_is_told_the_plan_and_what_was_migrated(declared: Declarations) -> None:
    """In its environment; its text names the release, so that a preview does."""
    release = str(declared.all["Release release"].outputs["release"])
    assert switch(declared).inputs["create"] == f".venv/bin/python -m release switch {release}"
    environment = switch(declared).inputs["environment"]
    assert environment.keys() == {"RELEASE_PLAN", "RELEASE_MIGRATED", "RELEASE_PUBLISHED", "AGAIN_FOR"}
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
    """With the traffic that it is watched by; and no container does. Static files are kept as long as releases."""
    steps = {"Command web-prepare", "Command release-switch"} | ({"Command web-static"} if "keep" in change else set())
    assert declare(change).changed(declared) == steps
