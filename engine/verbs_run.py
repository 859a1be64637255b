"""preview, up, refresh, destroy, cancel."""

import os
from collections.abc import Callable
from typing import Any

from engine import lock
from engine.cli import Arguments, add_run_flags, folder_of, is_interactive
from engine.display.chooser import Screen
from engine.errors import EXIT_CANCELLED, EXIT_NOT_INTERACTIVE, ChangesFoundError, UpdateFailedError, UsageError
from engine.events import Ended
from engine.program import Program
from engine.session import Session, Workspace
from engine.update import Interrupt, Options, Runner

_PER_CPU = 4


def add_to(verbs: Any) -> None:
    everywhere = ("diff", "json", "expect-no-changes", "target", "parallel", "message", "show-secrets")
    preview = verbs.add("preview", run_preview, "show what `up` would do", aliases=["pre"])
    add_run_flags(preview, *everywhere, "refresh")
    up = verbs.add("up", run_up, "create or change what the program declares", aliases=["update"])
    add_run_flags(up, *everywhere, "refresh", "yes", "preview-only", "skip-preview")
    refresh = verbs.add("refresh", run_refresh, "correct the state by what Docker has")
    add_run_flags(refresh, *everywhere, "yes", "preview-only", "skip-preview")
    destroy = verbs.add("destroy", run_destroy, "delete everything in the stack", aliases=["down"])
    add_run_flags(destroy, *everywhere, "refresh", "yes", "preview-only", "skip-preview")
    cancel = verbs.add("cancel", run_cancel, "free a stack whose update has died")
    add_run_flags(cancel, "yes")
    cancel.add_argument("name", nargs="?", default="", metavar="STACK")


class _Run:
    """One verb: the stack, the screen, and the steps from preview to update."""

    def __init__(self, arguments: Arguments, verb: str) -> None:
        self.arguments = arguments
        self.verb = verb
        workspace = Workspace.open(folder_of(arguments), arguments.config_file)
        self.stack = workspace.choose(arguments.stack)
        self.session = Session(workspace, self.stack)
        self.screen = Screen(arguments, self.session.blinder)
        self.interrupt = Interrupt(self.screen)
        options = Options(
            parallel=arguments.parallel or _PER_CPU * (os.cpu_count() or 1),
            targets=frozenset(arguments.target),
            refresh=getattr(arguments, "refresh", "false") == "true",
            message=arguments.message,
        )
        self.runner = Runner(session=self.session, options=options, tell=self.screen, interrupt=self.interrupt)

    def title(self, noun: str) -> str:
        return f"{noun} ({self.stack}):"

    def program(self) -> Program:
        return Program(self.session.project, self.screen.program_line)

    def prepare(self) -> None:
        """Opens the secrets and checks the configuration; the values go to the program."""
        self.runner.values = self.session.values()

    def refuse_without_yes(self) -> None:
        arguments = self.arguments
        if arguments.yes or arguments.skip_preview or arguments.preview_only or is_interactive(arguments):
            return
        raise UsageError(
            "--yes or --skip-preview or --preview-only must be passed in to proceed when running in "
            "non-interactive mode",
            EXIT_NOT_INTERACTIVE,
        )

    def expect_no_changes(self, ended: Ended, *, done: bool) -> None:
        """Raises ChangesFoundError if changes were not expected and there are some."""
        if self.arguments.expect_no_changes and any(op != "same" for op in ended.changes):
            raise ChangesFoundError(f"no changes were expected but changes {'occurred' if done else 'were proposed'}")

    def confirm(self, noun: str) -> None:
        """Asks before acting. Raises UsageError when the answer is no."""
        if self.arguments.yes or self.arguments.skip_preview:
            return
        while True:
            answer = input(f"Do you want to perform this {noun}? (yes/no/details) ").strip().lower()
            if answer in ("yes", "y"):
                return
            if answer in ("details", "d"):
                self.screen.show_details()
            elif answer in ("no", "n", ""):
                raise UsageError(f"confirmation declined, not proceeding with the {noun}", EXIT_CANCELLED)

    def act(self, noun: str, preview: Callable[[], Ended] | None, update: Callable[[], Ended]) -> int:
        """Previews, asks and updates, as the flags say."""
        self.interrupt.install()
        if preview is not None:
            self.screen.open_preview()
            ended = preview()
            _fail_if_failed(ended)
            if self.arguments.preview_only:
                self.expect_no_changes(ended, done=False)
                return 0
            self.confirm(noun)
        self.screen.open_update()
        with self.session.lock() as held:
            self.interrupt.at_once(lambda: held.__exit__(None, None, None))
            self.session.reload()
            self.expect_no_changes(update(), done=True)
        return 0


def _fail_if_failed(ended: Ended) -> None:
    if ended.result == "failed":
        raise UpdateFailedError("preview failed")


def run_preview(arguments: Arguments) -> int:
    run = _Run(arguments, "preview")
    program = run.program()
    try:
        run.prepare()
        run.interrupt.install()
        run.screen.open_preview()
        ended = run.runner.preview(program, run.title("Previewing update"))
    finally:
        program.stop()
    _fail_if_failed(ended)
    run.expect_no_changes(ended, done=False)
    return 0


def run_up(arguments: Arguments) -> int:
    run = _Run(arguments, "up")
    run.refuse_without_yes()
    programs = [run.program()]
    try:
        run.prepare()
        run.session.ensure_salt()

        def preview() -> Ended:
            ended = run.runner.preview(programs[-1], run.title("Previewing update"))
            if not arguments.preview_only:
                programs.append(run.program())  # it imports while the user reads
            return ended

        def update() -> Ended:
            return run.runner.up(programs[-1], run.title("Updating"))

        if arguments.skip_preview:
            run.screen.mute()
        return run.act("update", preview, update)
    finally:
        for program in programs:
            program.stop()


def run_refresh(arguments: Arguments) -> int:
    run = _Run(arguments, "refresh")
    run.refuse_without_yes()
    run.prepare()
    return run.act(
        "refresh",
        None if arguments.skip_preview else lambda: run.runner.preview_refresh(run.title("Previewing refresh")),
        lambda: run.runner.refresh(run.title("Refreshing")),
    )


def run_destroy(arguments: Arguments) -> int:
    run = _Run(arguments, "destroy")
    run.refuse_without_yes()
    run.prepare()
    return run.act(
        "destroy",
        None if arguments.skip_preview else lambda: run.runner.preview_destroy(run.title("Previewing destroy")),
        lambda: run.runner.destroy(run.title("Destroying")),
    )


def run_cancel(arguments: Arguments) -> int:
    workspace = Workspace.open(folder_of(arguments), "")
    stack = workspace.choose(arguments.name or arguments.stack)
    workspace.backend.require(stack)
    if not arguments.yes and is_interactive(arguments):
        answer = input(f"This will irreversibly cancel the currently running update for '{stack}'! (yes/no) ")
        if answer.strip().lower() not in ("yes", "y"):
            raise UsageError("confirmation declined", EXIT_CANCELLED)
    lock.cancel(workspace.backend.lock_folder(stack))
    print(f"The currently running update for '{stack}' has been canceled!")
    return 0
