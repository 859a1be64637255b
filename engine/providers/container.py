"""docker:index/container:Container."""

import time
from pathlib import Path
from typing import Any

from engine.errors import ProviderError
from engine.model import Diff, State
from engine.providers import Context
from engine.providers.bridged import Bridged
from engine.providers.container_config import create_request, endpoint, observe, published_ports, resources
from engine.providers.container_schema import CAN_DRIFT, SCHEMA, SENT_ON_UPDATE, STATE_ONLY
from engine.providers.docker_api import NOT_FOUND, DockerApi, DockerError, inspect, log_text
from engine.providers.pulling import ensure_image
from engine.providers.schema import as_read, recorded
from engine.values import Properties, reveal

_TIMES = '{"create":1200000000000,"delete":1200000000000,"update":1200000000000}'
_META = f'{{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{_TIMES},"schema_version":"2"}}'
_POLL_SECONDS = 0.25
_TELL_SECONDS = 5
_LOG_LINES = 20
_REMOVE_SECONDS = 30.0
_RESTARTS = ("no", "on-failure", "always", "unless-stopped")
_DRIFTING = {key: SCHEMA[key] for key in CAN_DRIFT}


class Container(Bridged):
    """A Docker container. Its name is unique on the host, so it is deleted before it is replaced."""

    schema = SCHEMA
    deleted_first = True

    def check(self, name: str, news: Properties, olds: Properties | None, unique: str, cwd: Path) -> Properties:
        checked = super().check(name, news, olds, unique, cwd)
        restart = reveal(checked["restart"])
        if isinstance(restart, str) and restart not in _RESTARTS:
            raise ProviderError(f"{name}.restart: must be one of {', '.join(_RESTARTS)} (got {restart!r}).")
        return checked

    def claim(self, context: Context, inputs: Properties) -> None:
        name = str(reveal(inputs["name"]))
        if inspect(context.docker(), "containers", name) is not None:
            raise ProviderError(
                f"{context.name}: a container named {name!r} exists already and is not in the state. "
                f"Remove it (docker rm -f {name}) or choose another name."
            )

    def recover(self, context: Context, inputs: Properties) -> None:
        found = inspect(context.docker(), "containers", str(reveal(inputs["name"])))
        if found is not None:
            _remove(context.docker(), found["Id"], volumes=True)

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        docker, plain = context.docker(), reveal(inputs)
        ensure_image(context, str(plain["image"]))
        params = {"name": plain["name"], **({"platform": plain["platform"]} if plain.get("platform") else {})}
        id_ = docker.call("POST", "/containers/create", create_request(plain), params=params)["Id"]
        try:
            _join_networks(docker, id_, plain)
            if plain["start"]:
                docker.call("POST", f"/containers/{id_}/start")
                _wait_until_healthy(context, id_, plain)
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
            _wait_until_healthy(context, old.id, plain)
        return _recorded(inputs, _inspect(context, old.id))

    def delete(self, context: Context, state: State) -> None:
        docker, plain = context.docker(), reveal(state.outputs)
        grace = int(plain.get("destroyGraceSeconds") or 0)
        try:
            docker.call("POST", f"/containers/{state.id}/stop", params={"t": grace}, seconds=grace)
        except DockerError as error:
            if error.status != NOT_FOUND:
                raise
        _remove(docker, state.id, volumes=bool(plain.get("removeVolumes", True)))


def _remove(docker: DockerApi, id_: str, *, volumes: bool) -> None:
    try:
        docker.call("DELETE", f"/containers/{id_}", params={"force": 1, "v": int(volumes)})
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
        try:
            body = {"Container": id_, "EndpointConfig": endpoint(network)}
            docker.call("POST", f"/networks/{network['name']}/connect", body)
        except DockerError as error:
            raise ProviderError(f"it cannot join the network {network['name']!r}: {error}") from error


def _wait_until_healthy(context: Context, id_: str, plain: Properties) -> None:
    """Returns when the health check passes. Raises ProviderError as soon as it no longer can."""
    limit, began = float(plain.get("waitTimeout") or 0), time.monotonic()
    while plain.get("wait"):
        info = _inspect(context, id_)
        state, elapsed = info["State"], time.monotonic() - began
        health = (state.get("Health") or {}).get("Status", "")
        if state["Running"] and health == "healthy":
            return
        if state["Running"] and not health:
            raise ProviderError("it has `wait` but no health check. Give it a `healthcheck` or leave `wait` out.")
        if not state["Running"] or state.get("Restarting") or info.get("RestartCount"):
            cause = f"it ended with exit code {state.get('ExitCode')} while it was waited for"
            raise ProviderError(_with_log(context, id_, state, cause))
        if context.cancelled.is_set():
            raise ProviderError("the wait for its health check was cancelled. The next `up` replaces it.")
        if elapsed > limit:
            raise ProviderError(_with_log(context, id_, state, f"it was not healthy within {limit:g} seconds"))
        context.progress(f"waiting until healthy: {health} after {elapsed // _TELL_SECONDS * _TELL_SECONDS:.0f}s")
        time.sleep(_POLL_SECONDS)


def _with_log(context: Context, id_: str, state: dict[str, Any], cause: str) -> str:
    checks = (state.get("Health") or {}).get("Log") or ()
    parts = [cause + "."]
    if checks and checks[-1].get("ExitCode"):
        parts.append(f"Last health check (exit code {checks[-1]['ExitCode']}): {checks[-1].get('Output', '').strip()}")
    tail = {"stdout": 1, "stderr": 1, "tail": str(_LOG_LINES)}
    log = log_text(context.docker().call("GET", f"/containers/{id_}/logs", params=tail))
    lines = log.rstrip().splitlines()
    parts.append("Last lines of its log:\n" + "\n".join(f"    {line}" for line in lines))
    return context.blind("\n".join(parts))


def _recorded(inputs: Properties, info: dict[str, Any]) -> Properties:
    """The outputs: what Docker tells, and what the program gave as it gave it."""
    blank: Properties = {"attach": False, "logs": False, "wait": False, "rm": False}
    blank |= {key: [] for key in ("envs", "labels", "ports", "volumes", "uploads", "networksAdvanced", "mounts")}
    observed = observe(info)
    given = recorded(inputs, SCHEMA)
    if not info["State"]["Running"]:
        observed["exitCode"] = info["State"].get("ExitCode", 0)
    elif inputs.get("ports"):
        given["ports"] = published_ports(info) or given["ports"]
    return {"__meta": _META, **blank, **observed, **given}
