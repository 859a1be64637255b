"""preview, up, refresh, destroy, cancel."""

from argparse import Namespace

from engine import lock
from engine.asking import ask, is_interactive
from engine.errors import UsageError
from engine.program import Program
from engine.session import Session, Workspace

_NEEDS_YES = (
    "--yes or --skip-preview or --preview-only must be passed in to proceed when running in non-interactive mode"
)


def _go(arguments: Namespace, kind: str, *, only_preview: bool) -> Session:
    if not only_preview and not (arguments.yes or arguments.skip_preview or is_interactive(arguments)):
        raise UsageError(_NEEDS_YES, UsageError.NOT_INTERACTIVE)
    workspace = Workspace(arguments.folder, arguments.config_file)
    stack = workspace.choose(arguments.stack)
    workspace.backend.require(stack)
    program = Program(workspace.project) if kind == "up" else None
    try:
        session = Session(workspace, stack)
        session.warm()
        from engine.operation import Operation  # noqa: PLC0415  slow to import; meanwhile the program imports, too

        Operation(session, arguments, kind).go(program, only_preview=only_preview)
    finally:
        if program is not None:
            program.stop()
    return session


def preview(arguments: Namespace) -> int:
    _go(arguments, "up", only_preview=True)
    return 0


def up(arguments: Namespace) -> int:
    _go(arguments, "up", only_preview=arguments.preview_only)
    return 0


def refresh(arguments: Namespace) -> int:
    _go(arguments, "refresh", only_preview=arguments.preview_only)
    return 0


def destroy(arguments: Namespace) -> int:
    session = _go(arguments, "destroy", only_preview=arguments.preview_only)
    if arguments.remove and not arguments.preview_only:
        session.remove()
        print("The resources in the stack have been deleted, and the history and configuration removed.")
    return 0


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
