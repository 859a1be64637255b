"""docker:index/container:Container."""

import time
from typing import Any

from engine.errors import ProviderError
from engine.model import Diff, State
from engine.providers import Bridged, Context
from engine.providers.container_config import (
    CAN_DRIFT,
    SCHEMA,
    SENT_ON_UPDATE,
    STATE_ONLY,
    create_request,
    observe,
    published_ports,
    resources,
)
from engine.providers.docker_api import NOT_FOUND, DockerApi, DockerError, inspect
from engine.providers.remote_image import ensure_image
from engine.providers.schema import as_read, recorded
from engine.values import Properties, reveal

_TIMES = '{"create":1200000000000,"delete":1200000000000,"update":1200000000000}'
_META = f'{{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{_TIMES},"schema_version":"2"}}'
_POLL_SECONDS = 0.25
_REMOVE_SECONDS = 30.0
_DRIFTING = {key: SCHEMA[key] for key in CAN_DRIFT}
_NOT_READ_BACK = ("envs", "labels", "ports", "volumes", "networksAdvanced", "mounts")


class Container(Bridged):
    """A Docker container. Its name is unique on the host, so it is deleted before it is replaced."""

    schema = SCHEMA
    deleted_first = True
    kind = "containers"

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        docker, plain = context.docker(), reveal(inputs)
        ensure_image(context, str(plain["image"]))
        id_ = docker.call("POST", "/containers/create", create_request(plain), params={"name": plain["name"]})["Id"]
        try:
            _join_networks(docker, id_, plain)
            if plain["start"]:
                docker.call("POST", f"/containers/{id_}/start")
        except ProviderError as error:
            info = None if error.unsure else inspect(docker, "containers", id_)
            outputs = _recorded(inputs, info) if info else {"id": id_}
            raise ProviderError(f"{context.name}: {error}", (id_, outputs)) from error
        return id_, _recorded(inputs, _inspect(context, id_))

    def read(self, context: Context, state: State) -> tuple[Properties, Properties] | None:
        info = inspect(context.docker(), "containers", state.id)
        if info is None:
            return None
        fixed = {key for key in state.inputs if key in SCHEMA and key not in CAN_DRIFT}
        observed = {key: value for key, value in observe(info).items() if key not in fixed}
        inputs, outputs = as_read(state, observed, _DRIFTING)
        if not info["State"]["Running"]:
            outputs["exitCode"] = info["State"].get("ExitCode", 0)
            if reveal(inputs.get("mustRun")):
                inputs["mustRun"] = outputs["mustRun"] = False
        return inputs, outputs

    def update(self, context: Context, old: State, inputs: Properties, diff: Diff) -> Properties:
        docker, plain = context.docker(), reveal(inputs)
        ignored = [key for key in diff.keys if key in STATE_ONLY]
        if ignored:
            context.log(
                "warning",
                f"{', '.join(ignored)} changed in the state only: Docker cannot change it on an existing "
                f"container. Add replace_on_changes={ignored!r} to replace the container instead.",
            )
        if any(key in SENT_ON_UPDATE for key in diff.keys):
            docker.call("POST", f"/containers/{old.id}/update", resources(plain))
        if "mustRun" in diff.keys and plain["mustRun"] and plain["start"]:
            docker.call("POST", f"/containers/{old.id}/start")
        return _recorded(inputs, _inspect(context, old.id))

    def delete(self, context: Context, state: State) -> None:
        grace = int(reveal(state.outputs).get("destroyGraceSeconds") or 0)
        try:
            context.docker().call("POST", f"/containers/{state.id}/stop", params={"t": grace}, seconds=grace)
        except DockerError as error:
            if error.status != NOT_FOUND:
                raise
        self.remove(context, state.id)

    def remove(self, context: Context, id_: str) -> None:
        docker = context.docker()
        try:
            docker.call("DELETE", f"/containers/{id_}", params={"force": 1, "v": 1})
        except DockerError as error:
            if error.status != NOT_FOUND and "already in progress" not in str(error):
                raise
        deadline = time.monotonic() + _REMOVE_SECONDS
        while inspect(docker, "containers", id_) is not None:
            if time.monotonic() > deadline:
                raise ProviderError(f"container {id_[:12]}: Docker is still removing it. Run again.")
            time.sleep(_POLL_SECONDS)


def _inspect(context: Context, id_: str) -> dict[str, Any]:
    info = inspect(context.docker(), "containers", id_)
    if info is None:
        raise ProviderError(f"{context.name}: the container is gone. Run refresh, then up.")
    return info


def _join_networks(docker: DockerApi, id_: str, plain: Properties) -> None:
    networks = plain.get("networksAdvanced") or ()
    try:
        if networks:
            docker.call("POST", "/networks/bridge/disconnect", {"Container": id_})
    except DockerError as error:
        if "is not connected to" not in str(error):
            raise
    for network in networks:
        body = {"Container": id_, "EndpointConfig": {"Aliases": network.get("aliases") or []}}
        try:
            docker.call("POST", f"/networks/{network['name']}/connect", body)
        except DockerError as error:
            raise ProviderError(f"it cannot join the network {network['name']!r}: {error}") from error


def _recorded(inputs: Properties, info: dict[str, Any]) -> Properties:
    """The outputs: what Docker tells, and what the program gave as it gave it."""
    blank: Properties = {"attach": False, "logs": False, "wait": False, "rm": False}
    blank |= {key: [] for key in _NOT_READ_BACK}
    observed, given = observe(info), recorded(inputs, SCHEMA)
    if not info["State"]["Running"]:
        observed["exitCode"] = info["State"].get("ExitCode", 0)
    elif inputs.get("ports"):
        given["ports"] = published_ports(info) or given["ports"]
    return {"__meta": _META, **blank, **observed, **given}
