"""What a release leaves behind: who is drained, stopped and removed, in which order, and who never is."""

import json
from collections.abc import Iterator

import pytest

from release import leftovers
from release.errors import DockerError
from release.leftovers import Patience
from tests.unit.release.conftest import Clock
from tests.unit.release.fake_docker import FakeContainer, FakeDocker
from tests.unit.release.plans import NEW, NGINX, OLD, nginx, replicas

PATIENCE = Patience(ordinary=10, long=60, stop=15)
LS = "image ls --no-trunc --format={{.Repository}}:{{.Tag}} {{.ID}}"
IN_FLIGHT = "exec web python3 /opt/stack/in_flight.py"


@pytest.fixture
def docker() -> FakeDocker:
    """One web container."""
    return FakeDocker(FakeContainer(name="web"))


# Draining


@pytest.mark.parametrize(
    ("printed", "counted"),
    [("3 1\n", (3, 1)), ("0 0\n", (0, 0)), ("", (0, 0)), ("Error response from daemon: not running", (0, 0))],
)
def test_requests_in_flight_are_counted_in_the_container(
    printed: str, counted: tuple[int, int], docker: FakeDocker
) -> None:
    """Ordinary and long ones; none in a container that does not run."""
    docker.answer(IN_FLIGHT, printed)
    assert leftovers.in_flight(docker, "web") == counted


def test_a_container_that_does_not_run_has_nothing_in_flight(docker: FakeDocker) -> None:
    """Docker says so by an error."""
    docker.answer(IN_FLIGHT, DockerError("docker exec web: container is not running"))
    assert leftovers.in_flight(docker, "web") == (0, 0)


def test_an_idle_container_is_drained_at_once(docker: FakeDocker, clock: Clock) -> None:
    """But for connections that Nginx was just opening."""
    docker.answer(IN_FLIGHT, "0 0")
    assert leftovers.drain(docker, "web", PATIENCE) == (0, 0)
    assert clock.now == 1000.2


def test_requests_are_waited_for(docker: FakeDocker, clock: Clock) -> None:
    """As long as they take, if that is not too long."""
    docker.answer(IN_FLIGHT, *["2 0"] * 5, "0 0")
    assert leftovers.drain(docker, "web", PATIENCE) == (0, 0)
    assert clock.now == pytest.approx(1000.2 + 5 * 0.3)


@pytest.mark.parametrize(("counts", "seconds"), [("1 0", 10), ("0 2", 60), ("1 2", 60)])
def test_patience_ends(counts: str, seconds: float, docker: FakeDocker, clock: Clock) -> None:
    """Later for long requests; what is still in flight then is told."""
    docker.answer(IN_FLIGHT, counts)
    assert leftovers.drain(docker, "web", PATIENCE) == tuple(int(each) for each in counts.split())
    assert seconds < clock.now - 1000 < seconds + 0.5


def test_long_requests_do_not_keep_ordinary_ones_longer_than_they_may(docker: FakeDocker, clock: Clock) -> None:
    """Nor the other way round: a long one that ends in time is no reason to wait on."""
    docker.answer(IN_FLIGHT, *["1 1"] * 100, "1 0")
    assert leftovers.drain(docker, "web", PATIENCE) == (1, 0)
    assert clock.now - 1000 < 32


# Retiring


def test_each_container_is_drained_then_stopped_then_removed(docker: FakeDocker) -> None:
    """Stopping is graceful as well, and has its own time."""
    docker.answer(IN_FLIGHT, "1 0", "0 0")
    assert leftovers.retire(docker, ["web"], PATIENCE) == []
    assert docker.calls == [IN_FLIGHT, IN_FLIGHT, "stop --time=15 web", "rm --force web"]
    assert docker.containers == {}


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ("2 0", "2 requests and 0 long ones"),
        ("0 3", "0 requests and 3 long ones"),
        ("2 3", "2 requests and 3 long ones"),
    ],
)
def test_what_was_cut_short_is_told(counts: str, told: str, docker: FakeDocker) -> None:
    """By container."""
    docker.answer(IN_FLIGHT, counts)
    assert leftovers.retire(docker, ["web"], PATIENCE) == [f"web: {told} did not end in time"]


def test_many_are_retired_at_the_same_time() -> None:
    """One that takes long does not keep the others."""
    docker = FakeDocker(*replicas(OLD, 3))
    names = list(docker.containers)
    stopped: list[str] = []

    def counts() -> Iterator[str]:
        while len(stopped) < 2:
            yield "1 0"
        yield "0 0"

    docker.answer(f"exec {names[0]} ", lambda *_: next(counts()))
    docker.on_call = lambda call: stopped.append(call) if call.startswith("stop") else None
    patient = Patience(ordinary=1e9, long=1e9, stop=15)
    assert leftovers.retire(docker, names, patient) == []
    assert stopped[-1] == f"stop --time=15 {names[0]}"
    assert docker.containers == {}


def test_nobody_is_retired_without_a_call(docker: FakeDocker) -> None:
    """A first release has nobody to retire."""
    assert leftovers.retire(docker, [], PATIENCE) == []
    assert docker.calls == []


def test_a_container_that_is_gone_already_is_no_failure() -> None:
    """The step may be repeated."""
    assert leftovers.retire(FakeDocker(), ["web"], PATIENCE) == []


def test_others_are_the_stacks_own_of_one_role() -> None:
    """Without those that are wanted."""
    docker = FakeDocker(*replicas(OLD, 2), *replicas(NEW, 1), nginx(), FakeContainer(name="other", stack="other"))
    assert leftovers.others(docker, "shop-prod", "web", [f"shop-prod-web-{NEW}-1"]) == [
        f"shop-prod-web-{OLD}-1",
        f"shop-prod-web-{OLD}-2",
    ]
    assert leftovers.others(docker, "shop-prod", "nginx", [NGINX]) == []


def test_what_finishes_by_itself_is_stopped_and_removed_one_by_one() -> None:
    """Nginx, by its own stop signal."""
    docker = FakeDocker(nginx("a"), nginx("b"))
    leftovers.stop_and_remove(docker, ["a", "b", "gone"], 45)
    assert docker.calls == [
        *("stop --time=45 a", "rm --force a", "stop --time=45 b", "rm --force b"),
        *("stop --time=45 gone", "rm --force gone"),
    ]


# Clearing


OLDER, FAILED = "0000000000", "ffffffffff"
IMAGE = "shop-prod/web:new"


def stack(live: str = OLD, serving: str = OLD) -> FakeDocker:
    """A live release, one that failed, one that is to come, and slots that point to one of them."""
    docker = FakeDocker(nginx(), *replicas(OLD, 2), *replicas(FAILED, 2), *replicas(NEW, 1))
    docker.answer(f"exec {NGINX} cat /run/slots/.live.json", json.dumps({"release": live, "slots": {}}) if live else "")
    sockets = "\n".join(f"/run/web/{serving}-{n}.sock\n/run/web/{serving}-{n}.long.sock" for n in (1, 2))
    docker.answer(f"exec {NGINX} sh -c readlink", sockets)
    return docker


def test_containers_of_releases_that_failed_are_removed() -> None:
    """Those of the live release and of the one that is to come stay."""
    docker = stack()
    removed = leftovers.clear(docker, "shop-prod", NEW, IMAGE)
    assert removed == [f"shop-prod-web-{FAILED}-1", f"shop-prod-web-{FAILED}-2"]
    assert set(docker.containers) == {
        NGINX,
        f"shop-prod-web-{OLD}-1",
        f"shop-prod-web-{OLD}-2",
        f"shop-prod-web-{NEW}-1",
    }


def test_whatever_takes_traffic_stays() -> None:
    """A deployment that was killed has left the slots at a release that is not live yet; the next switch retires it."""
    docker = stack(serving=FAILED)
    before = set(docker.containers)
    assert leftovers.clear(docker, "shop-prod", NEW, IMAGE) == []
    assert set(docker.containers) == before


def test_nothing_is_removed_where_it_is_not_known_what_is_live() -> None:
    """Before the first release, or without an Nginx that knows."""
    docker = stack(live="")
    assert leftovers.clear(docker, "shop-prod", NEW, IMAGE) == []
    alone = FakeDocker(*replicas(FAILED, 1))
    assert leftovers.clear(alone, "shop-prod", NEW, IMAGE) == []
    assert len(alone.containers) == 1


def test_images_of_releases_that_failed_are_removed() -> None:
    """However many there are; those that the last switch has left stay, and the one that is to come."""
    docker = stack()
    docker.answer(f"exec {NGINX} cat /run/slots/.kept", "shop-prod/web:old\nshop-prod/web:older\n")
    failed = [f"shop-prod/web:failed{number}" for number in range(3)]
    present = ["shop-prod/web:old", "shop-prod/web:older", IMAGE, *failed]
    docker.answer(f"{LS} shop-prod/web", "\n".join(f"{name} sha256:{name}" for name in present))
    docker.answer(f"{LS} shop-prod/python", "shop-prod/python:next sha256:1")  # no container has it yet
    assert leftovers.clear(docker, "shop-prod", NEW, IMAGE)[2:] == failed


def test_no_image_is_removed_where_it_is_not_known_which_are_needed() -> None:
    """Of a stack that no switch has noted them for."""
    docker = stack()
    docker.answer("image ls", "shop-prod/web:old\n")
    leftovers.clear(docker, "shop-prod", NEW, IMAGE)
    assert not [call for call in docker.calls if call.startswith("image rm")]


def test_an_nginx_that_does_not_answer_is_passed_over() -> None:
    """Two of them run while one is replaced."""
    docker = stack()
    docker.containers["shop-prod-nginx-0"] = nginx("shop-prod-nginx-0", status="exited")
    docker.answer("exec shop-prod-nginx-0", DockerError("docker exec: container is not running"))
    assert leftovers.live_release(docker, "shop-prod") == OLD


# Pruning


def test_images_that_no_kept_release_needs_are_removed() -> None:
    """Of the site's own; an image that cannot be removed is no failure."""
    docker = FakeDocker()
    docker.answer(f"{LS} shop-prod/web", "shop-prod/web:1 i1\nshop-prod/web:2 i2\nshop-prod/web:3 i3\n")
    docker.answer("image rm shop-prod/web:1", DockerError("docker image rm: it is in use"))
    assert leftovers.prune_images(docker, "shop-prod", ["shop-prod/web:2", "shop-prod/web:9"]) == [
        "shop-prod/web:1",
        "shop-prod/web:3",
    ]
    assert [call for call in docker.calls if " rm " in call] == ["image rm shop-prod/web:1", "image rm shop-prod/web:3"]


def test_of_the_stacks_own_images_those_stay_that_a_container_has() -> None:
    """By name or by id; one that has stopped, such as a holder with the image that it began with, counts as well."""
    docker = FakeDocker(
        FakeContainer(name="edge", role="edge", image="shop-prod/nginx:1", status="exited"),
        nginx(image="shop-prod/nginx:3"),
        FakeContainer(name="tools", role="tools", image_id="sha256:p2"),
        FakeContainer(name="other", stack="other", image="shop-prod/nginx:2"),
    )
    docker.answer(f"{LS} shop-prod/nginx", "".join(f"shop-prod/nginx:{n} sha256:n{n}\n" for n in (1, 2, 3)))
    docker.answer(f"{LS} shop-prod/python", "".join(f"shop-prod/python:{n} sha256:p{n}\n" for n in (1, 2)))
    assert leftovers.prune_own_images(docker, "shop-prod") == ["shop-prod/python:1", "shop-prod/nginx:2"]


def test_an_image_without_a_container_stays_where_it_is_not_known_which_there_are() -> None:
    """An engine that does not answer has none to show."""
    docker = FakeDocker(nginx(image="shop-prod/nginx:1"))
    docker.answer("inspect", "Cannot connect to the Docker daemon")
    with pytest.raises(DockerError):
        leftovers.prune_own_images(docker, "shop-prod")
    assert docker.calls == []
