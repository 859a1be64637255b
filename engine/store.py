"""Where the files of a backend lie: in a folder here, or on a server (ssh_store.py). Names are relative to it."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from engine.errors import StackLockedError, StateError

LOCK_IS_GONE = "the lock has been removed by `cancel` or by another update. Nothing more is written. Run it again."


@contextlib.contextmanager
def _explained(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateError(
            f"{path}: cannot be {done} ({error.strerror}). Free space or fix the permissions, then run again."
        ) from error


def write_whole(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replaces `path` by `text` in one step, on disk before it returns. Raises StateError."""
    temporary = path.with_name(f".{path.name}.tmp")
    with _explained(path, "written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


class LocalStore:
    """A folder of this machine. Each method raises StateError where it cannot do what it says."""

    shell = ""
    """What goes before a command line that is meant for the machine of the store."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def place(self, name: str) -> str:
        """The path of a file on that machine."""
        return str(self._root / name)

    def read(self, name: str) -> bytes | None:
        """None if there is no such file."""
        path = self._root / name
        with _explained(path, "read"), contextlib.suppress(FileNotFoundError):
            return path.read_bytes()
        return None

    def write(self, name: str, text: str, *, keep: bool = False, held: str = "") -> None:
        """Replaces `name` by `text` in one step, on disk before it returns.

        With `keep`, what was there stays beside it as `.bak`. Raises StackLockedError, and writes nothing, if there is
        no file `held`: the lock under which this is written.
        """
        path = self._root / name
        if held and not (self._root / held).exists():
            raise StackLockedError(LOCK_IS_GONE)
        if keep and path.exists():
            write_whole(path.with_name(path.name + ".bak"), path.read_text(encoding="utf-8"))
        write_whole(path, text)

    def times(self, folder: str) -> dict[str, float]:
        """The files in `folder`, each with its last change, in seconds by the clock of the store."""
        times: dict[str, float] = {}
        with _explained(self._root / folder, "listed"), contextlib.suppress(FileNotFoundError):
            for path in (self._root / folder).iterdir():
                with contextlib.suppress(FileNotFoundError):  # it has gone meanwhile
                    times |= {} if path.name.startswith(".") else {path.name: path.stat().st_mtime}
        return times

    def remove(self, name: str) -> None:
        """A file, or a folder with all that is in it, if it is there."""
        path = self._root / name
        with _explained(path, "removed"), contextlib.suppress(FileNotFoundError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
