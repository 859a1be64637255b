"""One batch of a rolling release: so many new replicas take over from as many of the old ones."""

from collections.abc import Callable

from release.abandon import give_back, record_failure, replicas_of, revive
from release.docker_cli import Docker
from release.leftovers import Patience, drain
from release.plan import Plan
from release.tools import running


def roll(docker: Docker, plan: Plan, done: int, tell: Callable[[str], None]) -> None:
    """The first `done` new replicas serve, beside what is left of the old ones.

    Raises StepError, with all the old ones serving again, and they alone.
    """
    with running(docker, plan, keep=True) as tools:
        now = tools.look()
        live = now.release
        old = replicas_of(docker, plan.prefix, live)
        if not old or live == plan.release:
            return
        leaving = old[: done * len(old) // len(plan.replicas)]
        staying = [_socket(name, plan.prefix) for name in old[len(leaving) :]]
        try:
            if now.requests is None:
                tools.start_probing()
            revive(docker, plan.replicas[:done], plan.start_seconds)  # what an earlier try has parked
            tools.gate(plan.sockets[:done])
            tools.mark("roll")
            tools.point([*plan.sockets[:done], *staying])
            _stop(docker, plan, leaving)
        except BaseException as error:
            give_back(docker, plan, tools, live)
            record_failure(docker, plan, tools, str(error) or type(error).__name__)
            raise
        tell(f"{done} of {len(plan.replicas)} replicas are of release {plan.release}")


def _stop(docker: Docker, plan: Plan, names: list[str]) -> None:
    """Drain and stop old replicas. They are kept until the release is live, to be started again if it is not to be."""
    patience = Patience(ordinary=plan.drain_seconds, long=plan.long_seconds, stop=plan.stop_seconds)
    for name in names:
        drain(docker, name, patience)
        docker("update", "--restart=no", name)
        docker("stop", f"--time={patience.stop}", name)


def _socket(container: str, prefix: str) -> str:
    return f"/run/web/{container.removeprefix(f'{prefix}-web-')}.sock"
