"""Settings outside of a deployment: what the program would make of a stack config, with nothing decrypted."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from contextvars import copy_context
from pathlib import Path
from typing import Any

from config_schema import OPTIONAL_SECRETS, SECRET_LENGTHS
from settings import load
from settings_model import Settings


def load_settings(values: Mapping[str, Any], *, project: str, stack: str, folder: Path, secrets_made: bool) -> Settings:
    """The settings of a config's values, by full key. Raises SettingsError with all that is wrong with them."""
    texts, encrypted = config_of(values, project=project, secrets_made=secrets_made)
    return copy_context().run(_load, texts, encrypted, project, stack, folder)


def config_of(values: Mapping[str, Any], *, project: str, secrets_made: bool) -> tuple[dict[str, str], list[str]]:
    """A stack config as the program gets it, texts and the keys of secrets, without decrypting anything.

    In the place of a ciphertext stands a random text; of a secret that is not set, too, if it is made by itself.
    """
    encrypted = [key for key, value in values.items() if isinstance(value, dict) and "secure" in value]
    if secrets_made:
        encrypted += [f"{project}:{name}" for name in SECRET_LENGTHS if not values.get(f"{project}:{name}")]
    texts = {key: value if isinstance(value, str) else json.dumps(value, default=str) for key, value in values.items()}
    return texts | {key: _stand_in(key.rpartition(":")[2]) for key in encrypted}, encrypted


def _stand_in(name: str) -> str:
    """What a secret may look like: at random, or an address that leads nowhere."""
    return "https://localhost/" if name in OPTIONAL_SECRETS else secrets.token_urlsafe(64)


def _load(texts: dict[str, str], encrypted: list[str], project: str, stack: str, folder: Path) -> Settings:
    """The Pulumi SDK is told what an engine would tell it."""
    from pulumi import runtime  # noqa: PLC0415  half a second, for those who need it alone

    runtime.set_all_config(texts, encrypted)
    runtime.configure(runtime.Settings(project=project, stack=stack, dry_run=False))

    async def load_here() -> Settings:  # secrets are outputs, which want an event loop
        return load(folder)

    return asyncio.run(load_here())
