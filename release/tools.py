"""The container of a stack in which its release is watched: it sees the sockets and slots, and asks through Nginx."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from release.docker_cli import Docker, inspect
from release.errors import AbandonedError, DockerError, GateError, StepError
from release.plan import Plan, read

SPARE_SECONDS = 1800
"""Time to start in; where an update is interrupted for good, tools and traffic end by themselves after all of it."""
RELEASE = "django-stack.release"
PLAN = "/tmp/plan.json"  # noqa: S108 - a path in the container
"""What a step that ends the release must know. The one that takes it does."""


@dataclass(frozen=True, kw_only=True)
class Live:
    """What is live, and how far the proof is."""

    release: str
    """Empty before the first."""
    sockets: Sequence[str]
    """Where its replicas take the requests of visitors."""
    requests: int | None
    """How many the proof has seen; None without a proof."""


class Tools:
    """A running tools container."""

    def __init__(self, docker: Docker, plan: Plan) -> None:
        self._docker, self._plan, self._name = docker, plan, _name(plan)

    def python(self, script: str, *words: str, stdin: str = "") -> str:
        """Standard output of one of the image's scripts. Raises DockerError with its errors."""
        return self._docker(*self._command(script, *words), stdin=stdin)

    def live(self) -> str:
        """The release of the last commit; empty before the first."""
        return str(json.loads(self.python("slots", "show"))["release"])

    def point(self, sockets: Sequence[str], *, canary: int | None = None) -> None:
        """Move slots to these sockets: all of them, or so many for a canary."""
        self.python("slots", "point", *([] if canary is None else [f"--canary={canary}"]), *sockets)

    def commit(self) -> None:
        """The slots as they are now are the plan's release, live."""
        self.python("slots", "commit", self._plan.release)

    def restore(self) -> None:
        """Point the slots as the last commit has them."""
        self.python("slots", "restore")

    def keep(self, images: Iterable[str]) -> None:
        """Note which images are needed, for the next release to clear away all others."""
        self.python("slots", "keep", *sorted(images))

    def look(self) -> Live:
        """What is live, and how far the proof is."""
        return Live(**json.loads(self.python("go_live", "look")))

    def move(self, sockets: Sequence[str], *, canary: int | None = None) -> datetime:
        """Point the slots at these sockets, if the replicas behind them pass the gate: all slots, or a canary's.

        Returns when it did, by the server's clock. Raises GateError with all that they did not pass.
        """
        share = [] if canary is None else [f"--canary={canary}"]
        lines = self._gated("go_live", "move", *share, *self._gate_words, *sockets)
        moved = [json.loads(line)["moved"] for line in lines if line.startswith('{"moved"')]
        if not moved:
            raise StepError(f"the switch: it must say when it was (got {lines[-1:]}). Deploy again.")
        return datetime.fromisoformat(moved[0])

    def gate(self, sockets: Sequence[str]) -> None:
        """Raises GateError with everything that the replicas behind these sockets did not pass."""
        self._gated("gate", *self._gate_words, *sockets)

    @property
    def _gate_words(self) -> list[str]:
        probes = self._plan.probes
        words = [f"--release={self._plan.release}", f"--host={probes.host}", f"--health={probes.health_path}"]
        return words + [f"--path={path}" for path in probes.gate_paths]

    def _gated(self, script: str, *words: str) -> list[str]:
        """What it printed, if it said that the gate is open. Raises GateError, StepError."""
        lines = self._docker(*self._command(script, *words), check=False, both=True).splitlines()
        findings = [json.loads(line) for line in lines if line.startswith('{"id"')]
        if findings:
            told = "\n  ".join(f"{found['id']} {found['text']} {found['hint']}" for found in findings)
            raise GateError(f"the gate is closed, and the release before goes on serving:\n  {told}")
        if "open" not in lines:
            raise StepError(f"the gate: it must say whether it is open (got {lines[-1:]}). Deploy again.")
        return lines

    def _command(self, script: str, *words: str) -> list[str]:
        return ["exec", "--interactive", self._name, "python3", f"/opt/stack/{script}.py", *words]

    def verify(self, *, release: str, replicas: int, edge: str, seconds: float = 30) -> str:
        """What the release answered through Nginx. Raises StepError when it is not it, or not alone."""
        probes = self._plan.probes
        words = [f"--release={release}", f"--replicas={replicas}", f"--edge={edge}", f"--seconds={seconds}"]
        try:
            return self.python("verify", *words, f"--host={probes.host}", f"--path={probes.health_path}").strip()
        except DockerError as error:
            raise StepError(str(error).partition(": ")[2]) from None

    def mark(self, phase: str) -> None:
        """Begin a phase of the proof."""
        self.python("prober", "mark", phase)

    def start_anew(self) -> None:
        """Another tools container in place of this one, which does not do its work; its proof is lost."""
        _start(self._docker, self._plan)

    def remove(self) -> None:
        """Take the container away."""
        self._docker("rm", "--force", self._name)

    def start_probing(self) -> None:
        probes = self._plan.probes
        words = [f"--host={probes.host}", f"--health={probes.health_path}", f"--rate={probes.per_second}"]
        words += [f"--seconds={_life(self._plan)}"]
        words += [f"--post={path}" for path in probes.post_paths]
        words += [f"--slow={path}" for path in probes.slow_paths]
        self._docker("exec", "--detach", self._name, "python3", "/opt/stack/prober.py", *words)

    def report(self) -> dict[str, Any]:
        """The proof so far."""
        found: dict[str, Any] = json.loads(self.python("prober", "report"))
        return found

    def stop_probing(self) -> dict[str, Any]:
        """End the traffic; the whole proof."""
        found: dict[str, Any] = json.loads(self.python("prober", "stop") or "{}")
        return found

    def append(self, record: dict[str, Any]) -> list[dict[str, Any]]:
        """Add to the ledger; every record, this one as the last. Raises DockerError when the chain does not hold."""
        return [json.loads(line) for line in self.python("ledger", "append", stdin=json.dumps(record)).splitlines()]


def prepare(docker: Docker, plan: Plan) -> None:
    """While a new release starts, begin the traffic that will see it go live; the switch goes on with it."""
    _start(docker, plan)
    tools = Tools(docker, plan)
    if tools.live() not in ("", plan.release):
        tools.start_probing()
    _tell(docker, plan)  # last: whoever takes it may take all of this away


@contextmanager
def running(docker: Docker, plan: Plan, *, keep: bool = False) -> Iterator[Tools]:
    """A tools container for as long as the context lasts: the prepared one, or a new one in place of what is left.

    With `keep` it goes on after a success, for a later step and with the proof that has begun.
    """
    if not _is_prepared(docker, plan):
        _start(docker, plan)
        _tell(docker, plan)
    try:
        yield Tools(docker, plan)
    except AbandonedError:  # who ends the release needs them, and takes them away
        keep = True
        raise
    except BaseException:
        keep = False
        raise
    finally:
        if not keep:
            with contextlib.suppress(StepError):
                docker("rm", "--force", _name(plan))


def claim(docker: Docker, prefix: str, release: str) -> Plan | None:
    """The plan of a release under way, for the step that is to end it; None if another one is, or there is none."""
    name = f"{prefix}-tools"
    found = inspect(docker, [name])
    if not found or found[0]["Config"]["Labels"].get(RELEASE) != release:
        return None
    text = docker("exec", name, "sh", "-c", f"mv {PLAN} {PLAN}.taken && cat {PLAN}.taken", check=False)
    return read(text) if text else None


def _tell(docker: Docker, plan: Plan) -> None:
    docker("exec", "--interactive", _name(plan), "tee", PLAN, stdin=plan.text())


def _start(docker: Docker, plan: Plan) -> None:
    docker("rm", "--force", _name(plan), check=False)
    docker(*plan.tools[1:], "sleep", str(_life(plan)))


def _life(plan: Plan) -> int:
    """Seconds that a release may need the tools for."""
    each = plan.start_seconds + plan.drain_seconds + plan.long_seconds + plan.stop_seconds
    return round(SPARE_SECONDS + len(plan.replicas) * each + plan.strategy.canary_seconds + plan.bake_seconds)


def _is_prepared(docker: Docker, plan: Plan) -> bool:
    found = inspect(docker, [_name(plan)])
    return bool(found) and found[0]["State"]["Running"] and found[0]["Config"]["Labels"].get(RELEASE) == plan.release


def _name(plan: Plan) -> str:
    return f"{plan.prefix}-tools"
