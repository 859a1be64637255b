"""One verb that runs on a stack: from the preview over the question to the update."""

import importlib
import os
import threading
from argparse import Namespace

from engine.asking import ask
from engine.display.chooser import Screen
from engine.errors import ChangesFoundError, UsageError
from engine.events import Ended, Event, StepBegan
from engine.interrupt import Interrupt
from engine.model import Op
from engine.program import Program
from engine.session import Session
from engine.update import Update

_PER_CPU = 4


def _import_grpc() -> None:
    """Slow, so it is done while the key is derived from the passphrase and the program imports."""
    importlib.import_module("engine.monitor")


class Operation:
    """An `up`, `refresh` or `destroy`, or the preview of it."""

    def __init__(self, session: Session, arguments: Namespace, kind: str) -> None:
        self.arguments, self.kind, self.session = arguments, kind, session
        self.screen = Screen(arguments, session.blinder)
        self.interrupt = Interrupt(self.screen)
        self._next: Program | None = None
        """The process for the update itself: it imports while the preview goes on and while we ask."""
        self._foresees = False
        self.update = Update(
            session=session,
            kind=kind,
            tell=self._tell,
            interrupt=self.interrupt,
            parallel=arguments.parallel or _PER_CPU * (os.cpu_count() or 1),
            targets=frozenset(arguments.target),
            refresh=getattr(arguments, "refresh", "false") == "true",
            message=arguments.message,
        )

    def go(self, program: Program | None, *, only_preview: bool) -> None:
        """Runs it; `program` waits to be run for the preview. Raises EngineError."""
        if program is not None:
            threading.Thread(target=_import_grpc, daemon=True).start()
        self.update.values = self.session.values()
        self.interrupt.install()
        # Even a preview that is skipped is made for an `up`: it refuses what cannot be done before
        # anything is changed.
        self.screen.open(preview=True, muted=not only_preview and self.arguments.skip_preview)
        self._foresees = program is not None and not only_preview
        try:
            ended = self.update.run(preview=True, program=program)
            if only_preview:
                self._expect_no_changes(ended)
                return
            self._confirm()
            self.session.ensure_salt()
            self._expect_no_changes(self._act())
        finally:
            if self._next is not None:
                self._next.stop()

    def _tell(self, event: Event) -> None:
        """Shows it. At the first change in a preview it is clear that the program has to run once more."""
        if self._foresees and isinstance(event, StepBegan) and event.step.op is not Op.SAME:
            self._foresees = False
            self._next = Program(self.session.project)
        self.screen(event)

    def _confirm(self) -> None:
        """Asks before acting. Raises UsageError when the answer is no."""
        noun = "update" if self.kind == "up" else self.kind
        if self.arguments.yes or self.arguments.skip_preview:
            return
        with self.interrupt.paused():
            answer = ask(f"Do you want to perform this {noun}? (yes/no) ")
        if answer not in ("yes", "y"):
            raise UsageError(f"confirmation declined, not proceeding with the {noun}", UsageError.DECLINED)

    def _act(self) -> Ended:
        self._foresees = False
        self.screen.open(preview=False)
        with self.session.lock() as held:
            self.interrupt.at_once.append(lambda: held.__exit__(None, None, None))
            if self.session.reload():
                self.update.foreseen = None
            if self.kind == "up" and self.update.foreseen is None and self._next is None:
                self._next = Program(self.session.project)
            return self.update.run(preview=False, program=self._next)

    def _expect_no_changes(self, ended: Ended) -> None:
        """Raises ChangesFoundError if changes were not expected and there are some."""
        if self.arguments.expect_no_changes and any(op != "same" for op in ended.changes):
            verb = "were proposed" if ended.preview else "occurred"
            raise ChangesFoundError(f"no changes were expected but changes {verb}")
