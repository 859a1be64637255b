"""The lock of a stack: the CLI's own file, with a heartbeat that tells the living from the dead."""

import getpass
import json
import os
import random
import socket
import threading
import time
import uuid
from pathlib import Path
from typing import Any, Self

from engine.errors import StackLockedError
from engine.files import write_whole
from engine.model import now_text
from engine.values import compact_json

HEARTBEAT_SECONDS = 10
DEAD_AFTER_SECONDS = 60
_ATTEMPTS = 5
_MAX_PAUSE_SECONDS = 0.2


def _host_identity() -> str:
    """Tells whether two process ids mean the same: one boot of one machine, one pid namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def _process_start(pid: int) -> str:
    """The kernel's start time of a process, which a reused pid does not share; empty if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    state, start = fields[0], fields[19]
    return "" if state == "Z" else start


class Lock:
    """Holds a stack for one update, from `with` to its end."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        self._path = folder / f"{uuid.uuid4()}.json"
        self._stop = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        """Raises StackLockedError while someone alive, or of unknown fate, holds the stack."""
        for attempt in range(_ATTEMPTS):
            write_whole(self._path, compact_json(self._content()))
            others = self._others()
            if not others:
                self._heart.start()
                return self
            self._path.unlink(missing_ok=True)
            if attempt + 1 < _ATTEMPTS:
                # Two that start at once both step back; chance lets one of them through.
                time.sleep(random.uniform(0, _MAX_PAUSE_SECONDS))  # noqa: S311  not for secrecy
        raise StackLockedError(self._complaint(others))

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._path.unlink(missing_ok=True)

    def check(self) -> None:
        """Raises StackLockedError if the lock has been taken away, by `cancel` or after a long sleep."""
        if not self._path.exists():
            raise StackLockedError(
                "the lock of this update has been removed by `cancel` or by another update. "
                "Nothing more is written. Run it again."
            )

    def _content(self) -> dict[str, Any]:
        pid = os.getpid()
        return {
            "pid": pid,
            "username": getpass.getuser(),
            "hostname": socket.gethostname(),
            "timestamp": now_text(),
            "host": _host_identity(),
            "processStart": _process_start(pid),
        }

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            try:
                os.utime(self._path)
            except OSError:
                return

    def _others(self) -> list[tuple[Path, dict[str, Any]]]:
        """The locks of others; those of the dead are removed on the way."""
        others = []
        for path in self._folder.glob("*.json"):
            if path == self._path:
                continue
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                # Both times come from the file system that holds the locks: clocks need not agree.
                silent_for = self._path.stat().st_mtime - path.stat().st_mtime
            except FileNotFoundError:
                continue
            except ValueError:
                content, silent_for = {}, 0.0
            if is_dead(content, silent_for):
                path.unlink(missing_ok=True)
            else:
                others.append((path, content))
        return others

    def _complaint(self, others: list[tuple[Path, dict[str, Any]]]) -> str:
        lines = [
            f"  {self._url}/{path.relative_to(self._folder.parents[3])}: created by "
            f"{content.get('username', '?')}@{content.get('hostname', '?')} (pid {content.get('pid', '?')}) "
            f"at {content.get('timestamp', '?')}"
            for path, content in others
        ]
        return (
            f"the stack is currently locked by {len(others)} lock(s). Either wait for the other process(es) "
            "to end or delete the lock file with `pulumi cancel`.\n" + "\n".join(lines)
        )


def is_dead(content: dict[str, Any], silent_for: float) -> bool:
    """Whether the owner of a lock is gone for certain.

    On the owner's own host its process decides. Elsewhere only a heartbeat can have stopped: a lock
    of the CLI has none, so it stays until `cancel`.
    """
    pid = content.get("pid")
    if not isinstance(pid, int):
        return False
    if "host" in content:
        if content["host"] == _host_identity():
            return _process_start(pid) != content.get("processStart")
        return silent_for > DEAD_AFTER_SECONDS
    return content.get("hostname") == socket.gethostname() and not _process_start(pid)


def cancel(folder: Path) -> int:
    """Removes every lock in `folder` and says how many there were."""
    paths = list(folder.glob("*.json"))
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)
