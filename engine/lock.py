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

from engine.backend import Store
from engine.errors import EngineError, StackLockedError
from engine.model import now_text
from engine.values import compact_json

HEARTBEAT_SECONDS, DEAD_AFTER_SECONDS = 10.0, 60.0
_ATTEMPTS, _MIN_ROOM_SECONDS, _ROOM = 5, 0.2, 8
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

    def __init__(self, store: Store, folder: str) -> None:
        self._store, self._folder, self.name = store, folder, ""
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        """Raises StackLockedError while someone alive, or of unknown fate, holds the stack."""
        pid = os.getpid()
        owner = {"pid": pid, "username": getpass.getuser(), "hostname": socket.gethostname(), "timestamp": now_text()}
        content = compact_json({**owner, "host": host_identity(), "processStart": process_start(pid)})
        others: dict[str, dict[str, Any]] = {}
        for _ in range(_ATTEMPTS):
            began, seen, self.name = time.monotonic(), others, f"{self._folder}/{uuid.uuid4()}.json"
            self._store.write(self.name, content)
            others = self._others()
            if not others:
                threading.Thread(target=self._beat, args=[content], daemon=True).start()
                return self
            self._store.remove(self.name)
            if others.keys() & seen:  # one that stays: whoever steps back comes again under another name
                break
            # Two that start at once both step back; chance lets one of them through, given room. Ssh takes its time.
            time.sleep(random.uniform(0, max(_MIN_ROOM_SECONDS, _ROOM * (time.monotonic() - began))))  # noqa: S311
        places = {self._store.place(name): owner for name, owner in others.items()}
        lines = [f"  {place}: {_OWNER.format_map(_NOBODY | owner)}" for place, owner in places.items()]
        raise StackLockedError(
            f"the stack is currently locked by {len(others)} lock(s). Either wait for the other process(es) "
            "to end or delete the lock file with `pulumi cancel`.\n" + "\n".join(lines)
        )

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        with contextlib.suppress(EngineError):  # out of reach: it falls silent
            self._store.remove(self.name)

    def _beat(self, content: str) -> None:
        with contextlib.suppress(EngineError):  # the next save tells
            while not self._stop.wait(HEARTBEAT_SECONDS):
                self._store.write(self.name, content, held=self.name)

    def _others(self) -> dict[str, dict[str, Any]]:
        """The locks of others, by file; those of the dead are removed on the way."""
        times = {f"{self._folder}/{file}": changed for file, changed in self._store.times(self._folder).items()}
        # All times come from the file system that holds the locks: clocks need not agree.
        now, others = times.pop(self.name, 0.0), {}
        for name, changed in times.items():
            text = self._store.read(name)
            if text is None:
                continue
            try:
                content = json.loads(text)
            except ValueError:
                content = {}
            if is_dead(content, now - changed):
                self._store.remove(name)
            else:
                others[name] = content
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


def cancel(store: Store, folder: str) -> None:
    """Removes every lock in `folder`."""
    store.remove(folder)
