"""The environment of a pull request: a stack of its own on the server, which nobody but these commands has made."""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from operations import config_text, make_secrets, release_ledger
from operations import pull_request_config as configs
from operations import pull_request_server as on_server
from operations.errors import OperationError
from operations.loaded_settings import load_settings
from operations.pull_request_report import Facts
from operations.stack import ROOT, Stack, open_stack
from preflight.host import check_host, memory_needed_mb
from preflight.messages import without_silenced
from preflight.server import UnreachableError, observe
from release.docker_cli import Docker, DockerCli
from release.errors import DockerError
from settings import SettingsError
from settings_model import Settings
from wrapper import docker_endpoint, record
from wrapper.errors import WrapperError


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where environments are, and what they are made of."""

    docker: Docker
    docker_host: str
    """As DOCKER_HOST has it; empty is the default engine."""
    project: str
    layers: tuple[Mapping[str, Any], ...]
    """Values of the templates, each over the one before."""

    def marks(self) -> list[on_server.Mark]:
        return on_server.marks(self.docker, self.project)

    @cached_property
    def deployed(self) -> dict[int, datetime]:
        """Asked once: when a deployment to each environment was tried for the last time."""
        marks = self.marks()
        recorded = stacks(open_stack(configs.stack_name(marks[0].number), os.environ)) if marks else {}
        return {each.number: recorded.get(configs.stack_name(each.number)) or each.made for each in marks}

    @cached_property
    def memory_mb(self) -> Counter[str]:
        """Asked once: memory limits of what runs, in MiB, by stack prefix."""
        return on_server.memory_mb(self.docker)


def open_server(template: str) -> Server:
    """The server that the templates name. Raises OperationError where one of them is not there."""
    names = [template] if template else []
    layers = [_template(name) for name in [*names, configs.TEMPLATE]]
    host = str(next((layer["docker:host"] for layer in reversed(layers) if layer.get("docker:host")), ""))
    if not host:  # for those that know no contexts
        os.environ.update(docker_endpoint.find(os.environ, home=Path.home()).variables)
    name = open_stack(configs.TEMPLATE, os.environ).project
    return Server(docker=DockerCli(host), docker_host=host, project=name, layers=tuple(layers))


def _template(name: str) -> dict[str, Any]:
    stack = open_stack(name if re.fullmatch(r"[\w.-]+", name) else "", os.environ)
    file = f"Pulumi.{name}.yaml"
    if stack.name != name or not (stack.folder / file).is_file():
        there = sorted(path.name for path in stack.folder.glob("Pulumi.*.yaml") if not re.search(r"\.pr-\d", path.name))
        raise OperationError(f"template: {file} must be there (got no such file). There are: {', '.join(there)}.")
    return stack.values()


@contextmanager
def docker_errors() -> Iterator[None]:
    """Tell them as any other failure of a command."""
    try:
        yield
    except DockerError as error:
        raise OperationError(str(error)) from None


def stacks(stack: Stack) -> dict[str, datetime | None]:
    """The project's stacks in the backend, with the time of their last update. Raises OperationError."""
    folder = stack.session.backend.folder
    if folder and not folder.is_dir():
        return {}
    try:
        listed = record.listed(stack.session)
    except WrapperError as error:
        raise OperationError(f"stacks: must be readable (got {' '.join(str(error).split())[-600:]}).") from None
    times = {name: each.get("lastUpdate") for name, each in listed.items()}
    return {name: datetime.fromisoformat(time) if time else None for name, time in times.items()}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What there is of an environment."""

    marked: bool
    """It was made by this command."""
    recorded: bool
    """The backend has its stack."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One of them, there or not."""

    number: int
    stack: Stack
    server: Server

    @property
    def prefix(self) -> str:
        return f"{self.stack.project}-{self.stack.name}"

    @property
    def file(self) -> Path:
        """Its config."""
        return self.stack.folder / f"Pulumi.{self.stack.name}.yaml"

    # Making

    def prepare(self) -> None:
        """Config, secrets and stack, checked whole before anything is made. Raises OperationError, DockerError."""
        seen, docker = self.see(), self.server.docker
        before = self.file.read_text(encoding="utf-8") if seen.marked and self.file.is_file() else ""
        kept = config_text.values(before, project=self.stack.project)
        values = configs.made_of(
            *self.server.layers,
            number=self.number,
            project=self.stack.project,
            kept=kept,
            images_from=on_server.images_from(docker, self.prefix),
        )
        self._check(self._settings(values))
        make_secrets.require_passphrase(self.stack)
        if not seen.marked:
            on_server.make_mark(docker, self.prefix, self.number)
        config_text.write_whole(self.file, configs.text_of(values, number=self.number, before=before))
        lacking = make_secrets.to_make(values, project=self.stack.project, replace=False)
        make_secrets.give(self.stack, on_server.secrets(docker, self.prefix) if lacking else {})

    def see(self, *, without_state: bool = False) -> "Seen":
        """What is there. Raises OperationError where it is not this command's own, or has its state elsewhere."""
        name, there = self.stack.name, on_server.belongings(self.server.docker, self.prefix)
        seen = Seen(
            marked=self.number in {mark.number for mark in self.server.marks()}, recorded=name in stacks(self.stack)
        )
        by_hand = self.file.is_file() and not configs.is_made(self.file.read_text(encoding="utf-8"), number=self.number)
        files = [self.file.name] if by_hand else []
        found = [*(["a stack"] if seen.recorded else []), *files, *(each for kind in there.values() for each in kind)]
        if found and not seen.marked:
            raise OperationError(
                f"stack {name}: must be one that `./ops pull-request up {self.number}` has made (got"
                f" {', '.join(found[:4])}, and no mark of it). It stays as it is: rename it, or take it away with"
                " ./pulumiw destroy."
            )
        if there["container"] and not seen.recorded and not without_state:
            raise OperationError(
                f"stack {name}: its state must be here (got none in {self.stack.session.backend.url}). Set"
                " PULUMI_BACKEND_URL as when it was deployed. If the state is lost:"
                f" ./ops pull-request down {self.number} --force"
            )
        return seen

    def _settings(self, values: Mapping[str, Any]) -> Settings:
        own = self.stack
        try:
            return load_settings(values, project=own.project, stack=own.name, folder=own.folder, secrets_made=True)
        except SettingsError as error:
            raise OperationError(
                f"pull request {self.number}: what its templates make must be usable. Correct the templates,"
                f" as {self.file.name} is made anew each time.\n{error}"
            ) from None

    def _check(self, settings: Settings) -> None:
        """All that keeps the server from having it. Raises OperationError."""
        ports = (settings.site.http_port, settings.site.https_port)
        try:
            server = observe(self.server.docker_host, self.prefix, ports)
        except UnreachableError as unreachable:
            raise OperationError(str(unreachable.message)) from None
        messages = without_silenced(check_host(settings, server), settings.silenced_checks)
        found = [str(message) for message in messages if message.level == "error"]
        found += self._too_much(settings, server.memory_mb)
        if found:
            raise OperationError(
                "\n  ".join([f"pull request {self.number}: cannot be deployed as things are:", *found])
            )

    def _too_much(self, settings: Settings, memory_mb: int) -> list[str]:
        used = on_server.memory_mb(self.server.docker)
        del used[self.prefix]
        environments = [mark.prefix for mark in self.server.marks() if mark.prefix != self.prefix]
        theirs = sum(used[prefix] for prefix in environments)
        needed = sum(memory_needed_mb(settings))
        if needed + used.total() <= memory_mb:
            return []
        told = (
            f"memory: {needed} MiB must fit into the server's {memory_mb} MiB beside the limits of what runs (got"
            f" {theirs} MiB of {len(environments)} other environments and {used.total() - theirs} MiB of all else)."
            " Take one away (./ops pull-request list, then down), or lower the limits in"
            f" Pulumi.{configs.TEMPLATE}.yaml."
        )
        return [told]

    def deploy(self) -> int:
        """`up`; its exit code."""
        return self._pulumi("up", "--yes", "--skip-preview")

    def facts(self) -> Facts:
        """What can be said of it, whatever state it is in."""
        told = self.stack.session.runner.ask(
            ["stack", "output", "url", "--stack", self.stack.name], cwd=self.stack.folder
        )
        try:
            records = release_ledger.read(self.server.docker, self.prefix)
        except OperationError:  # nothing has been live yet
            records = []
        live = [record for record in records if record["result"] == "live"]
        return Facts(
            number=self.number,
            url=told.stdout.strip() if told.returncode == 0 else "",
            deployed=self.server.deployed[self.number],
            commit=str(live[-1]["commit"]) if live else "",
            memory_mb=self.server.memory_mb[self.prefix],
        )

    # Taking away

    def take_down(self, *, force: bool = False) -> str:
        """Remove all of it; what was removed, in words. Raises OperationError, DockerError."""
        docker, folder = self.server.docker, self.stack.session.backend.folder
        seen = self.see(without_state=force)
        if not seen.marked:
            self.file.unlink(missing_ok=True)  # of one that another clone has taken away
            return f"pull request {self.number}: has no environment"
        if seen.recorded and not force:
            self._destroy()
        removed = on_server.remove_belongings(docker, self.prefix)
        if seen.recorded and self._pulumi("stack", "rm", "--yes", *(["--force"] if force else [])):
            raise OperationError(f"stack {self.stack.name}: its record must be removable (the engine says why, above).")
        self.file.unlink(missing_ok=True)
        if folder:
            self._forget(folder / ".pulumi")
        on_server.remove_mark(docker, self.prefix)
        counts = ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in removed.items())
        return f"pull request {self.number}: taken away, with {counts or 'nothing'} that the engine had left"

    def _forget(self, state: Path) -> None:
        """What a removed stack leaves in a backend of files: backups, with its secrets in them, and empty folders."""
        own = Path(self.stack.project) / self.stack.name
        shutil.rmtree(state / "backups" / own, ignore_errors=True)
        for backup in (state / "stacks" / self.stack.project).glob(f"{self.stack.name}.json*.bak*"):
            backup.unlink()
        for folder in (state / "history" / own, state / "locks" / "organization" / own):
            with suppress(OSError):  # not empty, or not there
                folder.rmdir()

    def _destroy(self) -> None:
        """By the engine, which knows all that it has made. Raises OperationError."""
        if not self.file.is_file():  # a fresh clone; the engine needs no more of its config than the way to the server
            host = {"docker:host": self.server.docker_host} if self.server.docker_host else {}
            config_text.write_whole(self.file, configs.text_of(host, number=self.number, before=""))
        if self._pulumi("destroy", "--yes", "--skip-preview"):
            raise OperationError(
                f"stack {self.stack.name}: cannot be destroyed (the engine says why, above). Try again when no other"
                f" update is under way, or without the engine:"
                f" ./ops pull-request down {self.number} --force"
            )

    def _pulumi(self, *words: str) -> int:
        command = [str(ROOT / "pulumiw"), *words, "--stack", self.stack.name]
        return subprocess.run(command, cwd=self.stack.folder, check=False).returncode


def open_environment(server: Server, number: int) -> Environment:
    """The environment of a pull request. Raises WrapperError."""
    stack = open_stack(configs.stack_name(number), os.environ)
    return Environment(number=number, stack=stack, server=server)
