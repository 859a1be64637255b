"""The tools container: when it is made anew, when it goes on, and what its scripts are told."""

import pytest

from release.errors import AbandonedError, DockerError, StepError
from release.plan import Probes
from release.tools import Tools, claim, prepare, running
from tests.unit.release.fake_docker import FakeContainer
from tests.unit.release.plans import NEW, OLD, PLAN, plan
from tests.unit.release.stage import TOOLS, Stage

LIFE = 1800 + 2 * (60 + 30 + 90 + 35) + 30 + 30
TOLD = "exec --interactive shop-prod-tools tee /tmp/plan.json"
STARTED = f"run --detach --name=shop-prod-tools shop-prod/python:1 sleep {LIFE}"


def prepared(release: str = NEW, status: str = "running") -> FakeContainer:
    """A tools container that is there."""
    return FakeContainer(name="shop-prod-tools", role="tools", status=status, labels={"django-stack.release": release})


def used(*containers: FakeContainer, keep: bool = False) -> list[str]:
    """The calls around some work with the tools."""
    docker = Stage(*containers)
    with running(docker, PLAN, keep=keep):
        docker.calls.append("work")
    return docker.calls


@pytest.mark.parametrize(
    "containers", [[], [prepared(OLD)], [prepared(status="exited")]], ids=["none", "another release", "ended"]
)
def test_a_container_of_its_own_is_started_for_a_release(containers: list[FakeContainer]) -> None:
    """In place of what is left; for as long as it may be needed, and no longer than the work."""
    assert used(*containers or [FakeContainer(name="x")]) == [
        *("rm --force shop-prod-tools", STARTED, TOLD, "work", "rm --force shop-prod-tools"),
    ]


def test_the_one_that_was_prepared_goes_on() -> None:
    """With the proof that has begun in it."""
    assert used(prepared()) == ["work", "rm --force shop-prod-tools"]


def test_it_is_kept_for_a_later_step() -> None:
    """But for a failure, after which the later step does not come."""
    assert used(prepared(), keep=True) == ["work"]
    docker = Stage(prepared())
    with pytest.raises(ZeroDivisionError), running(docker, PLAN, keep=True):
        raise ZeroDivisionError
    assert docker.containers == {}


def test_it_is_left_to_the_step_that_ends_the_release() -> None:
    """Which gives back and records with it, and takes it away."""
    docker = Stage(prepared())
    with pytest.raises(AbandonedError), running(docker, PLAN):
        raise AbandonedError
    assert docker.calls == []


def test_the_plan_is_there_for_the_one_that_takes_it() -> None:
    """Of the release alone that is under way."""
    docker = Stage(prepared())
    docker.answer("exec shop-prod-tools sh -c mv", PLAN.text(), "")
    assert claim(docker, "shop-prod", OLD) is None
    assert claim(docker, "shop-prod", NEW) == PLAN
    assert claim(docker, "shop-prod", NEW) is None
    assert claim(Stage(), "shop-prod", NEW) is None


def test_an_engine_that_cannot_remove_it_hides_no_failure() -> None:
    """Of the work."""
    docker = Stage(prepared())
    docker.answer("rm", DockerError("docker rm: no answer"))
    with pytest.raises(StepError, match="the work"), running(docker, PLAN):
        raise StepError("the work")


@pytest.mark.parametrize(("live", "probes"), [(OLD, 1), (NEW, 0), ("", 0)])
def test_the_proof_begins_while_replicas_start(live: str, probes: int) -> None:
    """Where there is a release to switch from."""
    docker = Stage(FakeContainer(name="x"), live=live)
    prepare(docker, PLAN)
    assert docker.story.count("probe") == probes
    assert docker.calls[1] == STARTED
    assert docker.calls[-1] == TOLD
    assert docker.inputs == [PLAN.text()]


def test_the_prober_is_told_what_to_ask_and_for_how_long() -> None:
    """POSTs and slow requests only where they were asked for."""
    docker = Stage()
    probes = Probes(host="h", health_path="/up/", post_paths=("/p/",), slow_paths=("/s/", "/t/"), per_second=5)
    Tools(docker, plan(probes=probes)).start_probing()
    assert docker.calls == [
        (
            "exec --detach shop-prod-tools python3 /opt/stack/prober.py"
            f" --host=h --health=/up/ --rate=5 --seconds={LIFE} --post=/p/ --slow=/s/ --slow=/t/"
        )
    ]


def test_a_verification_says_what_it_found_without_dockers_words() -> None:
    """These are of no use to who deploys."""
    docker = Stage()
    docker.tool("verify.py", DockerError("docker exec --interactive shop-prod-tools: through Nginx it was 502"))
    with pytest.raises(StepError, match=r"^through Nginx it was 502$"):
        Tools(docker, PLAN).verify(release=NEW, replicas=2, edge="e", seconds=5)
    assert docker.calls == [
        f"{TOOLS}verify.py --release={NEW} --replicas=2 --edge=e --seconds=5 --host=www.example.com --path=/health/"
    ]


def test_whoever_adds_to_the_ledger_learns_what_is_in_it() -> None:
    """Record by record."""
    docker = Stage()
    docker.tool("ledger.py append", '{"number": 1}\n{"number": 2}\n')
    assert [record["number"] for record in Tools(docker, PLAN).append({})] == [1, 2]


def test_a_proof_that_never_began_is_empty() -> None:
    """Whatever the prober prints then."""
    docker = Stage()
    docker.tool("prober.py stop", "")
    assert Tools(docker, PLAN).stop_probing() == {}
