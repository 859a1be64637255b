"""Brings a stack to the point where an engine can work on it: created, with its image source and dev's secrets."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from wrapper import docker_api, images, overlay
from wrapper.backend import FILE
from wrapper.console import say
from wrapper.dev_config import GENERATED, SALT, DevConfig, make_private, read_config
from wrapper.docker_endpoint import Endpoint
from wrapper.errors import WrapperError
from wrapper.record import look
from wrapper.session import Session

_CERTIFICATES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables with which people name their company's certificate authorities, to pip first of all."""
CA_KEY = "buildCaFile"


class StackSetup:
    """The stack of a call, whose state is a file. `dev` is its overlay, where it has one."""

    def __init__(self, session: Session, *, dev: DevConfig | None) -> None:
        self._session = session
        self._project = session.project
        self._stack = session.stack
        self._backend = session.backend
        self._dev = dev
        self._runner = session.runner
        self._record = look(session)

    @property
    def exists(self) -> bool:
        return self._record is not None

    def create(self) -> None:
        """Create the stack unless another process has done so meanwhile. Raises WrapperError."""
        with self._alone():
            self._record = look(self._session)
            if self.exists:
                return
            folder = self._backend.folder
            if folder:
                folder.mkdir(parents=True, exist_ok=True)
            if folder == self._project.state:
                (folder / ".gitignore").write_text("*\n", encoding="utf-8")
            self._init()
            self._record = look(self._session)
            where = self._project.shown(folder) if folder else self._backend.url
            say(f"stack {self._stack}: created, with its state in {where}")

    def select(self) -> None:
        """Make it the stack that a call without --stack means. Raises WrapperError."""
        run = self._runner.ask(["stack", "select", self._stack], cwd=self._project.folder)
        if run.returncode:
            raise WrapperError(f"stack {self._stack}: cannot be selected.\n{run.stdout}{run.stderr}".rstrip())

    def adopt_salt(self) -> None:
        """Take over the salt of a state that outlived `.local`, so that its passphrase is asked for, not replaced."""
        if self._dev and not self._dev.salt and self._record and self._record.salt:
            self._dev.keep_salt(self._record.salt)

    def choose_images(self, endpoint: Endpoint) -> images.Source | Literal[""]:
        """Decide and keep where images come from, if that is open; an empty text if it is not."""
        key = f"{self._project.name}:{images.KEY}"
        record = self._record
        if key not in self._project.keys or overlay.has(self._config(), key) or not record or record.has_resources:
            return ""
        answer = docker_api.distribution(endpoint, images.PROBE, timeout_seconds=images.PROBE_SECONDS)
        return images.choose(registry=images.reached(answer))

    @property
    def images_from(self) -> str:
        """What is kept."""
        return overlay.value_of(self._config(), f"{self._project.name}:{images.KEY}")

    def keep_images(self, choice: images.Source) -> None:
        self._keep(f"{self._project.name}:{images.KEY}", choice)
        say(images.line(self._stack, choice))

    def trust_company(self, environment: Mapping[str, str]) -> None:
        """Let dev's image builds trust the certificates that this machine's pip has been told to trust."""
        key = f"{self._project.name}:{CA_KEY}"
        path = next((environment[name] for name in _CERTIFICATES if environment.get(name)), "")
        if self._dev and key in self._project.keys and not overlay.has(self._config(), key) and Path(path).is_file():
            self._keep(key, str(Path(path).resolve()))
            say(f"stack {self._stack}: image builds trust the certificates of {path} (kept as {CA_KEY})")

    def generate_secrets(self) -> None:
        """Give dev the secrets that it lacks. They reach the engine by stdin. Raises WrapperError."""
        if self._dev is None:
            return
        config = self._dev.settle()
        keys = {f"{self._project.name}:{name}": size for name, size in GENERATED.items()}
        missing = {
            key: size for key, size in keys.items() if key in self._project.keys and not overlay.has(config, key)
        }
        for key, size in missing.items():
            self._engine("config", "set", "--secret", key, text=secrets.token_urlsafe(size), cwd=self._project.folder)
        if missing:
            self._dev.settle()
            names = " and ".join(key.partition(":")[2] for key in missing)
            say(f"stack {self._stack}: generated {names} for this clone, in {self._dev.shown}")

    def _config(self) -> str:
        if self._dev:
            return self._dev.settle()
        return read_config(self._project.stack_config(self._stack))

    def _keep(self, key: str, value: str) -> None:
        if self._dev:
            self._dev.keep(key, value)
        else:
            self._engine("config", "set", "--plaintext", key, value, cwd=self._project.folder)

    def _init(self) -> None:
        """Create the stack at a project file of its own, beside which `stack init` may write and select as it likes.

        The salt that it makes goes to the overlay, or to the top of the tracked file. Raises WrapperError.
        """
        folder = self._project.local / "init"
        make_private(folder)
        url = f"{FILE}{self._backend.folder}" if self._backend.folder else self._backend.url
        lines = (f"name: {self._project.name}", "runtime: python", f"backend: {json.dumps({'url': url})}", "")
        (folder / "Pulumi.yaml").write_text("\n".join(lines), encoding="utf-8")
        config = folder / f"Pulumi.{self._stack}.yaml"
        before = self._config()
        config.write_text(before, encoding="utf-8")
        run = self._runner.ask(["stack", "init", self._stack], cwd=folder)
        if run.returncode:
            raise WrapperError(f"stack {self._stack}: cannot be created.\n{run.stdout}{run.stderr}".rstrip())
        after = config.read_text(encoding="utf-8")
        config.unlink()
        salt = overlay.value_of(after, SALT)
        if self._dev:
            self._dev.keep_salt(salt)
        elif salt and not overlay.value_of(before, SALT):
            self._project.stack_config(self._stack).write_text(f"{SALT}: {salt}\n{before}", encoding="utf-8")
        elif after != before:
            self._project.stack_config(self._stack).write_text(after, encoding="utf-8")

    def _engine(self, *arguments: str, cwd: Path, text: str = "") -> None:
        own = ["--config-file", str(self._dev.merged)] if self._dev else []
        command = [*arguments[:1], *own, "--stack", self._stack, *arguments[1:]]
        run = self._runner.ask(command, cwd=cwd, text=text)
        if run.returncode:
            raise WrapperError(
                f"stack {self._stack}: `{' '.join(arguments[:2])}` failed.\n{run.stdout}{run.stderr}".rstrip()
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        make_private(self._project.local)
        with (self._project.local / "stack.lock").open("w") as lock:
            os.set_inheritable(lock.fileno(), False)
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
