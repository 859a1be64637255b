"""Wait until a container can do its work, or say at once why it cannot."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from release.docker_cli import Docker, inspect, last_lines
from release.errors import AbandonedError, DockerError, NotReadyError
from release.explain import explain, without_surrender

POLL_SECONDS = 0.5
QUICK_POLL_SECONDS = 0.2
JUDGEMENT_SECONDS = 5.0
"""How long a container's own step may take to give it up after a crash. There is none if it was healthy before."""
READ_LINES, SHOWN_LINES = 100, 25
"""Of a log's end."""
STARTING_SHARE = 4
"""A replica that starts has this fraction of its CPU weight: where CPUs are short, those that serve come first."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What Docker says of a container."""

    status: str
    health: str
    restarts: int
    exit_code: int
    out_of_memory: bool
    last_probe: str
    """What the last health check printed."""

    @classmethod
    def of(cls, inspected: dict[str, Any]) -> "State":
        state = inspected["State"]
        health = state.get("Health") or {}
        probes = health.get("Log") or [{}]
        return cls(
            status=state["Status"],
            health=health.get("Status", "none"),
            restarts=inspected["RestartCount"],
            exit_code=state["ExitCode"],
            out_of_memory=state["OOMKilled"],
            last_probe=(probes[-1].get("Output") or "").strip(),
        )

    @property
    def ready(self) -> bool:
        return self.status == "running" and (self.health == "healthy" or (self.health == "none" and not self.restarts))

    @property
    def crashed(self) -> bool:
        """It has ended by itself, whether or not Docker has started it again since."""
        return self.status in ("exited", "dead", "restarting") or self.restarts > 0


def stays_stopped(inspected: dict[str, Any]) -> bool:
    """Docker does not start it again when it ends: it has been given up, or stands by, stopped."""
    return bool(inspected["HostConfig"]["RestartPolicy"]["Name"] == "no")


def wait_until_ready(docker: Docker, name: str, *, seconds: float) -> None:
    """Return when the container is healthy. Raises NotReadyError as soon as it has crashed, or when time is up.

    AbandonedError, where the step that has ended its release has stopped it.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = inspect(docker, [name])
        if not found:
            raise NotReadyError(f"{name}: the container is gone, though the state has it. Run up with --refresh.")
        state = State.of(found[0])
        if state.ready:  # whatever happened to it in the past
            return
        if stays_stopped(found[0]):
            raise AbandonedError(f"{name}: it has been stopped, as another step has failed. That one says why.")
        if state.crashed:
            raise NotReadyError(_told(name, f"it ended with code {state.exit_code}", state, _log(docker, name)))
        if time.monotonic() > deadline or state.health == "unhealthy":
            what = f"it was not healthy after {seconds:.0f} s"
            raise NotReadyError(_told(name, what, state, _log(docker, name)))
        time.sleep(POLL_SECONDS)


def wait_for_all(docker: Docker, names: Sequence[str], *, seconds: float) -> None:
    """Return when all are healthy, as soon as they are. Raises NotReadyError when one has failed.

    Each has a step of its own beside this one, which says why. One that its step has given up is not healthy any more,
    and that step ends the release: AbandonedError. A crash is the step's to judge, where there is one.
    """
    deadline = time.monotonic() + seconds
    while True:
        inspected = {found["Name"].lstrip("/"): found for found in inspect(docker, names)}
        states = {name: State.of(found) for name, found in inspected.items()}
        given_up = {name for name, found in inspected.items() if stays_stopped(found)}
        late = [name for name in names if name not in states or not states[name].ready or name in given_up]
        gone = [name for name in late if name not in states]
        crashed = [name for name in late if name in states and states[name].crashed]
        if not late:
            return
        now = time.monotonic()
        judged = given_up & {*crashed}
        if crashed and not judged:
            deadline = min(deadline, now + JUDGEMENT_SECONDS)
        if judged or gone or now > deadline:
            told = ", ".join(gone or crashed or late)
            kind = AbandonedError if judged else NotReadyError
            raise kind(f"{told}: not healthy, so the release does not go live. The container's own step says why.")
        time.sleep(QUICK_POLL_SECONDS)


def _log(docker: Docker, name: str) -> str:
    """The last words of what runs in the container."""
    said = without_surrender(last_lines(docker, name, READ_LINES))
    return "\n".join(said.rstrip().splitlines()[-SHOWN_LINES:])


def _told(name: str, what: str, state: State, log: str) -> str:
    known = explain(f"{log}\n{state.last_probe}", exit_code=state.exit_code, out_of_memory=state.out_of_memory)
    because = f"{known}." if known else "Its log says why."
    probe = f"\n  its health check says: {state.last_probe}" if state.last_probe else ""
    lines = "\n".join(f"  | {line}" for line in log.splitlines()) or "  | (nothing)"
    return f"{name}: {what}: {because}{probe}\n  the end of its log:\n{lines}"


def make_ready(docker: Docker, name: str, *, pids: int, cpu_shares: int, seconds: float, disposable: bool) -> None:
    """Limit a container's processes, see that it runs, and wait until it is healthy. Raises NotReadyError.

    A `disposable` one gives way to its predecessor while it starts. It is stopped when it fails, and stays stopped: a
    crash loop helps nobody. The container is kept, with its log; another try starts it again.
    """
    if not disposable:
        _limit(docker, name, f"--pids-limit={pids}")
        wait_until_ready(docker, name, seconds=seconds)
        return
    _limit(docker, name, f"--pids-limit={pids}", "--restart=always", f"--cpu-shares={cpu_shares // STARTING_SHARE}")
    found = inspect(docker, [name])
    if found and found[0]["State"]["Status"] in ("exited", "created"):
        docker("start", name)
    try:
        wait_until_ready(docker, name, seconds=seconds)
    except AbandonedError:
        raise
    except NotReadyError:
        if _give_up(docker, name):
            raise
    finally:
        docker("update", f"--cpu-shares={cpu_shares}", name, check=False)


def _limit(docker: Docker, name: str, *limits: str) -> None:
    try:
        docker("update", *limits, name)
    except DockerError:  # as in the moment of a crash, which then is what has to be told
        found = inspect(docker, [name])
        if not found or not State.of(found[0]).crashed:
            raise


def _give_up(docker: Docker, name: str) -> bool:
    """Stop a container for good, unless it has become healthy at the last moment; whether it is given up.

    A switch that waits for it may see it healthy as well. So first Docker is told, where the switch sees it, and then
    it is looked at again: what the switch may have taken for healthy before is healthy still, and is let go on.
    """
    marked = _mark(docker, name)
    found = inspect(docker, [name])
    if found and State.of(found[0]).ready:
        docker("update", "--restart=always", name)
        return False
    _stop(docker, name, 5, marked=marked)
    return True


def park(docker: Docker, names: Sequence[str], seconds: int) -> None:
    """Stop containers for good. They are kept, with their logs; another try starts them again."""
    for name in names:
        _stop(docker, name, seconds, marked=_mark(docker, name))


def _mark(docker: Docker, name: str) -> bool:
    """Tell Docker never to start it again; whether it could be told. It cannot in the moment of a crash."""
    try:
        docker("update", "--restart=no", name)
    except DockerError:
        return False
    return True


def _stop(docker: Docker, name: str, seconds: int, *, marked: bool) -> None:
    docker("stop", f"--time={seconds}", name, check=False)
    if not marked:
        _mark(docker, name)
