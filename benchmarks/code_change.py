"""A changed line of code until visitors have it, beside what Docker needs to build and start one container.

Seconds by the clock of the visitor: from the call of `up` until Nginx answers from the new release.
"""

import statistics
import subprocess
import sys
import threading
import time

import docker

from benchmarks._machine import watched
from benchmarks._site import POLL_SECONDS, app_build, change_code, release_through_nginx, site, start_until_healthy
from tests.e2e.deployment import Deployment
from wrapper.report import Control, Measure, Report

PORT = 18476
ROUNDS = 5


def until_live(stack: Deployment) -> float:
    """Seconds from the call of `up` until another release answers than before."""
    before = release_through_nginx(stack)
    update = threading.Thread(target=stack.up, args=["--skip-preview"])
    start = time.monotonic()
    update.start()
    while release_through_nginx(stack) == before:
        if not update.is_alive():
            sys.exit("the update has ended, and the release before still answers")
        time.sleep(POLL_SECONDS)
    seconds = time.monotonic() - start
    update.join()
    return seconds


def docker_alone(stack: Deployment) -> float:
    """Seconds that Docker needs to build the image of changed code, and to start one container until it is healthy."""
    client = docker.from_env()
    [python] = [
        tag
        for image in client.images.list(f"{stack.prefix}/python")
        for tag in image.tags
        if not tag.endswith("latest")
    ][:1]
    command = app_build(stack, python, "bench/web")
    container = stack.containers("web")[0]
    container.stop()
    start = time.monotonic()
    subprocess.run(command, cwd=stack.clone.path, check=True, capture_output=True)
    start_until_healthy(container)
    return time.monotonic() - start


def main() -> Report:
    with watched() as machine, site("code-change", port=PORT, bakeSeconds="1") as stack:
        ours, alone = [], []
        for number in range(ROUNDS):
            change_code(stack, f"alone {number}\n")
            alone.append(docker_alone(stack))
            change_code(stack, f"ours {number}\n")
            ours.append(until_live(stack))
            print(f"{ours[-1]:.1f} s beside {alone[-1]:.1f} s", flush=True)
        (stack.clone.path / "sample" / "requirements.txt").open("a").write("# no layer of packages is cached\n")
        anew = until_live(stack)
        docker.from_env().images.remove("bench/web", force=True)
    limit, middle = 1.5, statistics.median(alone)
    ratio = statistics.median(ours) / middle
    return Report(
        title="A changed line of code until visitors have it",
        measures=[
            Measure(
                name="code change to live / build, start and health of one container",
                value=ratio,
                unit="x",
                at_most=limit,
            ),
            Measure(name="code change to live", value=statistics.median(ours), unit="s"),
            *machine,
        ],
        controls=[
            Control(
                name="the same where the packages have to be installed",
                failed=anew / middle > limit,
                detail=f"{anew / middle:.1f} x",
            )
        ],
        raw={"ours": ours, "alone": alone, "anew": anew},
    )
