"""The virtual environment `.venv`: when it is ready, and how it is made from a lock file with hashes.

A note inside it, `django-stack.json`, names the locks that are wholly installed; while something is being installed it
names none, so a half-made environment is never used. It is made anew when a lock has changed, when the
interpreter has become another Python version, or when the clone has moved. `requirements-dev.txt` contains
`requirements.txt`, so one environment serves deploying and testing. One that was made by hand, or by `pulumi install`,
has no note: it is completed, never deleted.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import Enum, auto
from pathlib import Path

from wrapper import pip_progress
from wrapper.console import say
from wrapper.errors import WrapperError

FOLDER = ".venv"
NOTE = "django-stack.json"
CONTAINS = {
    "requirements-review.txt": ("requirements.txt",),
    "requirements-dev.txt": ("requirements.txt", "requirements-review.txt"),
}
"""Locks that are wholly inside another one."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """What an environment was made from."""

    python: str
    """Implementation and feature version, such as cpython-3.11: packages are built for that."""
    location: str
    """Absolute path of the environment, which its scripts hold."""
    locks: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of every lock that is installed, by file name."""


class Todo(Enum):
    """What stands between an environment and its use."""

    NOTHING = auto()
    INSTALL = auto()
    """Packages into what is there."""
    MAKE = auto()
    """All of it, anew."""


def todo(*, note: Note | None, exists: bool, python: str, location: str, lock: str, locks: Mapping[str, str]) -> Todo:
    """What is to be done before `lock` can be used; `locks` holds the present hash of every lock."""
    if note is None:
        return Todo.INSTALL if exists else Todo.MAKE
    if not exists or (note.python, note.location) != (python, location):
        return Todo.MAKE
    if not note.locks or any(locks.get(name) != digest for name, digest in note.locks.items()):
        return Todo.MAKE
    return Todo.NOTHING if lock in note.locks else Todo.INSTALL


class Tool(Enum):
    """What can make an environment here."""

    VENV = auto()
    """Python's own module with pip inside."""
    UV = auto()
    VIRTUALENV = auto()
    NONE = auto()
    """Debian's python3 without its venv package, and no other tool."""


def choose_tool(*, ensurepip: bool, uv: bool, virtualenv: bool) -> Tool:
    if ensurepip:
        return Tool.VENV
    if uv:
        return Tool.UV
    return Tool.VIRTUALENV if virtualenv else Tool.NONE


def tool_here() -> Tool:
    return choose_tool(
        ensurepip=importlib.util.find_spec("ensurepip") is not None,
        uv=shutil.which("uv") is not None,
        virtualenv=shutil.which("virtualenv") is not None,
    )


def make_command(tool: Tool, *, python: str, target: Path) -> list[str]:
    """What makes an environment without packages. `python` is the path of the interpreter."""
    match tool:
        case Tool.UV:
            return ["uv", "venv", "--quiet", "--no-project", "--python", python, str(target)]
        case Tool.VIRTUALENV:
            return ["virtualenv", "--quiet", "--python", python, str(target)]
        case _:
            return [python, "-m", "venv", str(target)]


def install_command(*, target: Path, has_pip: bool, lock: Path) -> list[str]:
    """What installs `lock` into `target`. The user's own pip settings (index, proxy, certificates) count."""
    python = str(target / "bin" / "python")
    if has_pip:
        pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    else:
        pip = ["uv", "pip", "install", "--python", python]
    return [*pip, "--require-hashes", "-r", str(lock)]


def install_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of an installation: nothing that leads pip out of .venv; uv hears pip's settings too."""
    led_away = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV")
    kept = {name: value for name, value in environment.items() if name not in led_away}
    kept["PIP_USER"] = "0"
    told = {
        "UV_DEFAULT_INDEX": "PIP_INDEX_URL",
        "UV_INDEX": "PIP_EXTRA_INDEX_URL",
        "UV_FIND_LINKS": "PIP_FIND_LINKS",
        "SSL_CERT_FILE": "PIP_CERT",
    }
    for name, source in told.items():
        if source in kept:
            kept.setdefault(name, kept[source])
    return kept


class Environment:
    """The environment of one clone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / FOLDER
        self.python = self.path / "bin" / "python"
        self._note = self.path / NOTE

    @property
    def in_use(self) -> bool:
        """Whether this process runs in it."""
        return Path(sys.prefix).resolve() == self.path.resolve()

    def todo(self, lock: str) -> Todo:
        return todo(
            note=self._read_note(),
            exists=self.python.exists(),
            python=self._version(),
            location=str(self.path),
            lock=lock,
            locks=self._locks(),
        )

    def prepare(self, lock: str, tool: Tool) -> None:
        """Bring it to the point where `lock` can be used; another process that does the same is waited for.

        Raises WrapperError.
        """
        try:
            self._prepare(lock, tool)
        except OSError as error:
            raise WrapperError(
                f"venv: {error.filename or self.path} cannot be written ({error.strerror}). "
                "See to its permissions and to the space on its disk."
            ) from error

    def _prepare(self, lock: str, tool: Tool) -> None:
        with self._alone():
            match self.todo(lock):
                case Todo.NOTHING:
                    return
                case Todo.MAKE:
                    self._make(tool)
                case Todo.INSTALL:
                    self._check_foreign()
            note = self._read_note()
            if note:
                self._write_note(())
            self._install(lock)
            self._write_note({lock, *CONTAINS.get(lock, ()), *(note.locks if note else ())})

    def _locks(self) -> dict[str, str]:
        names = ("requirements.txt", *CONTAINS)
        files = ((name, self.root / name) for name in names)
        return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files if file.is_file()}

    def _read_note(self) -> Note | None:
        try:
            return Note(**json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _version(self) -> str:
        """The version that the environment has if this process is in it, else the one that it would get."""
        return f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        folder = self.root / ".local"
        folder.mkdir(mode=0o700, exist_ok=True)
        with (folder / "venv.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("venv: another run is making it; waiting.")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _check_foreign(self) -> None:
        """Someone else's environment is completed, never deleted; it must be able to serve."""
        if self._note.exists():
            return
        probe = "import sys; print('%s-%d.%d' % (sys.implementation.name, *sys.version_info[:2]))"
        run = subprocess.run([self.python, "-c", probe], capture_output=True, text=True, check=False)
        if run.returncode or run.stdout.strip() != self._version():
            got = run.stdout.strip() or "one that does not run"
            raise WrapperError(
                f"venv: {self.path} was not made by this wrapper and has another Python than {self._version()} "
                f"(got {got}). Remove it, and it will be made anew."
            )

    def _make(self, tool: Tool) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        # The base interpreter, as this process may run in the environment that has just been removed.
        base = getattr(sys, "_base_executable", None) or sys.executable
        command = make_command(tool, python=base, target=self.path)
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=install_environment(os.environ))
        if run.returncode:
            raise WrapperError(
                f"venv: `{' '.join(command)}` failed (exit code {run.returncode}).\n{run.stdout}{run.stderr}".rstrip()
            )
        self._write_note(())

    def _install(self, lock: str) -> None:
        file = self.root / lock
        has_pip = any(self.path.glob("lib/python*/site-packages/pip"))
        if not has_pip and not shutil.which("uv"):
            raise WrapperError(
                f"venv: {self.path} has no pip, and uv is not on PATH. Remove it, and it will be made anew."
            )
        say(f"venv: installing the packages of {lock} for Python {sys.version_info.major}.{sys.version_info.minor}")
        begin = time.monotonic()
        pip_progress.run(
            install_command(target=self.path, has_pip=has_pip, lock=file),
            environment=install_environment(os.environ),
            packages=pip_progress.count_packages(file.read_text(encoding="utf-8")),
        )
        say(f"venv: ready after {time.monotonic() - begin:.0f} s")

    def _write_note(self, names: Iterable[str]) -> None:
        locks = self._locks()
        known = {name: locks[name] for name in sorted(names) if name in locks}
        note = Note(python=self._version(), location=str(self.path), locks=known)
        temporary = self._note.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(note), indent=2) + "\n", encoding="utf-8")
        temporary.replace(self._note)
