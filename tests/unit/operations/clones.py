"""A clone's configs in a folder of their own, with no stack deployed."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.program import ROOT


@dataclass(frozen=True, kw_only=True)
class Clone:
    """A folder with the project's configs, and a home that nobody lives in."""

    path: Path
    home: Path

    def config(self, stack: str) -> Path:
        return self.path / f"Pulumi.{stack}.yaml"

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Work there, with none of the variables that Pulumi and Docker listen to."""
        monkeypatch.chdir(self.path)
        for name in (
            *("PULUMI_BACKEND_URL", "PULUMI_STACK", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"),
            *("PULUMI_ACCESS_TOKEN", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"),
        ):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", str(self.home))
        monkeypatch.setenv("PULUMI_HOME", str(self.home / ".pulumi"))
        monkeypatch.setenv("DJANGO_STACK_ENGINE", "embedded")


def make_clone(folder: Path) -> Clone:
    """A clone under `folder`."""
    clone = Clone(path=folder / "clone", home=folder / "home")
    clone.path.mkdir()
    clone.home.mkdir()
    for config in ROOT.glob("Pulumi*.yaml"):
        shutil.copy(config, clone.path)
    (clone.path / "sample").mkdir()
    shutil.copy(ROOT / "sample" / "manage.py", clone.path / "sample")
    return clone
