"""Programs without the second that the SDK takes to import: they are forked from one process that has it already."""

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_RUNNER = Path(__file__).parents[2] / "engine"
_MAX_BYTES = 1 << 20


class WarmPopen:
    """What engine.program needs of subprocess.Popen."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], **_: Any) -> None:
        assert command[1].endswith("runner.py")
        stdin, self_stdin = os.pipe()
        self_stdout, stdout = os.pipe()
        self._status, status = os.pipe()
        socket.send_fds(_nursery(), [json.dumps(dict(env)).encode()], [stdin, stdout, status])
        for number in (stdin, stdout, status):
            os.close(number)
        self.stdin = os.fdopen(self_stdin, "w")
        self.stdout = os.fdopen(self_stdout, errors="replace")
        self.returncode: int | None = None
        self.pid = int(self._line())

    def _line(self) -> str:
        line = b""
        while not line.endswith(b"\n"):
            read = os.read(self._status, 1)
            assert read, "the process that forks programs is gone"
            line += read
        return line.decode()

    def poll(self) -> int | None:
        return (
            self.wait() if self.returncode is None and select.select([self._status], [], [], 0)[0] else self.returncode
        )

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = int(self._line())
            os.close(self._status)
        return self.returncode


@functools.cache
def _nursery() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, __file__, str(theirs.fileno())]
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env={**os.environ, "GRPC_VERBOSITY": "NONE"})
    process.returncode = 0  # it ends when the socket closes; nobody waits for it
    theirs.close()
    atexit.register(ours.close)
    return ours


def _run(runner: Any, environment: Mapping[str, str], stdin: int, stdout: int) -> None:
    """Becomes the program. Never returns."""
    for source, target in ((stdin, 0), (stdout, 1), (stdout, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w", 1), os.fdopen(2, "w", 1)
    code = runner.main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(nursery: socket.socket) -> None:
    """Forks a program for each message: the environment, with its standard input, output and status pipe."""
    sys.path.insert(0, str(_RUNNER))
    import pulumi  # noqa: F401, PLC0415
    import pulumi_command  # noqa: F401, PLC0415
    import pulumi_docker  # noqa: F401, PLC0415
    import runner  # type: ignore[import-not-found]  # noqa: PLC0415

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, (stdin, stdout, status), _, _ = socket.recv_fds(nursery, _MAX_BYTES, 3)
        if os.fork() == 0:  # waits for the program, and tells its end
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            nursery.close()
            pid = os.fork()
            if pid == 0:
                os.close(status)
                _run(runner, json.loads(message), stdin, stdout)
            os.setpgid(pid, pid)  # before anybody knows of it and may kill its group
            for number in (stdin, stdout):
                os.close(number)
            os.write(status, f"{pid}\n".encode())
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            with contextlib.suppress(BrokenPipeError):
                os.write(status, f"{code}\n".encode())
            os._exit(0)
        for number in (stdin, stdout, status):
            os.close(number)


if __name__ == "__main__":
    with contextlib.suppress(ValueError, KeyboardInterrupt):  # no descriptors come with the end of the socket
        main(socket.socket(fileno=int(sys.argv[1])))
