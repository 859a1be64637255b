"""The files of a backend on a server: one ssh for the length of a command, at its other end a shell that is told what
to do. A request is one compound command, so one that was cut off on its way is never run.
"""

import base64
import contextlib
import re
import shlex
import subprocess
import sys
import threading
import uuid
import weakref
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from engine.errors import StackLockedError, StateError, UsageError
from engine.store import LOCK_IS_GONE

_URL = re.compile(r"ssh://(?:[\w.+-]+@)?(?:\[[\w:.%]+\]|[\w.-]+)(?::\d+)?(?=/)", re.ASCII)
# ^C at the terminal is for the engine alone: its last words go through this connection.
_SSH = ["sh", "-c", 'trap "" INT; exec "$@"', "ssh", "ssh", "-CTax", "-oClearAllForwardings=yes", "-oControlMaster=no"]
_SSH += ["-oRemoteCommand=none", "-oConnectTimeout=15", "-oServerAliveInterval=5", "-oServerAliveCountMax=3"]
_PIPES: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
_END_SECONDS = 2.0
_HELD_IS_GONE = 45
_KEEP = '[ ! -e "$f" ] || { cp -f "$f" "$f.bak"; sync "$f.bak"; }'
_WRITE = 'mkdir -p "$d"; new=$d/.${f##*/}.$$; trap \'rm -f "$new"\' EXIT; base64 -d >"$new" <<.\n'
_WRITE += '%s.\nsync "$new"; mv -f "$new" "$f"; sync "$d"'
# One that goes while this looks is in no list; a folder that may not be read is an error, not an empty list.
_TIMES = 'ls "$f" >&3; cd "$f"; stat -c "%Y %n" -- * 2>&3 || :'
_CURES = {
    "IDENTIFICATION HAS CHANGED": "Ask its owner whether that is right. If so, ssh-keygen -R its name; if not, stop.",
    "Host key verification": "Connect once by hand and compare its key: {ssh}; a CI needs that line of known_hosts.",
    "denied (": "Have your public key in its ~/.ssh/authorized_keys, and a locked one in ssh-agent.",
    "not resolve": "Correct the name in the backend's URL.",
    "ssh: not found": "Install the OpenSSH client.",
    "No space left": "Free space there: {ssh} df -h",
    "quota": "Free space there: {ssh} quota",
    "denied": "Give the account the right to it: docs/shared-state.md.",
    "": "Does the server run, its firewall let you in, the account have a shell? Look there: {ssh}",
}
"""By what ssh says, or a command on the server."""


class SshStore:
    """`ssh://[user@]host[:port]/path`: OpenSSH here, with the user's keys and config; sh and coreutils there."""

    def __init__(self, url: str) -> None:
        """Connects at the first request. Raises UsageError for another form of URL."""
        match = _URL.match(url)
        if match is None:
            shown = url.rpartition("@")[2]  # before it may be a password
            raise UsageError(f"backend: must be ssh://[user@]host[:port]/absolute/path (got …{shown}).")
        self._address, self._root = match[0], PurePosixPath(unquote(url[match.end() :]))
        self.shell = f"ssh {self._address} "
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: StateError | None = None
        self._reached = False

    def place(self, name: str) -> str:
        return str(self._root / ".pulumi" / name)

    def read(self, name: str) -> bytes | None:
        return self._ask(name, 'cat "$f"', missing_ok=True)

    def write(self, name: str, text: str, *, keep: bool = False, held: str = "") -> None:
        checks = f"[ -e {shlex.quote(self.place(held))} ] || exit {_HELD_IS_GONE}\n" if held else ""
        content = base64.encodebytes(text.encode()).decode()
        self._ask(name, f"{checks}{_KEEP if keep else ''}\n{_WRITE % content}")

    def times(self, folder: str) -> dict[str, float]:
        told = self._ask(folder, _TIMES, missing_ok=True) or b""
        pairs = [line.split(" ", 1) for line in told.decode().splitlines()]
        return {name: float(time) for time, name in pairs}

    def remove(self, name: str) -> None:
        self._ask(name, 'rm -rf "$f"')

    def _ask(self, name: str, script: str, *, missing_ok: bool = False) -> bytes | None:
        """What a script about the file $f in the folder $d prints; None if it has to read one that is not there.

        Raises StateError, and StackLockedError.
        """
        path = PurePosixPath(self.place(name))
        names = f"f={shlex.quote(str(path))} d={shlex.quote(str(path.parent))}"
        with self._turn:
            if self._process is None:
                self._connect()
            status, told = self._exchange(f"( set -e; {names}\n{script}\n) 2>&1 3>/dev/null </dev/null")
        if status == _HELD_IS_GONE:
            raise StackLockedError(LOCK_IS_GONE)
        text = " ".join(told[-300:].decode(errors="replace").split()) if status else ""
        if status and not (missing_ok and "No such file" in text):
            raise StateError(f"{self._address}{path}: cannot be used ({text}). {self._cure(text)}")
        return None if status else told

    def _connect(self) -> None:
        """Starts ssh. Whoever shares the state by a group has the setgid bit on its folder."""
        batch = [] if sys.stdin.isatty() else ["-oBatchMode=yes"]
        self._process = subprocess.Popen([*_SSH, *batch, self._address, "sh"], **_PIPES)
        weakref.finalize(self, self._process.communicate)  # its end: the input of the shell there is at its end
        root = shlex.quote(str(self._root))
        # What the account's login prints by itself comes before the answer to this, and is dropped with it.
        self._exchange(f"LC_ALL=C; export LC_ALL; umask 077; [ ! -g {root} ] || umask 007")
        self._reached = True

    def _exchange(self, script: str) -> tuple[int, bytes]:
        """Has the server run `script`; its exit status and what it printed. Raises StateError."""
        if self._failure is not None:
            raise self._failure
        process, end, output = self._process, uuid.uuid4().hex, b""
        assert process and process.stdin and process.stdout  # noqa: PT018, S101  they were opened as pipes
        with contextlib.suppress(OSError):  # a broken pipe: then the output ends
            process.stdin.write(f"{script}; printf '\\n%s %s\\n' {end} $?\n".encode())
            process.stdin.flush()
            for line in process.stdout:
                if line.startswith(end.encode()):
                    return int(line.split()[1]), output[:-1]
                output += line
        self._failure = self._lost(process, output)
        raise self._failure

    def _lost(self, process: "subprocess.Popen[bytes]", output: bytes) -> StateError:
        rest = told = b""
        with contextlib.suppress(subprocess.TimeoutExpired):
            rest, told = process.communicate(timeout=_END_SECONDS)
        text = (told or output + rest).decode(errors="replace").strip() or f"ssh ended with {process.poll()}"
        if self._reached:
            return StateError(
                f"{self._address}: the connection was lost ({text.splitlines()[-1]}). Nothing more is changed, as it "
                "could not be written down. What was under way stands in the state there, and the lock frees itself: "
                "when the server can be reached, run the same again."
            )
        return StateError(f"{self._address}: cannot be reached ({text.splitlines()[-1]}). {self._cure(text)}")

    def _cure(self, told: str) -> str:
        return next(cure for symptom, cure in _CURES.items() if symptom in told).format(ssh=self.shell.strip())
