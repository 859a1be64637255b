"""A release that does not go live: who served before serves on, alone, and what was begun for it is stopped."""

import time
from collections.abc import Sequence
from contextlib import suppress

from release import ledger
from release.docker_cli import Docker, inspect, labelled
from release.errors import DockerError, StepError
from release.plan import Plan
from release.ready import State, park, stays_stopped, wait_until_ready
from release.tools import RELEASE, Tools, claim

POLL_SECONDS = 0.5
TOOLS_SECONDS = 5.0
"""How long the tools are waited for: their step may still be at it when a replica has crashed already."""


def abandon(docker: Docker, prefix: str, release: str, reason: str) -> None:
    """End a release that has failed before its switch: give back, record, take the tools away.

    Of several steps that fail, one does. Nothing is done without tools. What goes wrong is not told: the reason is.
    """
    with suppress(StepError):
        plan = _claimed(docker, prefix, release)
        if plan is None:
            return
        tools = Tools(docker, plan)
        before = tools.live()
        if replicas_of(docker, prefix, before):
            give_back(docker, plan, tools, before)
        record_failure(docker, plan, tools, reason)
        tools.remove()


def abandon_with(docker: Docker, container: str, reason: str) -> None:
    """The same for a release one of whose containers has failed; others are in none."""
    with suppress(StepError):
        found = inspect(docker, [container])
        labels = found[0]["Config"]["Labels"] if found else {}
        if RELEASE in labels:
            abandon(docker, labels["django-stack.stack"], labels[RELEASE], reason)


def _claimed(docker: Docker, prefix: str, release: str) -> Plan | None:
    deadline = time.monotonic() + TOOLS_SECONDS
    while not (plan := claim(docker, prefix, release)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return plan


def record_failure(docker: Docker, plan: Plan, tools: Tools, reason: str) -> None:
    """End the traffic of the proof, and write down why it was for nothing."""
    with suppress(StepError):
        report = tools.stop_probing()
        tools.append(ledger.record(docker, plan, result="failed", report=report, reason=reason))


def give_back(docker: Docker, plan: Plan, tools: Tools, before: str) -> None:
    """Have the release before serve by the Nginx before, and then stop what no traffic goes to any more.

    Where one of the old replicas cannot serve, what serves now goes on.
    """
    with suppress(StepError):
        have_serve(docker, plan, tools, before)
        if before != plan.release:
            park(docker, plan.replicas, plan.stop_seconds)
        others = [name for name in labelled(docker, plan.prefix, "nginx") if name != plan.nginx]
        if any(State.of(found).ready for found in inspect(docker, others)):
            park(docker, [plan.nginx], plan.stop_seconds + 10)


def have_serve(docker: Docker, plan: Plan, tools: Tools, before: str) -> None:
    """Have the release before serve, all of it, whatever has become of the tools. Raises StepError."""
    revive(docker, replicas_of(docker, plan.prefix, before), plan.start_seconds)
    try:
        tools.restore()
    except DockerError:
        tools.start_anew()
        tools.restore()


def replicas_of(docker: Docker, prefix: str, release: str) -> list[str]:
    """Containers of a release, stopped ones included."""
    found = inspect(docker, labelled(docker, prefix, "web"))
    return [c["Name"].lstrip("/") for c in found if c["Config"]["Labels"].get(RELEASE) == release]


def revive(docker: Docker, names: Sequence[str], seconds: float) -> None:
    """Start parked containers, and wait until they are healthy. Raises NotReadyError."""
    for name in start(docker, names):
        wait_until_ready(docker, name, seconds=seconds)


def start(docker: Docker, names: Sequence[str]) -> list[str]:
    """Start containers that a failed try or a rolling release has parked; which they were."""
    parked = [
        found["Name"].lstrip("/")
        for found in inspect(docker, names)
        if not found["State"]["Running"] and stays_stopped(found)
    ]
    for name in parked:
        docker("update", "--restart=always", name)
        docker("start", name)
    return parked
