"""A small project, and the engine's command line over a Docker Engine in memory."""

import functools
import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest

from engine import cli, operation
from tests.engine.fake_docker import FakeDocker
from tests.engine.warm import WarmPopen

HEAD = "import pulumi\nimport pulumi_docker as docker\nfrom pulumi_command import local\n"
PASSPHRASE, SALT = "abc", "v1:8sDaNm0NDiE=:v1:/0Kskcmfx7dlO82+:W9oGpDIkRlMWwkTRjWYgWq6Umpzt3g=="
_PROJECT = "name: shop\nruntime: python\nconfig:\n  password: {type: string, secret: true, default: ''}\n"


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Project:
    """A project folder; `run` is the command line."""

    folder: Path
    docker: FakeDocker
    capture: pytest.CaptureFixture[str]

    def program(self, body: str) -> None:
        (self.folder / "__main__.py").write_text(HEAD + dedent(body))

    def run(self, *arguments: str) -> Result:
        self.capture.readouterr()
        code = cli.main(["--cwd", str(self.folder), *arguments])
        captured = self.capture.readouterr()
        return Result(code, captured.out, captured.err)

    @property
    def state_file(self) -> Path:
        return self.folder / "backend" / ".pulumi" / "stacks" / "shop" / "dev.json"

    @property
    def resources(self) -> dict[str, Any]:
        """The recorded resources by name, newest first for one that is there twice."""
        latest = json.loads(self.state_file.read_text())["checkpoint"]["latest"]
        return {item["urn"].split("::")[-1]: item for item in reversed(latest.get("resources") or [])}


_derive_once = functools.cache(hashlib.pbkdf2_hmac)


@pytest.fixture(autouse=True)
def fast_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is derived once a session: it takes a million rounds."""
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", _derive_once)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Project:
    """A project `shop` with a stack `dev`."""
    docker = FakeDocker()
    monkeypatch.setattr(operation, "DockerApi", lambda _host: docker)
    warm = SimpleNamespace(Popen=WarmPopen, PIPE=subprocess.PIPE, STDOUT=subprocess.STDOUT)
    monkeypatch.setattr("engine.program.subprocess", warm)
    (tmp_path / "backend").mkdir()
    (tmp_path / "Pulumi.yaml").write_text(_PROJECT)
    (tmp_path / "Pulumi.dev.yaml").write_text(f"encryptionsalt: {SALT}\n")
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}/backend")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    made = Project(tmp_path, docker, capfd)
    assert made.run("stack", "init", "dev").code == 0
    return made
