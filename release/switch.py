"""The switch: gate, move the traffic, verify, watch, drain, remove, record. Safe to repeat at any point.

Whatever goes wrong before the traffic has moved leaves it where it is; after that, it is moved back.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from release import ledger, leftovers, proof
from release.abandon import give_back, have_serve, replicas_of, revive, start
from release.docker_cli import Docker
from release.errors import AbandonedError, RevertedError, StepError
from release.leftovers import Patience
from release.plan import Plan
from release.ready import wait_for_all
from release.tools import Tools, running
from release.watch import Watch

BASELINE_REQUESTS, BASELINE_SECONDS = 50, 2.0
"""Traffic before the switch, so that there is something to compare with; and how long to wait for it."""
PROOF_SECONDS, PROOF_POLL_SECONDS = 3.0, 0.2
"""How long the release waits at most for its proof, once it is live; and how often it looks."""
SLOTS = 20

Tell = Callable[[str], None]


def switch(docker: Docker, plan: Plan, tell: Tell) -> None:
    """Make the release live. Raises StepError, with the release before serving as it did."""
    with running(docker, plan) as tools:
        Switch(docker, plan, tools, tell).run()


class Switch:
    """One release on its way to being live."""

    def __init__(self, docker: Docker, plan: Plan, tools: Tools, tell: Tell) -> None:
        self._docker, self._plan, self._tools, self._tell = docker, plan, tools, tell
        now = tools.look()
        self._probing, self._seen = now.requests is not None, now.requests or 0
        self._before = now.release if replicas_of(docker, plan.prefix, now.release) else ""
        pairs = zip(plan.replicas, plan.sockets, strict=True)
        self._joining = [replica for replica, socket in pairs if socket not in now.sockets]
        self._new = self._before not in ("", plan.release)
        """There is a release to take the traffic from, and to give it back to."""
        self._committed = False
        self._moved: datetime | None = None
        """When the slots pointed at the release."""

    def run(self) -> None:
        """Raises StepError, with the release before serving as it did."""
        plan, tools = self._plan, self._tools
        try:
            if self._before and not self._probing:
                tools.start_probing()
                self._probing = True
            started = time.monotonic()
            revive(self._docker, [plan.nginx], plan.start_seconds)
            start(self._docker, plan.replicas)
            wait_for_all(self._docker, plan.replicas, seconds=plan.start_seconds * len(plan.replicas))
            if self._new and self._seen < BASELINE_REQUESTS:
                time.sleep(max(0, BASELINE_SECONDS - (time.monotonic() - started)))
            self._move()
            tools.commit()
            self._committed = True
            if self._probing:
                tools.mark("after")
            told = self._retire()
            told.append(tools.verify(release=plan.release, replicas=len(plan.replicas), edge=plan.edge))
            self._see_enough()
        except AbandonedError:
            raise
        except BaseException as error:  # an interruption must not leave the traffic where nobody watches it, either
            if not self._committed and self._before:
                give_back(self._docker, plan, tools, self._before)
            with suppress(StepError):  # what went wrong first is what has to be told
                self._record("live" if self._committed else "failed", str(error) or type(error).__name__)
            raise
        report, records = self._record("live", "")
        for line in [*told, proof.sentence(report)]:
            self._tell(line)
        self._prune(records)

    def _move(self) -> None:
        """Point the slots at the release, in one go or by way of a canary, and watch it. Raises StepError."""
        plan, tools = self._plan, self._tools
        canary = self._new and plan.strategy.kind == "canary"
        share = round(plan.strategy.canary_percent * SLOTS / 100) if canary else None
        self._moved = tools.move(plan.sockets, canary=share)
        watch = Watch(self._docker, plan, before=self._before, since=self._moved, tell=self._tell)
        if share is not None:
            self._tell(f"canary: {share * 100 // SLOTS} % of the requests for {plan.strategy.canary_seconds} s")
            self._trip(watch.wait(plan.strategy.canary_seconds))
            tools.point(plan.sockets)
        try:
            tools.verify(release=plan.release, replicas=len(plan.replicas), edge="")
        except StepError as error:
            self._trip(str(error))
            raise
        if self._new and plan.bake_seconds:
            tools.mark("bake")
            self._tell(f"live; watching it for {plan.bake_seconds:.0f} s")
            self._trip(watch.wait(plan.bake_seconds))

    def _trip(self, reason: str) -> None:
        """Give the traffic back to the release before, if there is a reason and one. Raises RevertedError."""
        if not reason or not self._new:
            return
        try:
            have_serve(self._docker, self._plan, self._tools, self._before)
        except StepError as error:
            told = f"release {self._plan.release} must give its traffic back to {self._before}: {reason}."
            raise RevertedError(f"{told} It cannot: {error}") from None
        with suppress(StepError):  # a word in the proof
            self._tools.mark("revert")
        told = f"release {self._plan.release} has given its traffic back to {self._before}: {reason}."
        try:
            self._tools.verify(release=self._before, replicas=1, edge="")
        except StepError as error:
            raise RevertedError(f"{told} That one is not well either: {error}") from None
        raise RevertedError(told)

    def _retire(self) -> list[str]:
        """Drain, stop and remove what this release replaces: other web containers, other Nginxes."""
        docker, plan = self._docker, self._plan
        patience = Patience(ordinary=plan.drain_seconds, long=plan.long_seconds, stop=plan.stop_seconds)
        told = leftovers.retire(docker, leftovers.others(docker, plan.prefix, "web", plan.replicas), patience)
        edges = leftovers.others(docker, plan.prefix, "nginx", [plan.nginx])
        leftovers.stop_and_remove(docker, edges, plan.stop_seconds + 10)
        return told

    def _see_enough(self) -> None:
        """Let the traffic go on while it proves nothing yet, within bounds: a switch may be over in no time."""
        deadline = time.monotonic() + PROOF_SECONDS
        with suppress(StepError):  # the release is live all the same
            while self._probing and proof.verdict(self._tools.report()) == "not proven":
                if time.monotonic() > deadline:
                    return
                time.sleep(PROOF_POLL_SECONDS)

    def _record(self, result: str, reason: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """End the traffic and write down what it has shown; the proof, and every record."""
        report: dict[str, Any] = {}
        with suppress(StepError):
            report = self._tools.stop_probing() if self._probing else {}
        seconds = ledger.healthy_to_live(self._docker, self._joining, self._moved)
        record = ledger.record(
            self._docker, self._plan, result=result, report=report, reason=reason, healthy_to_live=seconds
        )
        return report, self._tools.append(record)

    def _prune(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Keep what the last releases need for a rollback; nothing else of the stack's own images."""
        images = {str(record["image"]) for record in ledger.kept(records, self._plan.keep)}
        self._tools.keep(images)
        leftovers.prune_images(self._docker, self._plan.prefix, images)
        leftovers.prune_own_images(self._docker, self._plan.prefix)
