"""Is the new release as good as the one before? Judged by figures; taking them is somebody else's."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SERVER_ERROR = 500
FEWEST_ERRORS = 3
"""Server errors that are no accident any more."""
ERROR_MARGIN = 0.02
"""Share of errors above twice the share before that is let pass."""
FEWEST_FOR_LATENCY = 50
"""Requests below which a percentile says nothing."""
LATENCY_FACTOR, LATENCY_MARGIN_SECONDS = 4.0, 0.5
PROBER = "127.0.0.1"
"""Address from which Nginx is asked by the stack's own tools, which share its network; visitors never have it."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """How a release answered over some time."""

    requests: int = 0
    errors: int = 0
    lost: int = 0
    """Requests meanwhile that Nginx answered with a server error because no replica gave an answer at all."""
    p95_seconds: float = 0.0

    @property
    def error_share(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    @property
    def lost_share(self) -> float:
        return self.lost / (self.requests + self.lost) if self.lost else 0.0


@dataclass(frozen=True, kw_only=True)
class Replica:
    """What Docker says of a replica."""

    name: str
    running: bool
    restarts: int
    out_of_memory: bool
    health: str


def requests(log: Iterable[str]) -> list[dict[str, Any]]:
    """The requests of lines of Nginx's access log."""
    return list(filter(None, map(_request, log)))


def level(found: Iterable[dict[str, Any]], release: str, *, probes: bool = False) -> Level:
    """The level of one release from requests of Nginx's log: for visitors, or for the stack's own probes.

    Apart, as the steady probes of the health path would hide what happens to the few visitors of a quiet site.
    """
    seconds: list[float] = []
    errors = lost = 0
    for request in found:
        if (request.get("client") == PROBER) is not probes:
            continue
        failed = request["status"] >= SERVER_ERROR
        if request.get("release") == release:
            seconds.append(float(request["seconds"]))
            errors += failed
        elif not request.get("release"):
            lost += failed
    ordered = sorted(seconds)
    p95 = ordered[max(0, math.ceil(len(ordered) * 0.95) - 1)] if ordered else 0.0
    return Level(requests=len(ordered), errors=errors, lost=lost, p95_seconds=p95)


def verdict(before: Level, now: Level, replicas: Iterable[Replica]) -> str:
    """Why the release must give its traffic back; empty while there is no reason."""
    return next((reason for reason in map(_illness, replicas) if reason), "") or _worse(before, now)


def _illness(replica: Replica) -> str:
    if replica.out_of_memory:
        return f"{replica.name} ran out of memory"
    if replica.restarts or not replica.running:
        return f"{replica.name} has crashed"
    return f"{replica.name} is not healthy any more" if replica.health == "unhealthy" else ""


def _worse(before: Level, now: Level) -> str:
    if now.lost >= FEWEST_ERRORS and now.lost_share > 2 * before.lost_share:
        return f"{now.lost} requests got no answer from any replica"
    if now.errors >= FEWEST_ERRORS and now.error_share > 2 * before.error_share + ERROR_MARGIN:
        share = f"{now.error_share:.0%}; {before.error_share:.0%} before"
        return f"{now.errors} of {now.requests} requests got a server error ({share})"
    return ""


def slower(before: Level, now: Level) -> str:
    """Why its latency is a reason to give its traffic back; empty while it is none."""
    slow = max(LATENCY_FACTOR * before.p95_seconds, before.p95_seconds + LATENCY_MARGIN_SECONDS)
    if min(before.requests, now.requests) >= FEWEST_FOR_LATENCY and now.p95_seconds > slow:
        return f"one request in 20 takes {now.p95_seconds:.2f} s or more ({before.p95_seconds:.2f} s before)"
    return ""


def _request(line: str) -> dict[str, Any] | None:
    if not line.startswith('{"time"'):
        return None
    try:
        request = json.loads(line)
    except json.JSONDecodeError:
        return None
    return request if isinstance(request, dict) else None
