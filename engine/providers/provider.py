"""Provider resources themselves: pulumi:providers:docker and pulumi:providers:command."""

from collections.abc import Mapping

from engine.config import ConfigValue
from engine.errors import UnsupportedError
from engine.model import PROVIDER_PREFIX, Diff, Goal, State, urn_name
from engine.providers.docker_api import Login
from engine.providers.pulling import logins_of
from engine.providers.registry import PROVIDERS
from engine.providers.schema import compare_plain
from engine.values import Properties, Secret, reveal

_NOT_SETTINGS = frozenset({"version", "pluginDownloadURL", "__internal", "__pulumi-go-provider-version"})


def check_provider(goal: Goal, news: Properties) -> Properties:
    """The inputs of a provider resource. Raises UnsupportedError on a setting outside the bounds."""
    package, where = goal.type.removeprefix(PROVIDER_PREFIX), urn_name(goal.urn)
    if package not in PROVIDERS:
        raise UnsupportedError(f"{where}: the provider {package!r} is not supported by the embedded engine.")
    for key in sorted(set(news) - PROVIDERS[package] - _NOT_SETTINGS):
        raise UnsupportedError(
            f"{where}: the setting {package}:{key} is not supported by the embedded engine. "
            f"It has {', '.join(sorted(PROVIDERS[package])) or 'none'}."
        )
    return {"__internal": {}, **news, **({"version": goal.version} if goal.version else {})}


def diff_provider(old: State, news: Properties) -> Diff:
    """A changed setting updates the provider; what it holds stays."""
    sides = [{key: value for key, value in side.items() if key not in _NOT_SETTINGS} for side in (old.inputs, news)]
    return compare_plain(*sides)


def host_of(state: State | None) -> str:
    """The Docker host that a provider's state names; empty for this machine's default."""
    return str(reveal(state.inputs.get("host") or "")) if state else ""


def logins_of_provider(state: State | None) -> tuple[Login, ...]:
    return tuple(logins_of(reveal(state.inputs.get("registryAuth")))) if state else ()


def config_inputs(package: str, values: Mapping[str, ConfigValue]) -> Properties:
    """A default provider's inputs from stack configuration: `docker:host` and the like."""
    return {
        key.partition(":")[2]: Secret(entry.text) if entry.secret else entry.text
        for key, entry in values.items()
        if key.partition(":")[0] == package
    }
