"""One batch of a rolling release: so many new replicas take over from as many of the old ones."""

from collections.abc import Callable
from contextlib import suppress

from release import ledger
from release.docker_cli import Docker
from release.errors import StepError
from release.leftovers import Patience, drain
from release.plan import Plan
from release.switch import replicas_of, restore, revive
from release.tools import Tools, running


def roll(docker: Docker, plan: Plan, done: int, tell: Callable[[str], None]) -> None:
    """The first `done` new replicas serve, beside what is left of the old ones.

    Raises StepError, with all the old ones serving again.
    """
    with running(docker, plan, keep=True) as tools:
        live, seen = tools.look()
        old = replicas_of(docker, plan.prefix, live)
        if not old or live == plan.release:
            return
        leaving = old[: done * len(old) // len(plan.replicas)]
        staying = [_socket(name, plan.prefix) for name in old[len(leaving) :]]
        try:
            if seen is None:
                tools.start_probing()
            tools.gate(plan.sockets[:done])
            tools.mark("roll")
            tools.point([*plan.sockets[:done], *staying])
            _stop(docker, plan, leaving)
        except BaseException as error:
            _give_back(docker, plan, tools, old, str(error) or type(error).__name__)
            raise
        tell(f"{done} of {len(plan.replicas)} replicas are of release {plan.release}")


def _give_back(docker: Docker, plan: Plan, tools: Tools, old: list[str], reason: str) -> None:
    """Have the old replicas serve, all of them; where one cannot, what serves now goes on."""
    with suppress(StepError):
        revive(docker, old, plan.start_seconds)
        restore(tools)
    with suppress(StepError):
        report = tools.stop_probing()
        tools.append(ledger.record(docker, plan, result="failed", report=report, reason=reason))


def _stop(docker: Docker, plan: Plan, names: list[str]) -> None:
    """Drain and stop old replicas. They are kept until the release is live, to be started again if it is not to be."""
    patience = Patience(ordinary=plan.drain_seconds, long=plan.long_seconds, stop=plan.stop_seconds)
    for name in names:
        drain(docker, name, patience)
        docker("update", "--restart=no", name)
        docker("stop", f"--time={patience.stop}", name)


def _socket(container: str, prefix: str) -> str:
    return f"/run/web/{container.removeprefix(f'{prefix}-web-')}.sock"
