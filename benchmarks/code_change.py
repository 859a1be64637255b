"""A changed line of code until visitors have it, beside what Docker needs to build and start one container.

Seconds by the clock of the visitor: from the call of `up` until Nginx answers from the new release. What Pulumi's
engine and SDK need is the same for every project, so the ratio is of a project's size: measured are Wagtail's site,
which takes as long to import as sites of some years do, and the sample, which is as small as a site can be.
"""

import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import docker

from benchmarks._machine import watched
from benchmarks._site import POLL_SECONDS, app_build, release_through_nginx, site, start_until_healthy
from tests.e2e.deployment import Deployment
from wrapper.report import Control, Measure, Report

ROUNDS = 5
LIMIT = 1.5
NO_COMMANDS = {":releaseCommands:": ":releaseCommands: []", "    - python manage.py seed\n": ""}
"""Docker alone runs none, either."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A Django project to deploy."""

    name: str
    folder: str
    settings: str
    changed: str
    """A file of it that is written anew for each release."""
    port: int


MAGAZINE = Project(
    name="Wagtail",
    folder="benchmarks/wagtail_site",
    settings="magazine.settings",
    changed="magazine/release.txt",
    port=18477,
)
SAMPLE = Project(
    name="the sample", folder="sample", settings="hedgerow.settings", changed="templates/robots.txt", port=18476
)


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


def docker_alone(stack: Deployment, project: Project) -> float:
    """Seconds that Docker needs to build the image of changed code, and to start one container until it is healthy."""
    client = docker.from_env()
    [python] = [
        tag
        for image in client.images.list(f"{stack.prefix}/python")
        for tag in image.tags
        if not tag.endswith("latest")
    ][:1]
    command = app_build(stack, python, "bench/web", folder=project.folder, settings=project.settings)
    container = stack.containers("web")[0]
    container.stop()
    start = time.monotonic()
    subprocess.run(command, cwd=stack.clone.path, check=True, capture_output=True)
    start_until_healthy(container)
    return time.monotonic() - start


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds of each round."""

    ours: list[float]
    alone: list[float]
    anew: float
    """Ours, where no layer of packages is cached."""

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.alone)


def measure(project: Project) -> Times:
    """One replica of it on both sides."""
    own = {"bakeSeconds": "1", "webReplicas": "1", "appPath": project.folder, "djangoSettingsModule": project.settings}
    with site(f"code-{project.settings.partition('.')[0]}", port=project.port, edits=NO_COMMANDS, **own) as stack:
        folder = stack.clone.path / project.folder
        ours, alone = [], []
        for number in range(ROUNDS):
            (folder / project.changed).write_text(f"alone {number}\n")
            alone.append(docker_alone(stack, project))
            (folder / project.changed).write_text(f"ours {number}\n")
            ours.append(until_live(stack))
            print(f"{project.name}: {ours[-1]:.1f} s beside {alone[-1]:.1f} s", flush=True)
        (folder / "requirements.txt").open("a").write("# no layer of packages is cached\n")
        anew = until_live(stack)
        docker.from_env().images.remove("bench/web", force=True)
    return Times(ours=ours, alone=alone, anew=anew)


def main() -> Report:
    with watched() as machine:
        magazine, sample = measure(MAGAZINE), measure(SAMPLE)
    anew = magazine.anew / statistics.median(magazine.alone)
    fixed = statistics.median(sample.ours) - statistics.median(sample.alone)
    return Report(
        title="A changed line of code until visitors have it",
        measures=[
            Measure(
                name="Wagtail: code change to live / build, start and health of one container",
                value=magazine.ratio,
                unit="x",
                at_most=LIMIT,
            ),
            Measure(name="Wagtail: code change to live", value=statistics.median(magazine.ours), unit="s"),
            Measure(name="the sample: the same ratio", value=sample.ratio, unit="x"),
            Measure(name="the sample: code change to live", value=statistics.median(sample.ours), unit="s"),
            Measure(name="the sample: what a deploy adds to build, start and health", value=fixed, unit="s"),
            *machine,
        ],
        controls=[
            Control(
                name="Wagtail, where the packages have to be installed",
                failed=anew > LIMIT,
                detail=f"{anew:.1f} x",
            )
        ],
        raw={project: vars(times) for project, times in (("wagtail", magazine), ("sample", sample))},
    )
