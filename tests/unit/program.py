"""The stack under test: its config, a server that can run it, and the program, run against a recording monitor."""

import json
import runpy
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi.runtime.config import set_all_config

import preflight
from preflight.server import Server
from settings import load
from settings_model import Settings
from tests.unit.recording import Declarations, record

ROOT = Path(__file__).resolve().parents[2]

PROJECT = "shop"

SECRETS = {
    "djangoSecretKey": "key-Zq8_wL3v-RtY6uP0aSdFgHjK2xCvBnM4eTiO7pWlXsNb9dGmQc1",
    "databasePassword": "pass-h7Rk2Tq9Lw4Zx8Vb6Nc3",
}

SERVER = Server(
    version="26.1.5",
    platform="linux/amd64",
    kernel="6.12.9",
    cpus=8,
    memory_mb=32_000,
    disk_free_mb=200_000,
    disk_total_mb=400_000,
    listeners=(),
    running_specs={},
    volume_labels={},
    cli="/usr/bin/docker",
)


def set_config(values: Mapping[str, Any], *, encrypted: Collection[str] = tuple(SECRETS)) -> None:
    """Give the program a stack config, as an engine does: texts, with JSON for what is no text."""
    texts = {key if ":" in key else f"{PROJECT}:{key}": text_of(value) for key, value in values.items()}
    set_all_config(texts, [f"{PROJECT}:{key}" for key in encrypted])


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def committed(stack: str) -> dict[str, Any]:
    """The values of a committed stack config, by short key."""
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key.partition(":")[2]: value for key, value in config.items()}


def load_settings(
    values: Mapping[str, Any] | None = None,
    *,
    stack: str = "dev",
    project: str = PROJECT,
    preview: bool = False,
    encrypted: Collection[str] = tuple(SECRETS),
    root: Path = ROOT,
) -> Settings:
    """Load settings from these values and good secrets; a value of None takes a secret away."""
    given = {key: value for key, value in (SECRETS | dict(values or {})).items() if value is not None}
    loaded: list[Settings] = []

    def program() -> None:
        set_config(given, encrypted=encrypted)
        loaded.append(load(root))

    record(program, project=project, stack=stack, preview=preview)
    return loaded[0]


def declare(
    values: Mapping[str, Any] | None = None,
    *,
    stack: str = "dev",
    server: Server = SERVER,
    preview: bool = False,
    secrets: Mapping[str, str] | None = None,
) -> Declarations:
    """Run the whole program, in the current folder, for a stack with these values and good secrets."""

    def program() -> None:
        set_config({**(SECRETS if secrets is None else secrets), **(values or {})})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(preflight, "observe", lambda *_: server)
            runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

    return record(program, project=PROJECT, stack=stack, preview=preview)
