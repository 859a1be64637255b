"""One verb that runs on a stack: the preview, the question and the update; each from observing to the history entry."""

import functools
import importlib
import os
import secrets
import signal
import threading
import time
from argparse import Namespace
from collections import Counter
from typing import Any

from engine.config import ConfigValue
from engine.deployment import Deployment, Registration
from engine.display import Screen
from engine.errors import CHANGES_FOUND, EngineError, StepError
from engine.events import Began, Ended, Event, StepBegan
from engine.executor import Executor
from engine.journal import Journal
from engine.model import Op, outputs_of
from engine.planner import Planner
from engine.program import ALREADY_TOLD, Program
from engine.providers.command import kill_all
from engine.providers.docker_api import DockerApi
from engine.refresh import recover, refresh, warn_of_unknown
from engine.session import Session
from engine.terminal import Interrupt, confirm
from engine.values import BLINDED, Properties, has_unknown

_PER_CPU = 4
_NAME_DIGITS = 7
_TITLES = {"up": ("Previewing update", "Updating"), "destroy": ("Previewing destroy", "Destroying")}
_TITLES["refresh"] = ("Previewing refresh", "Refreshing")
_ENDED_EARLY = (
    "the program ended before it was done, so nothing was deleted. Let it run to its end: without sys.exit()."
)


def _name_end() -> str:
    return secrets.token_hex(_NAME_DIGITS)[:_NAME_DIGITS]


class Operation:
    """An `up`, `refresh` or `destroy` of one stack, as its flags say, or the preview of it."""

    def __init__(self, session: Session, arguments: Namespace) -> None:
        self._session, self._arguments, self._kind = session, arguments, arguments.kind
        self._screen = Screen(arguments, session.blinder)
        self._interrupt = Interrupt(self._screen, kill_all)
        self._parallel = arguments.parallel or _PER_CPU * (os.cpu_count() or 1)
        self._targets = frozenset(arguments.target)
        self._refreshes = self._kind == "refresh" or arguments.refresh == "true"
        self._docker = functools.cache(DockerApi)
        self._values: dict[str, ConfigValue] = {}
        self._next: Program | None = None
        """The process for the update itself: it imports while the preview goes on and while we ask."""
        self._foresees, self._lock = False, threading.Lock()
        self._foreseen: list[Registration] | None = None
        """What the program registered in a preview that found nothing to change."""

    def go(self, program: Program | None) -> None:
        """Runs it; `program` waits to be run for the preview. Raises EngineError."""
        only_preview = self._arguments.preview_only
        if program is not None:  # gRPC is slow to import: meanwhile a key is derived, and the program imports
            threading.Thread(target=importlib.import_module, args=["engine.monitor"], daemon=True).start()
        self._values = self._session.values()
        self._interrupt.install()
        # Even a preview that is skipped is made for an `up`: it refuses what cannot be done before
        # anything is changed.
        self._screen.open(preview=True, muted=not only_preview and self._arguments.skip_preview)
        self._foresees = program is not None and not only_preview
        try:
            self._run(preview=True, program=program)
            if not only_preview:
                if not (self._arguments.yes or self._arguments.skip_preview):
                    self._confirm("update" if self._kind == "up" else self._kind)
                self._session.config.ensure_salt(self._session.crypter.salt)
                self._act()
        finally:
            if self._next is not None:
                self._next.stop()

    def _tell(self, event: Event) -> None:
        """Shows it. At the first change in a preview it is clear that the program has to run once more."""
        if isinstance(event, StepBegan) and event.step.op is not Op.SAME:
            with self._lock:  # steps are told by many threads
                if self._foresees:
                    self._foresees = False
                    self._next = Program(self._session.project)
        self._screen(event)

    def _confirm(self, noun: str) -> None:
        """Asks before acting. Raises UsageError when the answer is no."""
        declined = f"confirmation declined, not proceeding with the {noun}"
        with self._interrupt.paused():
            confirm(f"Do you want to perform this {noun}? (yes/no) ", declined=declined)

    def _act(self) -> None:
        self._foresees = False
        self._screen.open(preview=False)
        with self._session.lock() as held:
            self._interrupt.at_once.append(lambda: held.__exit__(None, None, None))
            if self._session.reload():
                self._foreseen = None
            if self._kind == "up" and self._foreseen is None and self._next is None:
                self._next = Program(self._session.project)
            self._run(preview=False, program=self._next)

    # One run

    def _run(self, *, preview: bool, program: Program | None) -> None:
        """Previews or acts; `program` is the waiting process of an `up`. Raises StepError if it failed."""
        began, session = time.time(), self._session
        shown = {key: BLINDED if value.secret else value.text for key, value in self._values.items()}
        title = f"{_TITLES[self._kind][not preview]} ({session.stack}):"
        self._tell(Began(title=title, preview=preview, config=shown))
        snapshot = session.snapshot()
        executor = Executor(
            journal=Journal(snapshot, None if preview else session.save),
            tell=self._tell,
            docker=self._docker,
            blind=session.blinder,
            parallel=self._parallel,
            cwd=session.project.directory,
            preview=preview,
            cancelled=self._interrupt.cancelled,
        )
        counts, failed, outputs = self._change(executor, program)
        if self._kind == "refresh":
            outputs = outputs_of(executor.journal.states)
        executor.journal.flush()
        failed, seconds = failed or self._interrupt.cancelled.is_set(), time.time() - began
        changes, old = dict(sorted(counts.items())), outputs_of(snapshot.states)
        ended = Ended(
            preview=preview, failed=failed, seconds=seconds, changes=changes, outputs=outputs, old_outputs=old
        )
        self._tell(ended)
        if preview and (self._refreshes or snapshot.pending or set(counts) != {"same"} or has_unknown(outputs)):
            self._foreseen = None
        if not preview:
            self._archive(ended, executor.journal, began)
        if ended.failed:
            raise StepError("preview failed" if preview else "update failed")
        changed = any(op != "same" for op in counts) and preview is self._arguments.preview_only
        if self._arguments.expect_no_changes and changed:
            verb = "were proposed" if preview else "occurred"
            raise EngineError(f"no changes were expected but changes {verb}", CHANGES_FOUND)

    def _change(self, executor: Executor, program: Program | None) -> tuple[Counter[str], bool, Properties]:
        """Observes, then plans and acts; the counts, whether it failed, and the outputs."""
        try:
            recover(executor)
            warn_of_unknown(executor, forget=self._refreshes)
            read = refresh(executor, self._targets) if self._refreshes else Counter()
        except StepError:
            return Counter(), True, {}
        if self._kind == "refresh":
            return read, False, {}
        executor.journal.flush()
        states = executor.journal.states
        planner = Planner(states=states, unique=_name_end, cwd=executor.cwd, targets=self._targets)
        project, stack = self._session.project.name, self._session.stack
        deployment = Deployment(stack=stack, project=project, planner=planner, executor=executor, config=self._values)
        if program is not None:
            self._run_program(program, deployment)
        elif self._foreseen is not None:
            deployment.replay(self._foreseen)
        else:
            deployment.delete_leftovers("the stack is destroyed")
        self._foreseen = deployment.registrations if self._kind == "up" else None
        if self._interrupt.cancelled.is_set():
            names = ", ".join(dict.fromkeys(deployment.left)) or "the deletions"
            text = f"cancelled; not reached: {names}. What was done is in the state. Run `{self._kind}` again to go on."
            executor.say("warning", text)
        return deployment.counts, deployment.failed, outputs_of(deployment.states.values())

    def _run_program(self, program: Program, deployment: Deployment) -> None:
        from engine.monitor import Monitor  # noqa: PLC0415  needed only here

        monitor = Monitor(deployment, self._values, self._session.project.directory)
        self._interrupt.at_once.append(program.kill)
        try:
            with monitor.serve() as address:
                code = program.run(monitor.settings(address), lambda line: deployment.executor.say("info", line))
        finally:
            program.stop()
        if code not in (0, ALREADY_TOLD):
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            deployment.fail(EngineError(f"the program {how}. What it had registered until then is in the state."))
        elif code:
            deployment.failed = True
        elif not monitor.finished and not deployment.stopped:
            deployment.fail(EngineError(_ENDED_EARLY))

    def _archive(self, ended: Ended, journal: Journal, began: float) -> None:
        """Writes the history entry of a finished update."""
        session = self._session
        kind, result = "update" if self._kind == "up" else self._kind, "failed" if ended.failed else "succeeded"
        entry: dict[str, Any] = {"kind": kind, "startTime": int(began), "message": self._arguments.message}
        entry |= {"environment": {"exec.kind": "embedded"}, "config": session.config.entries, "version": 0}
        entry |= {"result": result, "endTime": int(time.time()), "resourceChanges": dict(ended.changes)}
        session.backend.add_history(session.stack, entry, session.render(journal.states, journal.interrupted))
