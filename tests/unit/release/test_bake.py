"""The verdict on a release: when it must give its traffic back, and when it must not."""

import json

import pytest

from release.bake import Level, Replica, level, requests, slower, verdict

WELL = (
    Replica(name="web-1", running=True, restarts=0, out_of_memory=False, health="healthy"),
    Replica(name="web-2", running=True, restarts=0, out_of_memory=False, health="starting"),
)


def ill(**changes: object) -> Replica:
    """A replica with which something is wrong."""
    well: dict[str, object] = {"running": True, "restarts": 0, "out_of_memory": False, "health": "healthy"}
    return Replica(name="web-2", **{**well, **changes})  # type: ignore[arg-type]


def at(requests: int = 1000, errors: int = 0, lost: int = 0, p95: float = 0.1) -> Level:
    """A level."""
    return Level(requests=requests, errors=errors, lost=lost, p95_seconds=p95)


def line(release: str = "new", status: int = 200, seconds: float = 0.1) -> str:
    """A line of Nginx's access log."""
    return json.dumps({"time": "x", "status": status, "seconds": seconds, "release": release}, separators=(",", ":"))


# No reason


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (at(), at()),
        (at(requests=0), at(requests=0)),
        (at(requests=0), at()),
        (at(), at(requests=0)),
        # equally bad
        (at(errors=100), at(errors=100)),
        (at(errors=500), at(errors=500)),
        (at(requests=60, errors=60), at(requests=60, errors=60)),
        (at(lost=50), at(lost=50)),
        (at(lost=5), at(requests=500, lost=3)),
        (at(p95=3.0), at(p95=3.0)),
        # a little worse, as chance has it
        (at(errors=0), at(errors=2)),
        (at(errors=0), at(requests=3, errors=2)),
        (at(errors=0), at(errors=20)),
        (at(errors=10), at(errors=40)),
        (at(lost=0), at(lost=2)),
        (at(p95=0.01), at(p95=0.5)),
        (at(p95=0.2), at(p95=0.79)),
        (at(p95=1.0), at(p95=4.0)),
        # too few to say
        (at(requests=49, p95=0.1), at(p95=5.0)),
        (at(p95=0.1), at(requests=49, p95=5.0)),
        # better
        (at(errors=500, lost=100, p95=4.0), at()),
    ],
)
def test_a_release_that_is_as_good_as_the_one_before_stays(before: Level, now: Level) -> None:
    """Or as bad; or worse by no more than chance."""
    assert verdict(before, now, WELL) == slower(before, now) == ""


# Reasons


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        (at(), at(errors=21), "21 of 1000 requests got a server error (2%; 0% before)"),
        (at(), at(requests=3, errors=3), "3 of 3 requests got a server error (100%; 0% before)"),
        (at(requests=0), at(errors=30), "30 of 1000 requests got a server error (3%; 0% before)"),
        (at(errors=100), at(errors=221), "221 of 1000 requests got a server error (22%; 10% before)"),
        (at(), at(lost=3), "3 requests got no answer from any replica"),
        (at(requests=0), at(requests=0, lost=3), "3 requests got no answer from any replica"),
        (at(lost=10), at(lost=25), "25 requests got no answer from any replica"),
    ],
)
def test_a_release_that_is_worse_gives_its_traffic_back(before: Level, now: Level, reason: str) -> None:
    """Server errors, answers that do not come."""
    assert verdict(before, now, WELL) == reason


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        (at(p95=0.1), at(p95=0.61), "one request in 20 takes 0.61 s or more (0.10 s before)"),
        (at(p95=1.0), at(p95=4.1), "one request in 20 takes 4.10 s or more (1.00 s before)"),
        (at(requests=50, p95=0.1), at(requests=50, p95=0.7), "one request in 20 takes 0.70 s or more (0.10 s before)"),
    ],
)
def test_a_release_that_is_slower_gives_its_traffic_back(before: Level, now: Level, reason: str) -> None:
    """Answers that take too long."""
    assert slower(before, now) == reason


@pytest.mark.parametrize(
    ("replica", "reason"),
    [
        (ill(out_of_memory=True), "web-2 ran out of memory"),
        (ill(out_of_memory=True, restarts=1), "web-2 ran out of memory"),
        (ill(restarts=1), "web-2 has crashed"),
        (ill(running=False), "web-2 has crashed"),
        (ill(health="unhealthy"), "web-2 is not healthy any more"),
    ],
)
def test_a_release_with_an_ill_replica_gives_its_traffic_back(replica: Replica, reason: str) -> None:
    """However well the others answer."""
    assert verdict(at(), at(), (WELL[0], replica)) == reason


def test_illness_is_told_before_its_symptoms() -> None:
    """A replica that has crashed is why requests fail."""
    assert verdict(at(), at(errors=500), [ill(restarts=1)]) == "web-2 has crashed"


# Levels


def test_a_level_is_of_one_release() -> None:
    """Requests that the other answered are none of its; a server error is one from 500 on."""
    log = [line(status=499), line(status=500), line(status=503), line("old", 500), line("old"), line()]
    assert level(requests(log), "new") == Level(requests=4, errors=2, lost=0, p95_seconds=0.1)
    assert level(requests(log), "old") == Level(requests=2, errors=1, lost=0, p95_seconds=0.1)


def test_requests_without_any_answer_are_counted_apart() -> None:
    """Nginx answered them itself; its own redirects, files and refusals are no loss."""
    log = [line("", 502), line("", 504), line("", 304), line("", 404), line("", 499), line()]
    assert level(requests(log), "new") == Level(requests=1, errors=0, lost=2, p95_seconds=0.1)


@pytest.mark.parametrize(
    ("seconds", "p95"), [([], 0.0), ([0.3], 0.3), ([n / 100 for n in range(1, 101)], 0.95), ([1.0, 9.0], 9.0)]
)
def test_latency_is_the_95th_percentile(seconds: list[float], p95: float) -> None:
    """By nearest rank, whatever the order of the log."""
    assert level(requests(line(seconds=each) for each in reversed(seconds)), "new").p95_seconds == p95


def test_other_lines_of_the_log_are_passed_over() -> None:
    """Nginx's own messages, a line that was cut off, a status that is no number in JSON."""
    log = [
        "2026/11/24 10:00:00 [notice] 7#7: signal process started",
        '{"time":"x","status":200,"sec',
        '{"time":"x","status":000,"seconds":0.1,"release":"new"}',
        "",
        "null",
        line(),
    ]
    assert level(requests(log), "new").requests == 1


def test_probes_and_visitors_are_counted_apart() -> None:
    """The stack's own tools ask from within Nginx's network."""
    probe = line().replace('"status"', '"client":"127.0.0.1","status"')
    visitor = line(status=500).replace('"status"', '"client":"172.18.0.1","status"')
    assert level(requests([probe, probe, visitor]), "new") == Level(requests=1, errors=1, lost=0, p95_seconds=0.1)
    assert level(requests([probe, probe, visitor]), "new", probes=True) == Level(
        requests=2, errors=0, lost=0, p95_seconds=0.1
    )


def test_shares_of_nothing_are_nothing() -> None:
    """Rather than an error."""
    assert (Level().error_share, Level().lost_share) == (0, 0)
