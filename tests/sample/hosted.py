"""The sample site and its database as real processes, for tests that look at them from outside."""

import hashlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample"
ROLE = "hedgerow"
START_SECONDS = 20


def virtual_environment(lock: Path = SAMPLE / "requirements.txt") -> Path:
    """The Python of a virtual environment with exactly the locked packages; made once for each lock."""
    name = lock.parent.name
    key = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    home = ROOT / ".local" / f"{name}-{key}"
    if not home.exists():
        home.parent.mkdir(exist_ok=True)
        # Made aside and renamed, so that what exists is complete. Scripts would not survive that; `-m` does.
        aside = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=home.parent))
        subprocess.run([sys.executable, "-m", "venv", aside], check=True)
        pip = [str(aside / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", "--require-hashes", "-r", lock], check=True)
        with suppress(OSError):  # another run was faster
            aside.rename(home)
        shutil.rmtree(aside, ignore_errors=True)
    return home / "bin" / "python"


@contextmanager
def postgresql(password: str) -> Iterator[Path]:
    """A PostgreSQL server of its own, listening only in the folder that this yields."""
    folder = Path(tempfile.mkdtemp(prefix="sample-pg-"))
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    secret = folder / "password"
    secret.write_text(password)
    if user:
        shutil.chown(folder, user)
        shutil.chown(secret, user)
    data = folder / "data"
    initdb: list[str | Path] = [
        _binary("initdb"),
        "-D",
        data,
        "-U",
        ROLE,
        "-A",
        "scram-sha-256",
        "-E",
        "UTF8",
        "--no-sync",
    ]
    postgres: list[str | Path] = [_binary("postgres"), "-D", data, "-c", "fsync=off", "-c", "listen_addresses="]
    log = folder / "log"
    with log.open("wb") as out:
        subprocess.run([*initdb, "--pwfile", secret], user=user, cwd=folder, stdout=out, stderr=out, check=True)
        with _process(
            [*postgres, "-c", f"unix_socket_directories={folder}"],
            ready=lambda: b"ready to accept connections" in log.read_bytes(),
            stop=signal.SIGINT,
            user=user,
            cwd=folder,
            stdout=out,
        ):
            yield folder
    shutil.rmtree(folder)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a web server said."""

    status: int
    headers: http.client.HTTPMessage
    text: str
    seconds: float
    """From the question to the last byte."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """The sample site, told everything by its environment, as in a container."""

    python: Path
    environment: dict[str, str]
    folder: Path
    """Scratch space: logs and sockets."""

    def manage(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run manage.py; standard output and error come back together, whatever the exit code."""
        return subprocess.run(
            [self.python, "manage.py", *arguments],
            cwd=SAMPLE,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    @contextmanager
    def served(self, **environment: str) -> Iterator["ServedSite"]:
        """The site behind a running Gunicorn."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        address, log = folder / "web.sock", folder / "log"
        site = ServedSite(address=address, log=log)
        gunicorn = ["-m", "gunicorn", "--worker-class", "gthread", "--threads", "4", "--no-control-socket"]
        with (
            log.open("wb") as out,
            _process(
                [self.python, *gunicorn, "--bind", f"unix:{address}", "hedgerow.wsgi"],
                ready=site.answers,
                stop=signal.SIGTERM,
                cwd=SAMPLE,
                env=self.environment | environment,
                stdout=out,
            ),
        ):
            yield site


@dataclass(frozen=True, kw_only=True)
class ServedSite:
    """A running Gunicorn: where it listens, and what it wrote."""

    address: Path
    log: Path

    def answers(self) -> bool:
        """Whether a worker is there, whatever its database does."""
        try:
            self.ask("/slow/?seconds=0")
        except OSError:
            return False
        return True

    def ask(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> Answer:
        """One request on a connection of its own; headers are named with underscores."""
        connection = http.client.HTTPConnection("localhost", timeout=30)
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(30)
            wire.connect(str(self.address))
            connection.sock = wire
            started = time.perf_counter()
            fields = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, fields)
            with connection.getresponse() as response:
                text = response.read().decode()
                seconds = time.perf_counter() - started
                return Answer(status=response.status, headers=response.headers, text=text, seconds=seconds)


def _binary(name: str) -> Path:
    """A server binary of PostgreSQL: on the PATH, or where Debian keeps its newest."""
    found = shutil.which(name)
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if found is None and not installed:
        raise FileNotFoundError(f"{name}: is not installed. Install PostgreSQL 13 or newer.")
    return Path(found) if found else installed[-1]


@contextmanager
def _process(
    command: list[str | Path],
    *,
    ready: Callable[[], bool],
    stop: signal.Signals,
    cwd: Path,
    stdout: object,
    user: str | None = None,
    env: dict[str, str] | None = None,
) -> Iterator[None]:
    """Run a server from the moment it is ready until the block ends; then stop it by its own signal."""
    server = subprocess.Popen(
        command,
        cwd=cwd,
        user=user,
        env=env,
        stdout=stdout,
        stderr=subprocess.STDOUT,  # type: ignore[call-overload]
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]}: did not start (exit code {server.poll()}).")
            time.sleep(0.05)
        yield
    finally:
        server.send_signal(stop)
        server.wait(30)
