"""Watches a release that takes traffic: Nginx's log and Docker's word, a look a second."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from release import bake
from release.bake import Level, Replica
from release.docker_cli import Docker, inspect
from release.errors import DockerError
from release.plan import Plan
from release.ready import State

LOOK_SECONDS = 1.0
BASELINE_SECONDS = 60
"""How far back the level before is measured."""
WARM_UP_SECONDS = 2.0
"""Time in which every worker answers its first visitors, with connections and templates that are not there yet."""
MOST_LINES = 5000
"""Of the log, at one look. Docker finds its end at once; from anywhere else it would read all that has been logged."""


class Watch:
    """One release's traffic since it was moved there, beside that of the release before."""

    def __init__(
        self, docker: Docker, plan: Plan, *, before: str, since: datetime, tell: Callable[[str], None]
    ) -> None:
        self._docker, self._plan, self._since, self._tell = docker, plan, since, tell
        self._started, self._seen = time.monotonic(), 0.0
        self._requests: list[dict[str, Any]] = []
        """What Nginx has logged since the move."""
        self._cold = 0
        """How many of them were before the workers were warm."""
        earlier = bake.requests(self._log(-BASELINE_SECONDS, 0))
        self._before = {probes: bake.level(earlier, before, probes=probes) for probes in (False, True)}

    @property
    def before(self) -> Level:
        """The level of the release before, for visitors, over the last minute."""
        return self._before[False]

    def reason(self) -> str:
        """Why the release must give its traffic back; empty while there is no reason."""
        self._read_on()
        replicas, warm = self._replicas(), self._requests[self._cold :]
        for probes, before in self._before.items():
            now, later = (bake.level(found, self._plan.release, probes=probes) for found in (self._requests, warm))
            if reason := bake.verdict(before, now, replicas) or bake.slower(before, later):
                return reason
        return ""

    def wait(self, seconds: float) -> str:
        """Watch for so long. The reason as soon as there is one, else nothing.

        A look that fails says nothing about the release. Raises DockerError if the last one does.
        """
        deadline = time.monotonic() + seconds
        told = time.monotonic()
        unseen: DockerError | None = None
        while time.monotonic() < deadline:
            try:
                reason, unseen = self.reason(), None
            except DockerError as error:
                reason, unseen = "", error
            if reason:
                return reason
            if time.monotonic() - told > 10:  # noqa: PLR2004 - a sign of life now and then
                told = time.monotonic()
                self._tell(f"watching for {deadline - told:.0f} s more")
            time.sleep(min(LOOK_SECONDS, max(0, deadline - time.monotonic())))
        if unseen:
            raise unseen
        return ""

    def _read_on(self) -> None:
        """Take what has been logged since the last look."""
        seen, now = self._seen, time.monotonic() - self._started
        self._requests += bake.requests(self._log(seen, now, tail=MOST_LINES))
        self._seen = now
        if seen < WARM_UP_SECONDS:
            self._cold = len(self._requests)

    def _log(self, start: float, end: float, *, tail: int = 0) -> list[str]:
        """Lines from `start` to `end`, in seconds since the move by the clock of the server; with `tail` of the last.

        Without it, for the level before, no lines are as good as any. Raises DockerError.
        """
        first, last = (self._since + timedelta(seconds=seconds) for seconds in (start, end))
        period = [f"--{name}={moment:%Y-%m-%dT%H:%M:%S.%fZ}" for name, moment in (("since", first), ("until", last))]
        words = [*period, *([f"--tail={tail}"] if tail else []), self._plan.nginx]
        return self._docker("logs", *words, check=bool(tail)).splitlines()

    def _replicas(self) -> list[Replica]:
        found = {each["Name"].lstrip("/"): each for each in inspect(self._docker, self._plan.replicas)}
        missing = {"State": {"Status": "gone", "ExitCode": 0, "OOMKilled": False}, "RestartCount": 0}
        states = {name: State.of(found.get(name, missing)) for name in self._plan.replicas}
        return [
            Replica(
                name=name,
                running=state.status == "running",
                restarts=state.restarts,
                out_of_memory=state.out_of_memory,
                health=state.health,
            )
            for name, state in states.items()
        ]
