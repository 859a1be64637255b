"""What is recorded of a stack: read in the file where that is here, else asked of the engine."""

import json
from dataclasses import dataclass
from typing import Any

from wrapper import project
from wrapper.errors import WrapperError
from wrapper.session import Session


@dataclass(frozen=True, kw_only=True)
class Record:
    """A stack that exists."""

    has_resources: bool
    salt: str = ""
    """With which its secrets are encrypted; empty where that is not known."""


def look(session: Session) -> Record | None:
    """The record of the session's stack; None where there is no such stack. Raises WrapperError."""
    if session.backend.folder is None:
        return _ask(session)
    file = project.state_file(session.backend.folder, project=session.project.name, stack=session.stack)
    return Record(has_resources=project.has_resources(file), salt=project.state_salt(file)) if file else None


def listed(session: Session) -> dict[str, dict[str, Any]]:
    """All stacks of the project as the engine lists them, by name. Raises WrapperError with the engine's words."""
    told = session.runner.ask(["stack", "ls", "--json"], cwd=session.project.folder)
    if told.returncode:
        raise WrapperError(told.stderr)
    return {project.plain_stack(str(each["name"])): each for each in json.loads(told.stdout)}


def _ask(session: Session) -> Record | None:
    try:
        found = listed(session).get(session.stack)
    except WrapperError as error:
        raise WrapperError(f"stack {session.stack}: the stacks cannot be listed.\n{error}".rstrip()) from None
    return Record(has_resources=bool(found.get("resourceCount"))) if found else None
