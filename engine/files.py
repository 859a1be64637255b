"""Files that are whole or absent, whatever ends the process."""

import contextlib
import os
from pathlib import Path

from engine.errors import StateError


def write_whole(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replaces `path` by `text` in one step, on disk before it returns. Raises StateError."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise StateError(
            f"{path}: cannot be written ({error.strerror}). Free space or fix the permissions, then run again."
        ) from error
