"""preview, up, refresh, destroy, cancel."""

import importlib
import os
import threading
from argparse import Namespace

from engine import lock
from engine.asking import ask, is_interactive
from engine.display.chooser import Screen
from engine.errors import ChangesFoundError, UsageError
from engine.events import Ended
from engine.interrupt import Interrupt
from engine.program import Program
from engine.session import Session, Workspace
from engine.update import Update

_PER_CPU = 4
_NEEDS_YES = (
    "--yes or --skip-preview or --preview-only must be passed in to proceed when running in non-interactive mode"
)


class _Run:
    """One verb, from preview over the question to the update."""

    def __init__(self, arguments: Namespace, kind: str) -> None:
        workspace = Workspace(arguments.folder, arguments.config_file)
        self.arguments, self.kind = arguments, kind
        self.session = Session(workspace, workspace.choose(arguments.stack))
        self.screen = Screen(arguments, self.session.blinder)
        self.interrupt = Interrupt(self.screen)
        self.programs: list[Program] = []
        self.update = Update(
            session=self.session,
            kind=kind,
            tell=self.screen,
            interrupt=self.interrupt,
            parallel=arguments.parallel or _PER_CPU * (os.cpu_count() or 1),
            targets=frozenset(arguments.target),
            refresh=getattr(arguments, "refresh", "false") == "true",
            message=arguments.message,
        )

    def start_program(self) -> Program | None:
        """Starts the program for the next run, so that it imports while something else goes on."""
        if self.kind != "up" or self.update.foreseen is not None:
            return None
        self.programs.append(Program(self.session.project, self.screen.program_line))
        # gRPC is slow to import; meanwhile the key is derived from the passphrase.
        threading.Thread(target=importlib.import_module, args=("engine.monitor",), daemon=True).start()
        return self.programs[-1]

    def preview(self, program: Program | None, *, muted: bool = False) -> Ended:
        self.screen.open(preview=True, muted=muted)
        return self.update.run(preview=True, program=program)

    def act(self, program: Program | None) -> Ended:
        self.screen.open(preview=False)
        with self.session.lock() as held:
            self.interrupt.at_once.append(lambda: held.__exit__(None, None, None))
            if self.session.reload() and self.update.foreseen is not None:
                self.update.foreseen = None
                program = self.start_program()
            return self.update.run(preview=False, program=program)

    def confirm(self) -> None:
        """Asks before acting. Raises UsageError when the answer is no."""
        noun = "update" if self.kind == "up" else self.kind
        if self.arguments.yes or self.arguments.skip_preview:
            return
        with self.interrupt.paused():
            answer = ask(f"Do you want to perform this {noun}? (yes/no) ")
        if answer not in ("yes", "y"):
            raise UsageError(f"confirmation declined, not proceeding with the {noun}", UsageError.DECLINED)

    def expect_no_changes(self, ended: Ended) -> None:
        """Raises ChangesFoundError if changes were not expected and there are some."""
        if self.arguments.expect_no_changes and any(op != "same" for op in ended.changes):
            verb = "were proposed" if ended.preview else "occurred"
            raise ChangesFoundError(f"no changes were expected but changes {verb}")

    def go(self, *, only_preview: bool) -> int:
        arguments = self.arguments
        if not only_preview and not (arguments.yes or arguments.skip_preview or is_interactive(arguments)):
            raise UsageError(_NEEDS_YES, UsageError.NOT_INTERACTIVE)
        program = self.start_program()
        try:
            self.update.values = self.session.values()
            self.interrupt.install()
            # Even a preview that is skipped is made for an `up`: it refuses what cannot be done before
            # anything is changed.
            ended = self.preview(program, muted=not only_preview and arguments.skip_preview)
            if only_preview:
                self.expect_no_changes(ended)
                return 0
            program = self.start_program()
            self.confirm()
            self.session.ensure_salt()
            self.expect_no_changes(self.act(program))
            return 0
        finally:
            for program in self.programs:
                program.stop()


def preview(arguments: Namespace) -> int:
    return _Run(arguments, "up").go(only_preview=True)


def up(arguments: Namespace) -> int:
    return _Run(arguments, "up").go(only_preview=arguments.preview_only)


def refresh(arguments: Namespace) -> int:
    return _Run(arguments, "refresh").go(only_preview=arguments.preview_only)


def destroy(arguments: Namespace) -> int:
    run = _Run(arguments, "destroy")
    code = run.go(only_preview=arguments.preview_only)
    if arguments.remove and not arguments.preview_only:
        run.session.remove()
        print("The resources in the stack have been deleted, and the history and configuration removed.")
    return code


def cancel(arguments: Namespace) -> int:
    workspace = Workspace(arguments.folder, "")
    stack = workspace.choose(arguments.name or arguments.stack)
    workspace.backend.require(stack)
    question = f"This will irreversibly cancel the currently running update for '{stack}'! (yes/no) "
    if not arguments.yes and is_interactive(arguments) and ask(question) not in ("yes", "y"):
        raise UsageError("confirmation declined", UsageError.DECLINED)
    lock.cancel(workspace.backend.lock_folder(stack))
    print(f"The currently running update for '{stack}' has been canceled!")
    return 0
