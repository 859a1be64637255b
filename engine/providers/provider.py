"""Provider resources themselves: pulumi:providers:docker and pulumi:providers:command."""

import json
from typing import Any

from engine.errors import UnsupportedError
from engine.model import PROVIDER_PREFIX, Diff, Goal, State, urn_name
from engine.providers.docker_api import Login
from engine.providers.pulling import logins_of
from engine.providers.registry import PROVIDERS
from engine.providers.schema import deep_changes, with_marks
from engine.values import Properties, Secret, has_secret, reveal

_WRITTEN_BY_THE_CLI = frozenset({"version", "pluginDownloadURL"})


def check_provider(goal: Goal, news: Properties) -> Properties:
    """The inputs of a provider resource. Raises UnsupportedError on a setting outside the bounds."""
    package = goal.type.removeprefix(PROVIDER_PREFIX)
    where = urn_name(goal.urn)
    if package not in PROVIDERS:
        raise UnsupportedError(f"{where}: the provider {package!r} is not supported by the embedded engine.")
    for key in news:
        if key not in PROVIDERS[package] and not key.startswith("__") and key not in _WRITTEN_BY_THE_CLI:
            raise UnsupportedError(
                f"{where}: the setting {package}:{key} is not supported by the embedded engine. "
                f"It has {', '.join(sorted(PROVIDERS[package])) or 'none'}."
            )
    version = {"version": goal.version} if goal.version else {}
    return {"__internal": {}, **news, **version}


def diff_provider(old: State, news: Properties) -> Diff:
    """A changed setting updates the provider; what it holds stays."""
    changes = {}
    for key in sorted({*old.inputs, *news}):
        if key.startswith("__") or key in _WRITTEN_BY_THE_CLI:
            continue
        hidden = has_secret(old.inputs.get(key)) or has_secret(news.get(key))
        for path, change in deep_changes(key, reveal(old.inputs.get(key)), reveal(news.get(key))):
            changes[path] = with_marks(change, hidden=hidden, replaces=False)
    return Diff(changes=changes)


def host_of_provider(state: State | None) -> str:
    """The Docker host that a provider's state names; empty for this machine's default."""
    return str(reveal(state.inputs.get("host") or "")) if state else ""


def logins_of_provider(state: State | None) -> tuple[Login, ...]:
    return tuple(logins_of(reveal(state.inputs.get("registryAuth")))) if state else ()


def config_inputs(package: str, values: dict[str, Any]) -> Properties:
    """A default provider's inputs from stack configuration: `docker:host` and the like."""
    inputs: Properties = {}
    for key, entry in values.items():
        namespace, _, name = key.partition(":")
        if namespace == package:
            text = entry.value if isinstance(entry.value, str) else json.dumps(entry.value)
            inputs[name] = Secret(text) if entry.secret else text
    return inputs
