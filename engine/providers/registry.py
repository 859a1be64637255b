"""Which resource types this engine has, and the provider resources pulumi:providers:docker and …:command."""

from collections.abc import Mapping

from engine.config import ConfigValue
from engine.errors import UnsupportedError
from engine.model import PROVIDER_PREFIX, Diff, Goal, State, urn_name
from engine.providers import ResourceType
from engine.providers.command import Command
from engine.providers.container import Container
from engine.providers.image import Image, RemoteImage
from engine.providers.network import Network, Volume
from engine.providers.schema import compare_plain
from engine.values import Properties, Secret

TYPES: dict[str, ResourceType] = {
    "docker:index/container:Container": Container(),
    "docker:index/image:Image": Image(),
    "docker:index/network:Network": Network(),
    "docker:index/remoteImage:RemoteImage": RemoteImage(),
    "docker:index/volume:Volume": Volume(),
    "command:local:Command": Command(),
}
_SETTINGS: dict[str, frozenset[str]] = {"docker": frozenset({"host"}), "command": frozenset()}
"""The packages, and the settings that each of their providers may have."""
_NOT_SETTINGS = frozenset({"version", "pluginDownloadURL", "__internal", "__pulumi-go-provider-version"})


def check_provider(goal: Goal, news: Properties) -> Properties:
    """The inputs of a provider resource. Raises UnsupportedError on a setting outside the bounds."""
    package, where = goal.type.removeprefix(PROVIDER_PREFIX), urn_name(goal.urn)
    if package not in _SETTINGS:
        raise UnsupportedError(f"{where}: the provider {package!r} is not supported by the embedded engine.")
    for key in sorted(set(news) - _SETTINGS[package] - _NOT_SETTINGS):
        raise UnsupportedError(f"{where}: the setting {package}:{key} is not supported by the embedded engine.")
    return {"__internal": {}, **news, **({"version": goal.version} if goal.version else {})}


def diff_provider(old: State, news: Properties) -> Diff:
    """A changed setting updates the provider; what it holds stays."""
    sides = [{key: value for key, value in side.items() if key not in _NOT_SETTINGS} for side in (old.inputs, news)]
    return compare_plain(*sides)


def config_inputs(package: str, values: Mapping[str, ConfigValue]) -> Properties:
    """A default provider's inputs from stack configuration: `docker:host` and the like."""
    own = {key.partition(":")[2]: value for key, value in values.items() if key.partition(":")[0] == package}
    return {key: Secret(value.text) if value.secret else value.text for key, value in own.items()}
