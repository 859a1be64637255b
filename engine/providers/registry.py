"""Which resource types this engine has."""

from engine.providers import ResourceType
from engine.providers.command import Command
from engine.providers.container import Container
from engine.providers.image import Image
from engine.providers.network import Network
from engine.providers.remote_image import RemoteImage
from engine.providers.volume import Volume

TYPES: dict[str, ResourceType] = {
    "docker:index/container:Container": Container(),
    "docker:index/image:Image": Image(),
    "docker:index/network:Network": Network(),
    "docker:index/remoteImage:RemoteImage": RemoteImage(),
    "docker:index/volume:Volume": Volume(),
    "command:local:Command": Command(),
}

PROVIDERS: dict[str, frozenset[str]] = {"docker": frozenset({"host", "registryAuth"}), "command": frozenset()}
"""The packages, and the settings that each of their providers may have."""
