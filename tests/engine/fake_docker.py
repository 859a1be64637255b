"""A Docker Engine in memory: the paths of its API that the providers use."""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any

from engine.providers.docker_api import CONFLICT, NOT_FOUND, DockerApi, DockerError


class FakeDocker(DockerApi):
    """Keeps containers, networks, volumes and images; `calls` has every request that changes something."""

    def __init__(self) -> None:
        super().__init__("unix:///no/docker/here")
        self.containers: dict[str, dict[str, Any]] = {}
        self.networks: dict[str, dict[str, Any]] = {}
        self.volumes: dict[str, dict[str, Any]] = {}
        self.images: dict[str, dict[str, Any]] = {"base": {"Id": "sha256:ba5e", "RepoDigests": []}}
        self.calls: list[str] = []
        self.failing: dict[str, DockerError] = {}
        """Errors by the beginning of a call, `POST /containers/create`; each is raised once."""
        self._ids = (f"{number:064x}" for number in itertools.count(1))

    def call(
        self, method: str, path: str, body: Any = None, *, params: Mapping[str, Any] | None = None, seconds: float = 0
    ) -> Any:
        del seconds
        if method != "GET":
            self.calls.append(f"{method} {path}")
        for prefix in [key for key in self.failing if f"{method} {path}".startswith(key)]:
            raise self.failing.pop(prefix)
        for pattern, handler in self._routes():
            match = re.fullmatch(pattern, f"{method} {path}")
            if match:
                return handler(*match.groups(), body=body, params=params or {})
        raise DockerError(f"no such path {method} {path}", NOT_FOUND)

    def _routes(self) -> list[tuple[str, Any]]:
        return [
            (r"POST /containers/create", self._create_container),
            (r"GET /containers/([^/]+)/json", lambda name, **_: self._find(self.containers, name)),
            (r"POST /containers/([^/]+)/start", self._start),
            (r"POST /containers/([^/]+)/stop", self._stop),
            (r"POST /containers/([^/]+)/update", self._update),
            (r"DELETE /containers/([^/]+)", lambda name, **_: self._remove(self.containers, name)),
            (r"POST /networks/create", self._create_network),
            (r"GET /networks/([^/]+)", lambda name, **_: self._find(self.networks, name)),
            (r"DELETE /networks/([^/]+)", lambda name, **_: self._remove(self.networks, name)),
            (r"POST /networks/([^/]+)/(?:dis)?connect", lambda *_, **__: None),
            (r"POST /volumes/create", self._create_volume),
            (r"GET /volumes/([^/]+)", lambda name, **_: self._find(self.volumes, name)),
            (r"DELETE /volumes/([^/]+)", lambda name, **_: self._remove(self.volumes, name)),
            (r"GET /images/(.+)/json", lambda name, **_: self._image(name)),
            (r"DELETE /images/(.+)", lambda name, **_: self._remove(self.images, name)),
        ]

    def _find(self, kind: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
        for id_, entry in kind.items():
            if name in (id_, entry.get("Name", "").lstrip("/")):
                return entry
        raise DockerError(f"No such object: {name}", NOT_FOUND)

    def _remove(self, kind: dict[str, dict[str, Any]], name: str) -> None:
        entry = self._find(kind, name)
        del kind[next(key for key, value in kind.items() if value is entry)]

    def _image(self, name: str) -> dict[str, Any]:
        for key, image in self.images.items():
            if name in (key, image["Id"]):
                return image
        raise DockerError(f"No such image: {name}", NOT_FOUND)

    def _create_container(self, *, body: dict[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        name = params["name"]
        if any(entry["Name"] == f"/{name}" for entry in self.containers.values()):
            raise DockerError(f"The container name {name} is already in use", CONFLICT)
        id_, host = next(self._ids), body["HostConfig"]
        self.containers[id_] = {
            "Id": id_,
            "Name": f"/{name}",
            "Image": self._image(body["Image"])["Id"],
            "Platform": "linux",
            "Config": {key: value for key, value in body.items() if key != "HostConfig"} | {"Hostname": id_[:12]},
            "HostConfig": {"Runtime": "runc", "IpcMode": "private", "ShmSize": 64 << 20, **host},
            "State": {"Running": False, "ExitCode": 0},
            "NetworkSettings": {"Ports": {}, "Networks": {}},
        }
        if host.get("ShmSize") == 0:
            self.containers[id_]["HostConfig"]["ShmSize"] = 64 << 20
        return {"Id": id_}

    def _start(self, name: str, **_: Any) -> None:
        entry = self._find(self.containers, name)
        entry["State"] = {"Running": True}
        bindings = entry["HostConfig"].get("PortBindings") or {}
        entry["NetworkSettings"]["Ports"] = bindings

    def _stop(self, name: str, **_: Any) -> None:
        self._find(self.containers, name)["State"] = {"Running": False, "ExitCode": 137}

    def _update(self, name: str, *, body: dict[str, Any], **_: Any) -> None:
        self._find(self.containers, name)["HostConfig"].update(body)

    def _create_network(self, *, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        id_ = next(self._ids)
        pools = body["IPAM"]["Config"] or [{"Subnet": "172.30.0.0/16", "Gateway": "172.30.0.1"}]
        self.networks[id_] = {"Id": id_, "Scope": "local", **body, "IPAM": {"Driver": "default", "Config": pools}}
        return {"Id": id_}

    def _create_volume(self, *, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        return self.volumes.setdefault(body["Name"], {"Mountpoint": f"/volumes/{body['Name']}", **body})

    def _request(self, call: str) -> None:
        self.calls.append(call)
        for prefix in [key for key in self.failing if call.startswith(key)]:
            raise self.failing.pop(prefix)

    def build(self, params: Mapping[str, Any], archive: IO[bytes]) -> Iterator[dict[str, Any]]:
        self._request("POST /build")
        id_ = f"sha256:{len(archive.read()):064x}"
        self.images[params["t"]] = {"Id": id_, "RepoDigests": []}
        yield {"id": "moby.image.id", "aux": {"ID": id_}}

    def pull(self, image: str, platform: str | None) -> Iterator[dict[str, Any]]:
        self._request("POST /images/create")
        yield {"status": "Pulling", "id": platform or image}
        self.images[image] = {"Id": "sha256:9011ed", "RepoDigests": []}
