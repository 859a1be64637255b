"""Mixed traffic through Nginx while a release goes live, and the proof of what became of it.

Runs in the network namespace of the edge. Beside it,
    prober.py mark NAME     begins a phase
    prober.py report        prints the report so far, as JSON
    prober.py stop          ends the traffic and prints the whole report

A request has failed when it got no complete answer, or a server error; for health path and static files, anything but
200. A reused idle connection that was closed before the first byte of an answer to a GET may be tried once more, as
browsers do; it counts as retried.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import math
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from http_client import EDGE_PORT, Answer, UnansweredError, ask, connection

FOLDER = Path("/tmp")  # noqa: S108 - this container's own tmpfs
REPORT, FINAL, PHASE, STOP = (FOLDER / name for name in ("report.json", "final.json", "phase", "stop"))
STATIC = Path("/srv/static")
SERVER_ERROR = 500
REQUEST_SECONDS = 30
REQUEST = "request"
"""Name of the threads that wait for an answer."""
SLOW = "slow"
MOST_UNANSWERED = 100
"""Requests without an answer, beyond which no more are sent: a container has so many processes, and a docker command
that is to give the traffic back needs one of them.
"""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One kind of request, at a steady rate."""

    kind: str
    path: str
    per_second: float
    method: str = "GET"
    keep_alive: bool = False
    any_answer: bool = False
    """An answer other than 200 is right as well, as long as it is no server error."""

    def wrong(self, answer: Answer) -> bool:
        return answer.status >= SERVER_ERROR or (answer.status != http.client.OK and not self.any_answer)


@dataclass
class Tally:
    """What became of one kind of request in one phase."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    retried: int = 0
    releases: Counter[str] = field(default_factory=Counter)

    def report(self) -> dict[str, object]:
        return {
            "requests": len(self.seconds) + len(self.failures),
            "failed": len(self.failures),
            "retried": self.retried,
            "p50_ms": _milliseconds(percentile(self.seconds, 50)),
            "p99_ms": _milliseconds(percentile(self.seconds, 99)),
            "max_ms": _milliseconds(max(self.seconds, default=0)),
            "releases": dict(self.releases),
            "first_failures": self.failures[:3],
        }


class Proof:
    """Everything that was asked and answered, by phase and kind. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._last_success = 0.0
        self._gaps: dict[str, float] = {}

    def answered(self, phase: str, stream: Stream, answer: Answer, *, retried: bool) -> None:
        with self._lock:
            tally = self._tally(phase, stream.kind)
            tally.retried += retried
            if stream.wrong(answer):
                tally.failures.append(f"status {answer.status} from release {answer.release}")
                return
            tally.seconds.append(answer.seconds)
            if "x-stack-release" in answer.headers:
                tally.releases[answer.release] += 1
            if stream.kind == SLOW:
                return  # says nothing about when the site answered
            now = time.monotonic()
            if self._last_success:
                self._gaps[phase] = max(self._gaps.get(phase, 0), now - self._last_success)
            self._last_success = now

    def failed(self, phase: str, stream: Stream, reason: str) -> None:
        with self._lock:
            self._tally(phase, stream.kind).failures.append(reason)

    def report(self) -> dict[str, object]:
        with self._lock:
            phases: dict[str, dict[str, object]] = {}
            for (phase, kind), tally in self._tallies.items():
                phases.setdefault(phase, {})[kind] = tally.report()
            every = self._tallies.values()
            return {
                "requests": sum(len(tally.seconds) + len(tally.failures) for tally in every),
                "failed": sum(len(tally.failures) for tally in every),
                "retried": sum(tally.retried for tally in every),
                "longest_gap_ms": _milliseconds(max(self._gaps.values(), default=0)),
                "gaps_ms": {phase: _milliseconds(gap) for phase, gap in self._gaps.items()},
                "phases": phases,
            }

    def _tally(self, phase: str, kind: str) -> Tally:
        return self._tallies.setdefault((phase, kind), Tally())


def percentile(values: list[float], share: float) -> float:
    """The nearest-rank percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)] if ordered else 0.0


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)


class Client(threading.Thread):
    """Sends one stream, each request at its own time whatever became of the one before."""

    def __init__(
        self, stream: Stream, host: str, proof: Proof, stopped: threading.Event, unanswered: threading.Semaphore
    ) -> None:
        super().__init__(name=stream.kind)
        self._stream, self._host, self._proof, self._stopped = stream, host, proof, stopped
        self._kept: http.client.HTTPConnection | None = None
        self._unanswered = unanswered

    def run(self) -> None:
        started = time.monotonic()
        for number in itertools.count():
            if self._stopped.wait(max(0, started + number / self._stream.per_second - time.monotonic())):
                break
            if self._stream.keep_alive:
                self._send()
            elif self._unanswered.acquire(blocking=False):
                # A slow answer must not hold up the next question.
                threading.Thread(target=self._send_apart, name=REQUEST).start()
            else:
                self._proof.failed(current_phase(), self._stream, f"{MOST_UNANSWERED} requests were without an answer")
        if self._kept:
            self._kept.close()

    def _send_apart(self) -> None:
        try:
            self._send()
        finally:
            self._unanswered.release()

    def _send(self) -> None:
        phase, stream = current_phase(), self._stream
        reused = self._kept is not None
        over = self._kept or connection(EDGE_PORT, REQUEST_SECONDS)
        try:
            answer = self._ask(over)
        except UnansweredError as reason:
            over.close()
            self._kept = None
            if reused and stream.method == "GET" and isinstance(reason.__cause__, http.client.RemoteDisconnected):
                self._once_more(phase)
            else:
                self._proof.failed(phase, stream, str(reason))
            return
        self._proof.answered(phase, stream, answer, retried=False)
        if stream.keep_alive and answer.headers.get("connection", "").lower() != "close":
            self._kept = over
        else:
            over.close()
            self._kept = None

    def _once_more(self, phase: str) -> None:
        with contextlib.closing(connection(EDGE_PORT, REQUEST_SECONDS)) as over:
            try:
                self._proof.answered(phase, self._stream, self._ask(over), retried=True)
            except UnansweredError as reason:
                self._proof.failed(phase, self._stream, str(reason))

    def _ask(self, over: http.client.HTTPConnection) -> Answer:
        stream = self._stream
        headers = {"Connection": "keep-alive" if stream.keep_alive else "close"}
        body = b"" if stream.method == "POST" else None
        return ask(over, stream.path, host=self._host, method=stream.method, body=body, headers=headers)


def current_phase() -> str:
    """The phase that a request starts in."""
    return PHASE.read_text() if PHASE.exists() else "before"


def mark(phase: str) -> None:
    """Begin a phase."""
    fresh = PHASE.with_suffix(".new")
    fresh.write_text(phase)
    fresh.rename(PHASE)


def streams(arguments: argparse.Namespace) -> Iterator[Stream]:
    """The mix: for any site its health path and a static file; what else it may be asked, its owner has to say."""
    yield Stream(kind="keep-alive", path=arguments.health, per_second=arguments.rate, keep_alive=True)
    yield Stream(kind="new", path=arguments.health, per_second=arguments.rate)
    if static := smallest_stylesheet(STATIC):
        yield Stream(kind="static", path=static, per_second=arguments.rate / 2)
    for path in arguments.post:
        yield Stream(kind="post", path=path, per_second=arguments.rate / 2, method="POST", any_answer=True)
    for path in arguments.slow:
        yield Stream(kind=SLOW, path=path, per_second=1, any_answer=True)


def smallest_stylesheet(folder: Path) -> str:
    """Address of a static file to ask for; empty when there is none."""
    files = [file for file in folder.rglob("*.css") if file.is_file()]
    return f"/static/{min(files, key=lambda file: file.stat().st_size).relative_to(folder)}" if files else ""


def probe(arguments: argparse.Namespace) -> None:
    """Send the mix until told to stop, then leave the whole report."""
    proof, stopped = Proof(), threading.Event()
    unanswered = threading.Semaphore(MOST_UNANSWERED)
    clients = [Client(stream, arguments.host, proof, stopped, unanswered) for stream in streams(arguments)]
    for client in clients:
        client.start()
    deadline = time.monotonic() + arguments.seconds
    while not STOP.exists() and time.monotonic() < deadline:
        save(proof.report, REPORT)
        time.sleep(0.1)
    stopped.set()
    for client in clients:
        client.join(REQUEST_SECONDS)
    for request in [thread for thread in threading.enumerate() if thread.name == REQUEST]:
        request.join(REQUEST_SECONDS)
    save(proof.report, FINAL)


def save(report: Callable[[], dict[str, object]], file: Path) -> None:
    """Write a report, whole or not at all."""
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(report()))
    fresh.rename(file)


def stop() -> str:
    """End the traffic, wait for the last answers; the whole report, or {} when there was no traffic."""
    if not REPORT.exists():
        return "{}"
    STOP.touch()
    deadline = time.monotonic() + REQUEST_SECONDS + 5
    while not FINAL.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return (FINAL if FINAL.exists() else REPORT).read_text()


def main() -> None:
    if sys.argv[1:2] == ["mark"]:
        mark(sys.argv[2])
        return
    if sys.argv[1:] == ["report"]:
        print(REPORT.read_text() if REPORT.exists() else "{}")
        return
    if sys.argv[1:] == ["stop"]:
        print(stop())
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", required=True)
    parser.add_argument("--health", required=True)
    parser.add_argument("--post", action="append", default=[])
    parser.add_argument("--slow", action="append", default=[])
    parser.add_argument("--rate", type=float, default=20, help="requests per second of each of the main kinds")
    parser.add_argument("--seconds", type=float, default=900, help="stop by itself after this long")
    probe(parser.parse_args())


if __name__ == "__main__":
    main()
