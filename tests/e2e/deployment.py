"""A clone of the project with a deployment of its own, driven through ./pulumiw as a person would."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import docker
import requests

ROOT = Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clone:
    """A working copy under a project name of its own, so that its containers meet nobody else's."""

    path: Path
    project: str

    def run(self, *words: str, check: bool = False, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=self.path, text=True, capture_output=True, timeout=900, check=check, **options)

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.path / file).read_text()
        assert old in text, f"{old!r} must be in {file}"
        (self.path / file).write_text(text.replace(old, new))

    def git_status(self) -> str:
        return self.run("git", "status", "--short", check=True).stdout


def make_clone(path: Path, project: str) -> Clone:
    """A clone of what is in the working tree now, committed, with the project renamed in all its config files."""
    path.mkdir(parents=True)
    for name in _tree():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, path / name, follow_symlinks=False)
    for config in path.glob("Pulumi*.yaml"):
        config.write_text(
            re.sub(r"^(name: |  )django-stack\b", rf"\g<1>{project}", config.read_text(), flags=re.MULTILINE)
        )
    clone = Clone(path=path, project=project)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    clone.run("git", "init", "--quiet", check=True)
    clone.run("git", "add", "--all", check=True)
    clone.run("git", *identity, "commit", "--quiet", "--message", "As in the working tree", check=True)
    return clone


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deployment:
    """One stack of a clone."""

    clone: Clone
    stack: str
    port: int
    address: str = "127.0.0.1"
    host: str = "localhost"
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def prefix(self) -> str:
        return f"{self.clone.project}-{self.stack}"

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    def pulumi(self, *words: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """One call of ./pulumiw. A failure that was not expected shows all that it printed."""
        command = ["./pulumiw", *words, "--stack", self.stack]
        done = self.clone.run(*command, env=os.environ | dict(self.environment), input=stdin)
        assert not check or done.returncode == 0, f"{words} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def up(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.pulumi("up", "--yes", *words, check=check)

    def set(self, **config: str) -> None:
        for key, value in config.items():
            self.pulumi("config", "set", key, value)

    def planned(self, *words: str) -> dict[str, str]:
        """What a preview would do: the operation of every step that changes something, by `type name`."""
        plan = json.loads(self.pulumi("preview", "--json", *words).stdout)
        return {_short(step["urn"]): step["op"] for step in plan["steps"] if step["op"] != "same"}

    def get(self, path: str, **options: Any) -> requests.Response:
        headers = {"Host": self.host} | options.pop("headers", {})
        return requests.get(self.url + path, headers=headers, timeout=10, **options)

    def containers(self, role: str = "") -> list[Any]:
        """The stack's containers, of one role or all, stopped ones included, by name."""
        labels = [f"django-stack.stack={self.prefix}"] + ([f"django-stack.role={role}"] if role else [])
        found = docker.from_env().containers.list(all=True, filters={"label": labels})
        return sorted(found, key=lambda container: str(container.name))

    def names(self, roles: Iterable[str] = ("",)) -> list[str]:
        return [container.name for role in roles for container in self.containers(role)]

    def ids(self) -> dict[str, str]:
        return {container.name: container.id for container in self.containers()}

    def sql(self, statement: str) -> str:
        """The answer of the database to a statement, asked inside its container."""
        command = [
            "docker",
            "exec",
            f"{self.prefix}-postgres",
            "psql",
            "-XqAt",
            "-h",
            "/run/postgresql",
            "-U",
            "postgres",
        ]
        words = [*command, "-d", "site", "-c", statement]
        return subprocess.run(words, text=True, capture_output=True, timeout=60, check=True).stdout.strip()

    def erase(self) -> None:
        """Take away all that the stack left, kept data included. Only what carries its label or its name."""
        client = docker.from_env()
        for container in self.containers():
            container.remove(force=True)
        for volume in client.volumes.list(filters={"label": f"django-stack.stack={self.prefix}"}):
            volume.remove(force=True)
        for network in client.networks.list(filters={"label": f"django-stack.stack={self.prefix}"}):
            network.remove()
        for image in client.images.list():
            for tag in image.tags:
                if tag.startswith(f"{self.prefix}/"):
                    client.images.remove(tag, noprune=True)


PASSPHRASE = {"PULUMI_CONFIG_PASSPHRASE": "of the tests"}
SMALL = {"webReplicas": "1", "webCpus": "1", "webMemoryMb": "384", "postgresCpus": "1", "postgresMemoryMb": "384"}
SERVERS = {"staging": ("127.0.0.2", "staging.example.com"), "prod": ("127.0.0.3", "www.example.com")}
"""Each has a loopback address and a host name of its own, as a server would."""


def build_config() -> dict[str, str]:
    """What image builds of a stack need on this machine: where bases come from, and whom downloads may trust."""
    path = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or ""
    return {"imagesFrom": "debian"} | ({"buildCaFile": path} if Path(path).is_file() else {})


def server_stack(clone: Clone, name: str, *, port: int) -> Deployment:
    """Staging or prod of a clone, configured and not up yet: small, and with secrets of its own."""
    address, host = SERVERS[name]
    stack = Deployment(clone=clone, stack=name, port=port, address=address, host=host, environment=PASSPHRASE)
    stack.erase()
    clone.run("./ops", "secrets", "create", "--stack", name, env=os.environ | PASSPHRASE, check=True)
    ports = {"httpPort": str(port), "httpsPort": str(port + 400)}
    stack.set(publishAddress=address, **ports, **SMALL, **build_config())
    return stack


def _tree() -> list[str]:
    """The files of the working tree that git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def _short(urn: str) -> str:
    """`Container web-1` of a whole URN."""
    kind, _, name = urn.rpartition("::")
    return f"{kind.rpartition(':')[2]} {name}"
