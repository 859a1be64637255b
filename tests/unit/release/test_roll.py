"""A rolling release, batch by batch: who serves meanwhile, and that all the old ones do again when it fails."""

import pytest

from release import ledger
from release.errors import DockerError, GateError, StepError
from release.roll import roll
from tests.unit.release.plans import NEW, OLD, nginx, plan, replicas
from tests.unit.release.stage import TOOLS, Stage, gone, look

OLD_NAMES = [f"shop-prod-web-{OLD}-{number}" for number in (1, 2, 3)]
SOCKETS = {release: [f"/run/web/{release}-{number}.sock" for number in (1, 2, 3)] for release in (OLD, NEW)}
THREE = plan(replicas=tuple(f"shop-prod-web-{NEW}-{n}" for n in (1, 2, 3)), sockets=tuple(SOCKETS[NEW]))


@pytest.fixture(autouse=True)
def identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked who deploys what."""
    monkeypatch.setattr(ledger, "who", lambda: "ann@host")
    monkeypatch.setattr(ledger, "commit", lambda _: "c0ffee")


@pytest.fixture
def docker() -> Stage:
    """Three old replicas, three new ones."""
    return Stage(*replicas(OLD, 3), *replicas(NEW, 3), nginx())


def pointed(docker: Stage) -> list[str]:
    """What the slots were pointed at last."""
    words = f"{TOOLS}slots.py point "
    return [call.removeprefix(words).split() for call in docker.calls if call.startswith(words)][-1]


@pytest.mark.parametrize("done", [1, 2])
def test_a_batch_takes_over_from_as_many_old_replicas(docker: Stage, done: int) -> None:
    """These are drained and stopped, but kept: they may be needed again."""
    told: list[str] = []
    roll(docker, THREE, done, told.append)
    assert pointed(docker) == [*SOCKETS[NEW][:done], *SOCKETS[OLD][done:]]
    assert [docker.containers[name].status for name in OLD_NAMES] == ["exited"] * done + ["running"] * (3 - done)
    assert [docker.containers[name].policy for name in OLD_NAMES] == ["no"] * done + ["always"] * (3 - done)
    assert told == [f"{done} of 3 replicas are of release {NEW}"]


def test_the_gate_comes_first_and_the_drain_last(docker: Stage) -> None:
    """The proof goes on for the batches that follow, in a phase of its own."""
    roll(docker, THREE, 1, print)
    assert docker.story[1:] == [
        *("run shop-prod/python:1", "go_live look", "gate", "prober mark roll", f"slots point {SOCKETS[NEW][0]}"),
        *(f"update {OLD_NAMES[0]}", f"stop {OLD_NAMES[0]}"),
    ]


def test_a_proof_begins_where_none_has(docker: Stage) -> None:
    """After a try that failed."""
    docker.tool("go_live.py look", look(OLD, None))
    roll(docker, THREE, 1, print)
    assert docker.story.count("probe") == 1


@pytest.mark.parametrize(("old", "new", "done", "leaving"), [(2, 4, 1, 0), (2, 4, 2, 1), (4, 2, 1, 2), (1, 3, 2, 0)])
def test_old_ones_leave_in_proportion(old: int, new: int, done: int, leaving: int) -> None:
    """Where their number changes with the release, too."""
    docker = Stage(*replicas(OLD, old), *replicas(NEW, new), nginx())
    numbers = range(1, new + 1)
    of = plan(
        replicas=tuple(f"shop-prod-web-{NEW}-{n}" for n in numbers),
        sockets=tuple(f"/run/web/{NEW}-{n}.sock" for n in numbers),
    )
    roll(docker, of, done, print)
    assert sum(container.status == "exited" for container in docker.containers.values()) == leaving
    assert len(pointed(docker)) == done + old - leaving


@pytest.mark.parametrize("live", ["", NEW])
def test_a_first_release_and_one_that_is_live_have_nobody_to_take_over_from(live: str) -> None:
    """The switch does it all."""
    docker = Stage(*replicas(NEW, 3), nginx(), live=live)
    roll(docker, THREE, 1, print)
    assert docker.story[1:] == ["run shop-prod/python:1", "go_live look"]


def test_a_batch_that_does_not_pass_the_gate_takes_over_from_nobody(docker: Stage) -> None:
    """It is on record."""
    docker.tool("gate.py", '{"id": "gate.E001", "replica": "1", "text": "replica 1: no.", "hint": "Look."}')
    with pytest.raises(GateError, match=r"gate\.E001"):
        roll(docker, THREE, 1, print)
    parked = [f"{verb} {name}" for name in THREE.replicas for verb in ("update", "stop")]
    assert docker.story[-10:] == ["slots restore", *parked, "prober stop", "ledger append", "rm shop-prod-tools"]
    assert {docker.containers[name].policy for name in THREE.replicas} == {"no"}
    assert [(each["result"], each["release"]) for each in docker.records] == [("failed", NEW)]


def test_another_try_starts_what_the_last_one_has_parked(docker: Stage) -> None:
    """Before the gate, and no more than this batch."""
    for name in THREE.replicas:
        docker.containers[name].change({"status": "exited", "policy": "no"})
    roll(docker, THREE, 1, print)
    assert docker.story.index(f"start {THREE.replicas[0]}") < docker.story.index("gate")
    assert [docker.containers[name].status for name in THREE.replicas] == ["running", "exited", "exited"]


def test_old_replicas_that_were_stopped_are_started_again_before_they_get_traffic(docker: Stage) -> None:
    """Those of earlier batches, too."""
    docker.containers[OLD_NAMES[0]].change({"status": "exited", "policy": "no"})
    docker.answer(f"stop --time=35 {OLD_NAMES[1]}", DockerError("docker stop: no answer"))
    with pytest.raises(DockerError, match="no answer"):
        roll(docker, THREE, 2, print)
    assert docker.story.index(f"start {OLD_NAMES[0]}") < docker.story.index("slots restore")
    assert docker.containers[OLD_NAMES[0]].status == "running"


def test_the_reason_is_told_whatever_becomes_of_giving_back(docker: Stage) -> None:
    """An old replica that does not start again leaves the traffic where it is answered."""
    docker.containers[OLD_NAMES[0]].change({"status": "exited", "policy": "no", "on_start": {"health": "unhealthy"}})
    docker.tool("prober.py mark", gone())
    with pytest.raises(StepError, match="No such container: shop-prod-tools"):
        roll(docker, THREE, 2, print)
    assert "slots restore" not in docker.story
