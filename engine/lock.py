"""The lock of a stack: the CLI's own file, with a heartbeat that tells the living from the dead."""

import contextlib
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

from engine.backend import write_whole
from engine.errors import StackLockedError
from engine.model import now_text
from engine.values import compact_json

HEARTBEAT_SECONDS, DEAD_AFTER_SECONDS = 10.0, 60.0
_ATTEMPTS, _MAX_PAUSE_SECONDS = 5, 0.2
_OWNER = "created by {username}@{hostname} (pid {pid}) at {timestamp}"
_NOBODY = dict.fromkeys(("username", "hostname", "pid", "timestamp"), "?")
_STATE, _START = 0, 19  # fields of /proc/<pid>/stat behind the name


def host_identity() -> str:
    """Tells whether two process ids mean the same: one boot of one machine, one pid namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def process_start(pid: int) -> str:
    """The kernel's start time of a process, which a reused pid does not share; empty if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[_STATE] == "Z" else fields[_START]


class Lock:
    """Holds a stack for one update, from `with` to its end."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url = folder, url
        self._path = folder / f"{uuid.uuid4()}.json"
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        """Raises StackLockedError while someone alive, or of unknown fate, holds the stack."""
        pid = os.getpid()
        owner = {"pid": pid, "username": getpass.getuser(), "hostname": socket.gethostname(), "timestamp": now_text()}
        content = compact_json({**owner, "host": host_identity(), "processStart": process_start(pid)})
        others: dict[Path, dict[str, Any]] = {}
        for _ in range(_ATTEMPTS):
            write_whole(self._path, content)
            others = self._others()
            if not others:
                threading.Thread(target=self._beat, daemon=True).start()
                return self
            self._path.unlink(missing_ok=True)
            # Two that start at once both step back; chance lets one of them through.
            time.sleep(random.uniform(0, _MAX_PAUSE_SECONDS))  # noqa: S311  not for secrecy
        lines = [f"  {self._url}/{path.name}: {_OWNER.format_map(_NOBODY | owner)}" for path, owner in others.items()]
        raise StackLockedError(
            f"the stack is currently locked by {len(others)} lock(s). Either wait for the other process(es) "
            "to end or delete the lock file with `pulumi cancel`.\n" + "\n".join(lines)
        )

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

    def _beat(self) -> None:
        with contextlib.suppress(OSError):
            while not self._stop.wait(HEARTBEAT_SECONDS):
                os.utime(self._path)

    def _others(self) -> dict[Path, dict[str, Any]]:
        """The locks of others; those of the dead are removed on the way."""
        others = {}
        for path in set(self._folder.glob("*.json")) - {self._path}:
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
                others[path] = content
        return others


def is_dead(content: dict[str, Any], silent_for: float) -> bool:
    """Whether the owner of a lock is gone for certain; `silent_for` is in seconds.

    On the owner's own host its process decides. Elsewhere only a heartbeat can have stopped: a lock
    of the CLI has none, so it stays until `cancel`.
    """
    pid = content.get("pid")
    if not isinstance(pid, int):
        return False
    if "host" not in content:
        return content.get("hostname") == socket.gethostname() and not process_start(pid)
    if content["host"] == host_identity():
        return process_start(pid) != content.get("processStart")
    return silent_for > DEAD_AFTER_SECONDS


def cancel(folder: Path) -> None:
    """Removes every lock in `folder`."""
    for path in folder.glob("*.json"):
        path.unlink(missing_ok=True)
