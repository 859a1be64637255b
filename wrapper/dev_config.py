"""What the `dev` stack of this clone has of its own, in `.local/`, which git ignores.

dev.yaml         config values of this clone: a salt, generated secrets, whatever `config set` changed
dev.passphrase   the generated passphrase, unless PULUMI_CONFIG_PASSPHRASE(_FILE) is set
Pulumi.dev.yaml  the tracked Pulumi.dev.yaml with dev.yaml laid over it, made at every call: what the engines read,
                 and write; what they wrote is taken into dev.yaml
"""

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from wrapper import overlay
from wrapper.errors import WrapperError
from wrapper.project import Project

STACK = "dev"
SALT = "encryptionsalt"
PASSPHRASE = "PULUMI_CONFIG_PASSPHRASE"  # noqa: S105  the name of a variable
PASSPHRASE_FILE = "PULUMI_CONFIG_PASSPHRASE_FILE"  # noqa: S105  likewise
GENERATED = {"djangoSecretKey": 50, "databasePassword": 32}
"""Secrets that `dev` gets by itself, with their random bytes."""

_HEADER = "# This clone's own values of the dev stack. `./pulumiw config set` and `config rm` write here.\n"


def passphrase_is_set(environment: Mapping[str, str]) -> bool:
    """An empty passphrase counts: the CLI takes it."""
    return PASSPHRASE in environment or PASSPHRASE_FILE in environment


def applies(*, stack: str, file_backend: bool, tracked: str) -> bool:
    """Whether a stack has an overlay: `dev`, with its state in a folder here, unless its secrets are tracked."""
    shared = overlay.value_of(tracked, SALT) or overlay.value_of(tracked, "secretsprovider")
    return stack == STACK and file_backend and not shared


class DevConfig:
    """The files, and nothing that needs an engine."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.tracked = project.stack_config(STACK)
        self.overlay = project.local / f"{STACK}.yaml"
        self.merged = project.local / f"Pulumi.{STACK}.yaml"
        self.passphrase = project.local / f"{STACK}.passphrase"
        self._given = project.local / f"Pulumi.{STACK}.yaml.given"

    @property
    def shown(self) -> str:
        """The overlay's path, as a person says it."""
        return self.project.shown(self.overlay)

    def settle(self) -> str:
        """Take in what an engine has changed since the last call, and give the merged config anew."""
        with self._alone():
            tracked, own = read_config(self.tracked), read_config(self.overlay)
            if self._given.is_file() and self.merged.is_file():
                given, found = read_config(self._given), read_config(self.merged)
                if given != found:
                    own = overlay.absorb(tracked=tracked, overlay=own, given=given, found=found)
                    self._write_overlay(own)
            text = overlay.merge(tracked, own)
            # In this order a crash in between is harmless: the next call takes in what the tracked file says already.
            _write(self.merged, text)
            _write(self._given, text)
            return text

    @property
    def salt(self) -> str:
        return overlay.value_of(read_config(self.overlay), SALT)

    def keep_salt(self, salt: str) -> None:
        with self._alone():
            self._write_overlay(overlay.with_top(read_config(self.overlay), SALT, salt))

    def keep(self, key: str, value: str) -> None:
        """Set a plain config value of this clone."""
        with self._alone():
            self._write_overlay(overlay.with_config(read_config(self.overlay), key, value))

    def holds_secrets(self, environment: Mapping[str, str]) -> bool:
        """Whether anything is, or could be, encrypted here."""
        return passphrase_is_set(environment) or self.passphrase.is_file() or bool(self.salt)

    def known_passphrase(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The variables that tell an engine the passphrase, where there is one."""
        kept = self.passphrase.is_file() and not passphrase_is_set(environment)
        return {PASSPHRASE_FILE: str(self.passphrase)} if kept else {}

    def ready_passphrase(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The variables that tell an engine the passphrase; it is generated where nothing is encrypted yet.

        Raises WrapperError where something is, and its passphrase is nowhere.
        """
        if passphrase_is_set(environment):
            return {}
        if not self.passphrase.is_file():
            if self.salt:
                raise WrapperError(
                    f"stack {STACK}: its secrets were encrypted with a passphrase that is not here. "
                    f"Set {PASSPHRASE} to it, or put it into {self.project.shown(self.passphrase)}."
                )
            with self._alone():
                if not self.passphrase.is_file():
                    _write(self.passphrase, secrets.token_urlsafe(32) + "\n")
        return self.known_passphrase(environment)

    def _write_overlay(self, text: str) -> None:
        _write(self.overlay, _HEADER + text)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        make_private(self.project.local)
        with (self.project.local / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def make_private(folder: Path) -> None:
    """For this user's eyes, and never in git."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")


def read_config(path: Path) -> str:
    """A stack config's text; empty where there is none. Raises WrapperError on one that is not readable."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise WrapperError(f"{path}: is no stack config ({error}). Correct it, or restore it.") from error
    overlay.check(text, str(path))
    return text


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and readable by its owner alone."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)
