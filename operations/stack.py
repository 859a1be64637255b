"""The stack that a command is about: where its config lies, and the engine that can write into it."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operations import config_text
from operations.errors import OperationError
from wrapper import engine_choice, overlay, project
from wrapper.arguments import parse
from wrapper.session import Session, begin

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One stack, as ./pulumiw finds it."""

    session: Session

    @property
    def name(self) -> str:
        return self.session.stack

    @property
    def project(self) -> str:
        return self.session.project.name

    @property
    def folder(self) -> Path:
        return self.session.project.folder

    @property
    def config_name(self) -> str:
        """The files that its config comes from, in words."""
        dev = self.session.dev
        return f"Pulumi.{self.name}.yaml{f' and {dev.shown}' if dev and dev.overlay.is_file() else ''}"

    @property
    def written_name(self) -> str:
        """The file that its config is written to."""
        return self.session.dev.shown if self.session.dev else f"Pulumi.{self.name}.yaml"

    @property
    def text(self) -> str:
        """The whole config, with this clone's own values in it."""
        dev = self.session.dev
        if dev is None or not dev.overlay.is_file():
            return self.session.tracked
        return overlay.merge(self.session.tracked, dev.overlay.read_text(encoding="utf-8"))

    def require_config(self) -> None:
        """Raises OperationError where the stack has no config file: its name may be a slip of the pen."""
        name = f"Pulumi.{self.name}.yaml"
        if not (self.folder / name).is_file():
            raise OperationError(
                f"stack {self.name}: {name} must be there (got no such file)."
                f" Correct the name, or make a new stack with ./ops secrets create --stack {self.name}."
            )

    def values(self) -> dict[str, Any]:
        """What the config sets, by full key; a ciphertext is a map with the one key `secure`."""
        return config_text.values(self.text, project=self.project)

    def docker_host(self) -> str:
        """The engine that it is deployed to, as DOCKER_HOST has it; empty is the default one."""
        return str(self.values().get("docker:host") or "")

    def write(self, values: Mapping[str, str | int]) -> None:
        """Set plain values of this project, all of them or none, and leave the rest of the file as it is."""
        full = {f"{self.project}:{key}": value for key, value in values.items()}
        if self.session.dev:
            for key, value in full.items():
                self.session.dev.keep(key, str(value))
            return
        path = self.session.project.stack_config(self.name)
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        config_text.write_whole(path, config_text.with_values(text, full))

    def write_secret(self, key: str, value: str) -> None:
        """Have the engine encrypt and set a value, which reaches it by standard input. Raises OperationError."""
        launcher = ROOT / "wrapper" / "__main__.py"
        command = [sys.executable, str(launcher), "requirements.txt", "wrapper.pulumiw", "config", "set"]
        done = subprocess.run(
            [*command, "--stack", self.name, "--secret", key],
            cwd=self.folder,
            env=dict(self.session.environment),
            input=value,
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise OperationError(f"stack {self.name}: {key} cannot be set.\n{done.stdout}{done.stderr}".rstrip())


def open_stack(name: str, environment: Mapping[str, str]) -> Stack:
    """The named stack, else the selected one, else dev. Raises WrapperError."""
    words = ["config", *(["--stack", name] if name else [])]
    engine = engine_choice.find(environment.get(engine_choice.VARIABLE, ""))
    folder = project.find_folder(cwd=Path.cwd(), root=ROOT)
    return Stack(session=begin(parse(words), root=ROOT, engine=engine, folder=folder, environment=environment))
