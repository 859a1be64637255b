"""The switch: in which order a release goes live, and that whatever goes wrong leaves the traffic where it is well."""

import json
import re
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from release import ledger
from release.errors import AbandonedError, DockerError, GateError, NotReadyError, RevertedError, StepError
from release.plan import Plan, Strategy
from release.switch import switch
from tests.unit.release.conftest import Clock
from tests.unit.release.fake_docker import Answer, FakeDocker
from tests.unit.release.plans import NEW, NGINX, OLD, PLAN, nginx, plan, replicas
from tests.unit.release.stage import MOVED, SEEN, TOOLS, Stage, gone, look

OLD_1, OLD_2 = f"shop-prod-web-{OLD}-1", f"shop-prod-web-{OLD}-2"
NEW_1, NEW_2 = PLAN.replicas
PARKED = [f"update {NEW_1}", f"stop {NEW_1}", f"update {NEW_2}", f"stop {NEW_2}"]
CLOSED = '{"id": "gate.E003", "replica": "1", "text": "replica 1: / must not.", "hint": "Look."}\n'


@pytest.fixture(autouse=True)
def identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked who deploys what."""
    monkeypatch.setattr(ledger, "who", lambda: "ann@host")
    monkeypatch.setattr(ledger, "commit", lambda _: "c0ffee")


@pytest.fixture
def docker() -> Stage:
    """All goes well."""
    return Stage()


def run(docker: FakeDocker, of: Plan = PLAN) -> list[str]:
    """What the switch tells."""
    told: list[str] = []
    switch(docker, of, told.append)
    return told


def failure(docker: FakeDocker, kind: type[BaseException] = StepError, of: Plan = PLAN) -> str:
    """What the switch says when it fails."""
    with pytest.raises(kind) as failed:
        run(docker, of)
    return str(failed.value)


def after(docker: Stage, first: str) -> list[str]:
    """The story from the first such line on."""
    return docker.story[docker.story.index(first) :]


# All goes well


def test_a_release_goes_live_step_by_step(docker: Stage) -> None:
    """Nothing is taken from the release before until the new one has been watched; then it drains."""
    told = run(docker)
    assert [line for line in docker.story if not line.startswith("rm shop-prod-tools")] == [
        *("run shop-prod/python:1", "go_live look", "go_live move", "verify", "prober mark bake"),
        *(f"slots commit {NEW}", "prober mark after"),
        *(f"stop {OLD_1}", f"rm {OLD_1}", f"stop {OLD_2}", f"rm {OLD_2}"),
        *("verify", "prober report", "prober stop", "ledger append", "slots keep"),
    ]
    assert told[0] == "live; watching it for 30 s"
    assert told[-1].startswith("proof: ")
    assert set(docker.containers) == {NEW_1, NEW_2, NGINX}


def test_a_switch_that_is_over_in_no_time_lets_the_traffic_go_on_until_it_proves_something(docker: Stage) -> None:
    """Too few requests prove nothing."""
    few = json.dumps(SEEN | {"requests": 99})
    docker.tool("prober.py report", few, few, json.dumps(SEEN))
    run(docker)
    assert after(docker, "prober report")[:4] == [*["prober report"] * 3, "prober stop"]


@pytest.mark.parametrize("answer", [json.dumps(SEEN | {"requests": 0}), DockerError("docker exec: gone")])
def test_a_proof_that_never_comes_does_not_hold_a_release_up(docker: Stage, clock: Clock, answer: Answer) -> None:
    """It is live; what is missing is said in the summary."""
    docker.tool("prober.py report", answer)
    begun = clock.now
    run(docker)
    assert docker.records[-1]["result"] == "live"
    assert clock.now - begun < PLAN.bake_seconds + PLAN.drain_seconds + 10


def test_it_is_watched_for_as_long_as_it_should_be(docker: Stage, clock: Clock) -> None:
    """By the clock of the server, since the moment of the move."""
    asked: list[str] = []
    docker.on_call = lambda call: asked.append(call) if call.startswith("logs") else None
    run(docker)
    assert clock.now >= 1030
    assert asked[0].startswith("logs --since=2026-11-24T09:59:00.500000Z")
    stamps = [re.findall(r"T10:00:(\d\d\.\d+)Z", call) for call in asked[1:]]
    assert stamps[0][0] == stamps[0][1] == "00.500000"
    assert [later[0] for later in stamps[1:]] == [earlier[1] for earlier in stamps[:-1]]
    assert len(stamps) == 30


def test_a_record_is_written(docker: Stage) -> None:
    """Of the release, of what was applied, and of the proof."""
    run(docker)
    [record] = docker.records
    assert (record["release"], record["result"], record["reason"], record["who"]) == (NEW, "live", "", "ann@host")
    assert record["proof"]["requests"] == 300
    assert record["healthy_to_live_seconds"] == 0.38


def test_a_scale_is_timed_by_the_replicas_that_join(docker: Stage) -> None:
    """The others have been healthy for long."""
    docker.tool("go_live.py look", look(NEW))
    docker.containers[NEW_1].probed = "2026-11-24T08:00:00Z"
    docker.containers[NEW_2].probed = "2026-11-24T10:00:00.25Z"
    run(docker)
    assert [record["healthy_to_live_seconds"] for record in docker.records] == [0.25]


def test_what_was_cut_short_is_told(docker: Stage) -> None:
    """At the end, when it is known."""
    docker.answer(f"exec {OLD_2}", "0 1")
    assert f"{OLD_2}: 0 requests and 1 long ones did not end in time" in run(docker)


def test_an_old_nginx_goes_after_the_old_replicas_and_may_not_answer_any_more(docker: Stage) -> None:
    """The second verification asks for the configuration as well."""
    docker.containers["shop-prod-nginx-0"] = nginx("shop-prod-nginx-0")
    run(docker)
    story = docker.story
    assert story.index(f"rm {OLD_2}") < story.index("stop shop-prod-nginx-0") < story.index("prober stop")
    verifications = [call for call in docker.calls if call.startswith(f"{TOOLS}verify")]
    assert [re.findall(r"--edge=(\S*)", call) for call in verifications] == [[""], ["eeeeeeeeee"]]


def test_the_tools_are_gone_afterwards(docker: Stage) -> None:
    """However it ended."""
    run(docker)
    assert docker.calls[-1] == "rm --force shop-prod-tools"
    closed = Stage()
    closed.tool("go_live.py move", CLOSED)
    failure(closed)
    assert closed.calls[-1] == "rm --force shop-prod-tools"


@pytest.mark.parametrize(("requests", "probes"), [(None, 1), (0, 0), (7, 0)])
def test_a_proof_that_has_begun_goes_on(requests: int | None, probes: int) -> None:
    """Even if it has seen nothing yet; two at a time would spoil each other's report."""
    docker = Stage(requests=requests)
    run(docker)
    assert docker.story.count("probe") == probes


@pytest.mark.parametrize(("requests", "seconds"), [(None, 2.0), (10, 2.0), (50, 0.0)])
def test_there_is_something_to_compare_with(requests: int | None, seconds: float, clock: Clock) -> None:
    """Where too few requests have been seen, two seconds more are waited for."""
    docker = Stage(requests=requests)
    docker.tool("go_live.py move", CLOSED)
    failure(docker)
    assert clock.now == 1000 + seconds


def test_more_replicas_of_the_same_release_are_not_watched(clock: Clock) -> None:
    """There is nothing to compare them with, and nobody to give their traffic back to."""
    docker = Stage(*replicas(NEW, 3), nginx(), live=NEW)
    told = run(docker)
    assert clock.now == 1000 + 0.2
    assert docker.story.count("prober mark bake") == 0
    assert f"rm shop-prod-web-{NEW}-3" in docker.story
    assert len(told) == 2


def test_a_canary_is_watched_before_all_requests_follow(docker: Stage) -> None:
    """So many of the twenty slots for so many percent."""
    canary = plan(strategy=Strategy(kind="canary", canary_percent=10, canary_seconds=60))
    told = run(docker, canary)
    assert told[0] == "canary: 10 % of the requests for 60 s"
    [move] = [call for call in docker.calls if "go_live.py move" in call]
    assert "--canary=2 " in move
    assert docker.story.index("go_live move") < docker.story.index(f"slots point {PLAN.sockets[0]}")


def test_a_first_release_is_not_a_canary() -> None:
    """Somebody has to take the other requests."""
    docker = Stage(*replicas(NEW, 2), nginx(), live="")
    run(docker, plan(strategy=Strategy(kind="canary")))
    assert "--canary" not in " ".join(docker.calls)


def test_replicas_that_an_earlier_try_has_stopped_are_started_again(docker: Stage) -> None:
    """The step may be repeated."""
    for name in PLAN.replicas:
        docker.containers[name].change({"status": "exited", "policy": "no"})
    run(docker)
    assert docker.story.index(f"start {NEW_2}") < docker.story.index("go_live move")
    assert docker.containers[NEW_1].policy == "always"


# Before the traffic moves


def test_a_closed_gate_changes_nothing_for_visitors(docker: Stage) -> None:
    """What was found is told; the replicas are stopped and kept."""
    docker.tool("go_live.py move", CLOSED)
    assert failure(docker, GateError) == (
        "the gate is closed, and the release before goes on serving:\n  gate.E003 replica 1: / must not. Look."
    )
    assert after(docker, "go_live move")[1:] == [
        *("slots restore", *PARKED, "prober stop", "ledger append", "rm shop-prod-tools"),
    ]
    assert docker.records[0]["result"] == "failed"
    assert docker.containers[OLD_1].status == "running"


def test_a_gate_that_says_nothing_is_closed(docker: Stage) -> None:
    """Whatever has become of it."""
    docker.tool("go_live.py move", "Traceback: …")
    assert "it must say whether it is open" in failure(docker)


def test_a_replica_that_is_not_healthy_keeps_the_release_from_going_live(docker: Stage) -> None:
    """No slot is touched, but for being as it was."""
    docker.containers[NEW_2].change({"status": "exited", "health": "unhealthy"})
    assert failure(docker, NotReadyError).startswith(f"{NEW_2}: not healthy, so the release does not go live")
    assert "go_live move" not in docker.story


def test_a_replica_that_its_own_step_gives_up_is_left_to_it(docker: Stage) -> None:
    """That step gives back, records and takes the tools away; two at it would be in each other's way."""
    docker.containers[NEW_2].change(
        {"health": "starting", "next": deque([{}, {}, {"status": "exited", "policy": "no"}])}
    )
    failure(docker, AbandonedError)
    assert after(docker, "go_live look") == ["go_live look"]
    assert docker.records == []


@pytest.mark.parametrize("live", [OLD, NEW])
def test_a_new_nginx_is_parked_with_the_release_that_it_came_with(live: str) -> None:
    """So that visitors have the configuration before; an up of the same release may bring a new one as well."""
    docker = Stage(*replicas(OLD, 2), *replicas(NEW, 2), nginx(), nginx("shop-prod-nginx-0"), live=live)
    docker.tool("go_live.py move", CLOSED)
    failure(docker, GateError)
    assert after(docker, "slots restore")[-5:-3] == [f"update {NGINX}", f"stop {NGINX}"]
    assert docker.containers["shop-prod-nginx-0"].status == "running"
    assert docker.containers[NEW_1].status == ("exited" if live == OLD else "running")


@pytest.mark.parametrize("changes", [{"status": "exited"}, {"health": "unhealthy"}])
def test_the_only_nginx_that_is_well_goes_on(docker: Stage, changes: dict[str, Any]) -> None:
    """Whatever it came with."""
    docker.containers["shop-prod-nginx-0"] = nginx("shop-prod-nginx-0", **changes)
    docker.tool("go_live.py move", CLOSED)
    failure(docker, GateError)
    assert docker.containers[NGINX].status == "running"


def test_a_parked_nginx_is_started_by_the_next_try(docker: Stage) -> None:
    """And is healthy before anything else is done."""
    docker.containers[NGINX].change({"status": "exited", "policy": "no"})
    run(docker)
    assert docker.story.index(f"start {NGINX}") < docker.story.index("go_live move")
    assert (docker.containers[NGINX].status, docker.containers[NGINX].policy) == ("running", "always")


# After it has moved


def test_a_release_that_does_not_answer_through_nginx_gives_the_traffic_back(docker: Stage) -> None:
    """At once, and the one before is asked whether it is well."""
    docker.tool("verify.py", DockerError("docker exec: through Nginx it was 502"), "it answers")
    assert failure(docker, RevertedError) == (
        f"release {NEW} has given its traffic back to {OLD}: through Nginx it was 502."
    )
    assert after(docker, "verify")[1:] == [
        *("slots restore", "prober mark revert", "verify", "slots restore", *PARKED),
        *("prober stop", "ledger append", "rm shop-prod-tools"),
    ]


def test_a_release_that_turns_bad_gives_the_traffic_back(docker: Stage, clock: Clock) -> None:
    """Within seconds, and with the reason on record."""
    docker.containers[NEW_1].next = deque([{}, {}, {}, {}, {"restarts": 1}])
    told = failure(docker, RevertedError)
    assert told == f"release {NEW} has given its traffic back to {OLD}: {NEW_1} has crashed."
    assert clock.now < 1010
    assert docker.records[0]["reason"] == told
    assert {OLD_1, OLD_2} <= set(docker.containers)


def test_old_replicas_that_a_rolling_release_has_stopped_are_started_before_they_get_traffic(docker: Stage) -> None:
    """A link to a socket that nobody listens on helps nobody."""
    docker.containers[OLD_1].change({"status": "exited", "policy": "no"})
    docker.tool("verify.py", DockerError("docker exec: x"), "it answers")
    failure(docker, RevertedError)
    assert docker.story.index(f"start {OLD_1}") < docker.story.index("slots restore")


@pytest.mark.parametrize("end", [SystemExit("interrupted (SIGTERM)"), KeyboardInterrupt(), ValueError("a bug")])
def test_an_interruption_gives_the_traffic_back(docker: Stage, end: BaseException) -> None:
    """Else it would stay with a release that nobody watches."""

    def interrupt(*_: Any) -> str:
        raise end

    docker.tool("prober.py mark bake", interrupt)
    failure(docker, type(end))
    assert after(docker, "prober mark bake")[1] == "slots restore"
    assert docker.records[0]["reason"] == (str(end) or "KeyboardInterrupt")


def test_tools_that_do_not_work_any_more_are_replaced_to_give_the_traffic_back(docker: Stage) -> None:
    """They may have been killed, or have no process left."""
    docker.tool("verify.py", DockerError("docker exec: x"), "it answers")
    docker.tool("slots.py restore", gone(), "")
    assert "has given its traffic back" in failure(docker, RevertedError)
    assert after(docker, "verify")[1:5] == [
        *("slots restore", "rm shop-prod-tools", "run shop-prod/python:1", "slots restore"),
    ]


def test_a_word_in_the_proof_does_not_keep_the_traffic(docker: Stage) -> None:
    """It is given back all the same."""
    docker.tool("verify.py", DockerError("docker exec: x"), "it answers")
    docker.tool("prober.py mark revert", gone())
    assert "has given its traffic back" in failure(docker, RevertedError)


def test_the_reason_is_told_even_if_the_traffic_cannot_be_given_back(docker: Stage) -> None:
    """With what keeps it; the new replicas run on, as it may be they that serve."""
    docker.tool("verify.py", DockerError("docker exec: through Nginx it was 502"))
    docker.tool("slots.py restore", gone())
    told = failure(docker, RevertedError)
    assert told.startswith(f"release {NEW} must give its traffic back to {OLD}: through Nginx it was 502. It cannot: ")
    assert docker.containers[NEW_1].status == "running"


def test_a_release_before_that_is_not_well_either_is_told(docker: Stage) -> None:
    """It has the traffic all the same."""
    docker.tool("verify.py", DockerError("docker exec: 502"), DockerError("docker exec: 503"))
    assert failure(docker, RevertedError).endswith("502. That one is not well either: 503")


def test_a_first_release_has_nobody_to_give_its_traffic_back_to() -> None:
    """It fails, and stays to be looked at."""
    docker = Stage(*replicas(NEW, 2), nginx(), live="")
    docker.tool("verify.py", DockerError("docker exec: through Nginx it was 502"))
    assert failure(docker) == "through Nginx it was 502"
    assert "slots restore" not in docker.story
    assert docker.containers[NEW_1].status == "running"


# Once it is live


@pytest.mark.parametrize(
    "break_it",
    [
        lambda docker: docker.tool("verify.py", "it answers", DockerError("docker exec: an answer by another Nginx")),
        lambda docker: docker.tool("ledger.py append", DockerError("docker exec: release ledger: broken")),
    ],
)
def test_what_goes_wrong_later_fails_the_step_and_leaves_the_release_live(
    docker: Stage, break_it: Callable[[Stage], None]
) -> None:
    """The release before is on its way out by then."""
    break_it(docker)
    assert failure(docker) in ("an answer by another Nginx", "docker exec: release ledger: broken")
    assert "slots restore" not in docker.story
    assert {NEW_1, NEW_2} <= set(docker.containers)


def test_a_release_that_is_live_and_fails_later_is_on_record_as_live(docker: Stage) -> None:
    """With the reason."""
    docker.tool("verify.py", "it answers", DockerError("docker exec: an answer by another Nginx"))
    failure(docker)
    assert [(each["result"], each["reason"]) for each in docker.records] == [("live", "an answer by another Nginx")]


def test_images_of_releases_that_are_not_kept_go(docker: Stage) -> None:
    """Those of the last ones, by the ledger, stay."""
    records = [f'{{"result": "live", "release": "{n}", "image": "shop-prod/web:{n}"}}' for n in (1, 2, 3)]
    docker.tool("ledger.py append", "\n".join(records))
    names = [f"shop-prod/web:{n}" for n in (1, 2, 3, "failed")]
    ls = "image ls --no-trunc --format={{.Repository}}:{{.Tag}} {{.ID}}"
    docker.answer(f"{ls} shop-prod/web", "".join(f"{name} sha256:{name}\n" for name in names))
    run(docker)
    removed = [call for call in docker.calls if call.startswith("image rm")]
    assert removed == ["image rm shop-prod/web:1", "image rm shop-prod/web:failed"]


def test_the_move_needs_its_time() -> None:
    """A script of another version is no success."""
    docker = Stage()
    docker.tool("go_live.py move", MOVED.splitlines()[1])
    failure(docker, StepError)
    assert "slots restore" in docker.story
