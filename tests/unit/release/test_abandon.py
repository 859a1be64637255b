"""A release that fails before its switch: who served serves on alone, and the ledger has the reason."""

import pytest

from release import ledger
from release.abandon import abandon, abandon_with
from release.errors import DockerError
from tests.unit.release.conftest import Clock
from tests.unit.release.fake_docker import FakeContainer
from tests.unit.release.plans import NEW, NGINX, OLD, PLAN, nginx, replicas
from tests.unit.release.stage import Stage

NEW_1, NEW_2 = PLAN.replicas
OLD_1 = f"shop-prod-web-{OLD}-1"
OLD_NGINX = "shop-prod-nginx-0"
CLAIM = "exec shop-prod-tools sh -c mv"


@pytest.fixture(autouse=True)
def identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked who deploys what."""
    monkeypatch.setattr(ledger, "who", lambda: "ann@host")
    monkeypatch.setattr(ledger, "commit", lambda _: "c0ffee")


def stage(live: str = OLD) -> Stage:
    """A release and an Nginx beside those before, and prepared tools."""
    tools = FakeContainer(name="shop-prod-tools", role="tools", labels={"django-stack.release": NEW})
    edges = nginx(OLD_NGINX), nginx()
    docker = Stage(*(replicas(OLD, 2) if live else []), *replicas(NEW, 2), *edges, tools, live=live)
    docker.answer(CLAIM, PLAN.text(), "")
    return docker


def test_all_is_as_it_was_before() -> None:
    """Slots, replicas and Nginx; with a record, and without the tools and their traffic."""
    docker = stage()
    docker.containers[OLD_1].change({"status": "exited", "policy": "no"})  # as a batch before has left it
    abandon(docker, "shop-prod", NEW, "web-1: it ended")
    running = {name for name, container in docker.containers.items() if container.status == "running"}
    assert running == {OLD_1, f"shop-prod-web-{OLD}-2", OLD_NGINX}
    assert (
        docker.story.index(f"start {OLD_1}") < docker.story.index("slots restore") < docker.story.index("prober stop")
    )
    [record] = docker.records
    assert (record["release"], record["result"], record["reason"]) == (NEW, "failed", "web-1: it ended")
    assert record["proof"]["requests"] == 300
    assert "shop-prod-tools" not in docker.containers


def test_only_one_of_several_that_fail_does_it(clock: Clock) -> None:
    """The others find that the plan is taken, or the tools gone, and do not wait for long."""
    docker = stage()
    for name in (NEW_1, NEW_2):
        abandon_with(docker, name, f"{name}: it ended")
    assert [record["reason"] for record in docker.records] == [f"{NEW_1}: it ended"]
    assert clock.now <= 1005.5


def test_tools_that_are_not_there_yet_are_waited_for() -> None:
    """A replica may crash sooner than they start."""
    docker = stage()
    docker.answer(CLAIM, "", "", PLAN.text())
    abandon(docker, "shop-prod", NEW, "why")
    assert len(docker.records) == 1


@pytest.mark.parametrize("name", [NGINX, "gone"])
def test_what_is_in_no_release_ends_none(name: str) -> None:
    """Another container that fails is no reason to touch the replicas."""
    docker = stage()
    abandon_with(docker, name, "why")
    assert docker.calls == []


def test_a_first_release_stays_to_be_looked_at() -> None:
    """Nobody served before; on record it is all the same."""
    docker = stage(live="")
    abandon(docker, "shop-prod", NEW, "why")
    assert docker.containers[NEW_1].status == docker.containers[NGINX].status == "running"
    assert len(docker.records) == 1


def test_the_reason_is_told_whatever_goes_wrong_besides() -> None:
    """By the step that calls; nothing is raised here."""
    docker = stage()
    docker.answer("inspect", DockerError("docker inspect: no answer"))
    abandon_with(docker, NEW_1, "why")
    assert docker.records == []
