"""One run of a stack, from observing to the history entry: up, refresh or destroy, or the preview of it."""

import functools
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine import causes
from engine.config import ConfigValue
from engine.deployment import Deployment, Registration
from engine.errors import EngineError, StepError
from engine.events import Began, Ended, Listener, Message
from engine.executor import Executor
from engine.interrupt import Interrupt
from engine.journal import Journal
from engine.model import outputs_of
from engine.planner import Planner
from engine.program import Program, failure_of
from engine.providers.docker_api import DockerApi, connect
from engine.providers.registry import TYPES
from engine.refresh import Refresher
from engine.session import Session
from engine.values import BLINDED, Properties, has_unknown

_NAME_DIGITS = 7
_TITLES = {"up": ("Previewing update", "Updating"), "destroy": ("Previewing destroy", "Destroying")}
_TITLES["refresh"] = ("Previewing refresh", "Refreshing")
_ENDED_EARLY = (
    "the program ended before it was done, so nothing was deleted. Let it run to its end: without sys.exit()."
)


@dataclass(kw_only=True)
class Update:
    """One verb on one stack, as its flags say."""

    session: Session
    kind: str
    """up, refresh or destroy."""
    tell: Listener
    interrupt: Interrupt
    parallel: int
    targets: frozenset[str] = frozenset()
    refresh: bool = False
    message: str = ""
    docker: Callable[[str], DockerApi] = field(default_factory=lambda: functools.cache(connect))
    """The Docker Engine of a host, connected when it is first needed."""
    values: Mapping[str, ConfigValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.foreseen: list[Registration] | None = None
        """What the program registered in a preview that found nothing to change."""

    def run(self, *, preview: bool, program: Program | None = None) -> Ended:
        """Previews or acts; `program` is the waiting process of an `up`. Raises StepError if it failed."""
        began, session = time.time(), self.session
        shown = {key: BLINDED if value.secret else value.text for key, value in self.values.items()}
        self.tell(Began(title=f"{_TITLES[self.kind][not preview]} ({session.stack}):", preview=preview, config=shown))
        snapshot = session.snapshot()
        journal = Journal(snapshot, None if preview else session.save)
        executor = Executor(
            types=TYPES,
            journal=journal,
            tell=self.tell,
            docker=self.docker,
            blind=session.blinder,
            parallel=self.parallel,
            cwd=session.project.directory,
            preview=preview,
            cancelled=self.interrupt.cancelled,
        )
        counts, failed, outputs = self._change(executor, program)
        journal.flush()
        ended = Ended(
            preview=preview,
            failed=failed or self.interrupt.cancelled.is_set(),
            seconds=time.time() - began,
            changes=dict(sorted(counts.items())),
            outputs=outputs if self.kind != "refresh" else outputs_of(journal.states),
            old_outputs=outputs_of(snapshot.states),
        )
        self.tell(ended)
        if preview and (self.refresh or snapshot.pending or set(counts) != {"same"} or has_unknown(outputs)):
            self.foreseen = None
        if not preview:
            self._archive(ended, journal, began)
        if ended.failed:
            raise StepError("preview failed" if preview else "update failed")
        return ended

    def _change(self, executor: Executor, program: Program | None) -> tuple[Counter[str], bool, Properties]:
        """Observes, then plans and acts; the counts, whether it failed, and the outputs."""
        refresher = Refresher(executor=executor)
        try:
            refresher.recover()
            refresher.warn_of_unknown(forget=self.refresh or self.kind == "refresh")
            read = refresher.refresh(self.targets) if self.refresh or self.kind == "refresh" else Counter()
        except StepError:
            return Counter(), True, {}
        if self.kind == "refresh":
            return read, False, {}
        executor.journal.flush()
        deployment = self._deployment(executor)
        if program is not None:
            self._run_program(program, deployment)
        elif self.foreseen is not None:
            deployment.replay(self.foreseen)
        else:
            deployment.delete_leftovers(causes.DESTROYED)
        self.foreseen = deployment.registrations if self.kind == "up" else None
        if self.interrupt.cancelled.is_set():
            names = ", ".join(dict.fromkeys(deployment.left)) or "the deletions"
            text = f"cancelled; not reached: {names}. What was done is in the state. Run `{self.kind}` again to go on."
            self.tell(Message(severity="warning", text=text))
        return deployment.counts, deployment.failed, deployment.stack_outputs()

    def _deployment(self, executor: Executor) -> Deployment:
        session = self.session
        planner = Planner(
            states=executor.journal.states,
            types=TYPES,
            unique=lambda: secrets.token_hex(_NAME_DIGITS)[:_NAME_DIGITS],
            cwd=session.project.directory,
            targets=self.targets,
        )
        return Deployment(
            stack=session.stack, project=session.project.name, planner=planner, executor=executor, config=self.values
        )

    def _run_program(self, program: Program, deployment: Deployment) -> None:
        from engine.monitor import Monitor  # noqa: PLC0415  gRPC is slow to import, and needed only here

        directory = self.session.project.directory
        monitor = Monitor(deployment, self.values, directory)
        self.interrupt.at_once.append(program.kill)
        runtime = {
            "project": deployment.project,
            "stack": deployment.stack,
            "parallel": self.parallel,
            "dry_run": deployment.executor.preview,
            "organization": "organization",
            "root_directory": str(directory),
        }
        try:
            with monitor.serve() as address:
                code = program.run(address, runtime, self.values, self._say)

        finally:
            program.stop()
        text = failure_of(code)
        if text:
            deployment.fail(EngineError(f"{text} What it had registered until then is in the state."))
        elif code:
            deployment.failed = True
        elif not monitor.finished and not deployment.stopped:
            deployment.fail(EngineError(_ENDED_EARLY))

    def _say(self, line: str) -> None:
        """Shows a line that the program printed."""
        self.tell(Message(severity="info", text=line))

    def _archive(self, ended: Ended, journal: Journal, began: float) -> None:
        """Writes the history entry of a finished update."""
        session = self.session
        entry: dict[str, Any] = {
            "kind": "update" if self.kind == "up" else self.kind,
            "startTime": int(began),
            "message": self.message,
            "environment": {"exec.kind": "embedded"},
            "config": session.config.entries,
            "version": 0,
            "result": "failed" if ended.failed else "succeeded",
            "endTime": int(time.time()),
            "resourceChanges": dict(ended.changes),
        }
        checkpoint = session.render(journal.states, journal.interrupted)
        session.backend.add_history(session.stack, entry, checkpoint)
