"""Removing what may still be in use for a moment."""

import time

from engine.providers import Context
from engine.providers.docker_api import NOT_FOUND, DockerError

_SECONDS = 30.0
_POLL_SECONDS = 0.2


def remove(context: Context, path: str, *, busy: str, force: bool = False) -> None:
    """Deletes `path`, again while the error says `busy`. Raises DockerError; what is gone is no error."""
    deadline = time.monotonic() + (context.timeout_seconds or _SECONDS)
    while True:
        try:
            context.docker().call("DELETE", path, params={"force": 1} if force else None)
        except DockerError as error:
            if error.status == NOT_FOUND:
                return
            if busy not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return
