"""After a restart or a crash of Docker and after a loss of power the site is back: same release, right network."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.deployment import Deployment, make_clone
from tests.e2e.own_engine import ENGINE_ADDRESS, Engine

pytestmark = pytest.mark.e2e

BACK_SECONDS = 60
TIMER_SECONDS = 20
"""How often the host timer starts what should run; there is no systemd here, so the test does what it does."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(folder=tmp_path_factory.mktemp("engine"))
    engine.remove()
    engine.make_network()
    engine.start()
    yield engine
    engine.remove()


@pytest.fixture(scope="module")
def site(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A stack on that engine, published where the namespace's address is."""
    engine.copy_debian_base()
    clone = make_clone(tmp_path_factory.mktemp("reboot") / "clone", "boot")
    environment = {"DOCKER_HOST": engine.host}
    stack = Deployment(clone=clone, stack="dev", port=18095, address=ENGINE_ADDRESS, environment=environment)
    stack.set(httpPort="18095", publishAddress=ENGINE_ADDRESS, bakeSeconds="0", webReplicas="2")
    stack.up()
    return stack


def release(site: Deployment) -> str:
    """The release that answers, or why none does."""
    try:
        return site.get("/health/", headers={"X-Stack-Probe": "1"}).headers.get("X-Stack-Release", "an error")
    except OSError as error:
        return type(error).__name__


def wait_until_back(site: Deployment, expected: str, *, timer: bool) -> float:
    """Seconds until the release answers, with the host timer running beside it if there is one."""
    start = time.monotonic()
    script = str(site.clone.path / "timer" / "start-stack")
    next_run = start + 5
    while release(site) != expected:
        waited = time.monotonic() - start
        assert waited < BACK_SECONDS, f"after {waited:.0f} s: {release(site)}"
        if timer and time.monotonic() > next_run:
            subprocess.run([script, site.prefix], env=os.environ | dict(site.environment), check=True)
            next_run = time.monotonic() + TIMER_SECONDS
        time.sleep(0.5)
    return time.monotonic() - start


def network_of(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/net").readlink())


@pytest.mark.parametrize("how", [Engine.stop, Engine.kill, Engine.lose_power], ids=["restart", "crash", "power"])
def test_site_comes_back_by_itself(engine: Engine, site: Deployment, how: Callable[[Engine], None]) -> None:
    """Within a minute the release that was live answers, and Nginx is in the network of the edge that lives."""
    live = site.pulumi("stack", "output", "release").stdout.strip()
    assert release(site) == live
    how(engine)
    assert release(site) != live or how is Engine.kill
    engine.start()
    wait_until_back(site, live, timer=True)
    [nginx], [edge] = engine.containers("nginx"), engine.containers("edge")
    assert network_of(nginx["State"]["Pid"]) == network_of(edge["State"]["Pid"])
    assert {release(site) for _ in range(10)} == {live}
    site.pulumi("preview", "--refresh", "--expect-no-changes")


def test_edge_that_restarts_alone_gets_its_nginx_back(engine: Engine, site: Deployment) -> None:
    """Nginx notices that its network is gone, ends, and is started in the new one; no timer takes part."""
    live = site.pulumi("stack", "output", "release").stdout.strip()
    [edge] = engine.containers("edge")
    os.kill(edge["State"]["Pid"], 9)
    wait_until_back(site, live, timer=False)


def test_container_of_a_failed_release_stays_stopped(engine: Engine, site: Deployment) -> None:
    """What a failed release has left is not started by a boot, nor by the timer."""
    [web, *_] = engine.containers("web")
    labels = [f"--label={key}={value}" for key, value in web["Config"]["Labels"].items()]
    left = engine.docker("create", "--restart=no", *labels, web["Image"], "sleep", "600").strip()
    script = str(site.clone.path / "timer" / "start-stack")
    subprocess.run([script, site.prefix], env=os.environ | dict(site.environment), check=True)
    assert json.loads(engine.docker("inspect", left))[0]["State"]["Status"] == "created"
    engine.docker("rm", left)
