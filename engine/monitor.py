"""Pulumi's ResourceMonitor and Engine services: the program's requests become goals."""

import os
import re
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # before the import: connection noise at the end of a program

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from engine.config import ConfigValue
from engine.deployment import Deployment, Registration
from engine.errors import EngineError, UnsupportedError
from engine.events import Message
from engine.model import Goal, make_urn, urn_name, urn_type
from engine.values import Properties, from_wire, reveal, to_wire

_MAX_MESSAGE_BYTES = 400 * 1024 * 1024
_OPTIONS = [
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
]
_WORKERS = 256  # each registration holds one until its step is taken
_GRACE_SECONDS = 1.0
_FEATURES: Any = (0, 1, 3)  # secrets, resource references, alias specs
_SEVERITIES = {0: "debug", 1: "info", 2: "warning", 3: "error"}
_ASSET_SIGNATURES = ("c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7")
_UNSUPPORTED_OPTIONS = {
    "importId": "import_",
    "deletedWith": "deleted_with",
    "replace_with": "replace_with",
    "transforms": "transforms",
    "hideDiffs": "hide_diffs",
    "pluginDownloadURL": "plugin_download_url",
    "packageRef": "parameterized packages",
    "envVarMappings": "env_var_mappings",
    "state_migrations": "state_migrations",
    "replacement_trigger": "replacement_trigger",
    "hooks": "hooks",
    "remote": "remote components",
}
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class Monitor(resource_pb2_grpc.ResourceMonitorServicer, engine_pb2_grpc.EngineServicer):
    """Serves one program over gRPC."""

    def __init__(self, deployment: Deployment, config: dict[str, ConfigValue], *, preview: bool, root: Path) -> None:
        self._deployment = deployment
        self._config = config
        self._preview = preview
        self._root = root
        self.finished = threading.Event()

    @contextmanager
    def serve(self) -> Iterator[str]:
        """The address at which the monitor listens."""
        server = grpc.server(ThreadPoolExecutor(max_workers=_WORKERS), options=_OPTIONS)
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(self, server)
        engine_pb2_grpc.add_EngineServicer_to_server(self, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(_GRACE_SECONDS).wait()

    # ResourceMonitor

    def GetDeploymentInfo(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002  gRPC's names
        return resource_pb2.DeploymentInfo(
            project=self._deployment.project,
            stack=self._deployment.stack,
            organization="organization",
            config={key: value.text for key, value in self._config.items()},
            configSecretKeys=[key for key, value in self._config.items() if value.secret],
            dryRun=self._preview,
            parallel=self._deployment.parallel,
            supportedFeatures=_FEATURES,
        )

    def SupportsFeature(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        supported = request.id in ("secrets", "resourceReferences", "aliasSpecs")
        return resource_pb2.SupportsFeatureResponse(hasSupport=supported)

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        urn = make_urn(
            stack=self._deployment.stack,
            project=self._deployment.project,
            parent=request.parent,
            type_=request.type,
            name=request.name,
        )
        try:
            goal = self._goal(request, urn)
        except EngineError as error:
            self._deployment.fail(error, urn)
            return resource_pb2.RegisterResourceResponse(urn=urn, result=resource_pb2.Result.FAIL, unknown=True)
        aliases = list(request.aliases)
        answer = self._deployment.register(goal, lambda goal, parent: self._alias_urns(goal, parent, aliases))
        return _response(answer)

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        self._deployment.register_outputs(request.urn, decode(request.outputs))
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        self._deployment.finish()
        self.finished.set()
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._refuse(context, f"the function {request.tok}")

    def Call(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._refuse(context, f"the method {request.tok}")

    def ReadResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind = "StackReference" if request.type == "pulumi:pulumi:StackReference" else f"{request.type}.get()"
        return self._refuse(context, kind)

    def RegisterPackage(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._refuse(context, f"the parameterized package {request.name}")

    def RegisterStackTransform(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return self._refuse(context, "a stack transform")

    def RegisterStackInvokeTransform(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return self._refuse(context, "a stack invoke transform")

    def RegisterResourceHook(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._refuse(context, f"the resource hook {request.name}")

    def RegisterErrorHook(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._refuse(context, f"the error hook {request.name}")

    def _refuse(self, context: Any, what: str) -> Any:
        error = UnsupportedError(f"{what} is not supported by the embedded engine. Use the Pulumi CLI for it.")
        self._deployment.fail(error)
        context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error))

    # Engine

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        severity = _SEVERITIES.get(request.severity, "info")
        text = self._deployment.blind(request.message)
        if severity == "error":
            self._deployment.failed = True
        self._deployment.tell(
            Message(severity=severity, text=text.rstrip(), urn=request.urn, passing=request.ephemeral)
        )
        return empty_pb2.Empty()

    def RequirePulumiVersion(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return engine_pb2.RequirePulumiVersionResponse()

    # Requests and answers

    def _goal(self, request: Any, urn: str) -> Goal:
        for field, option in _UNSUPPORTED_OPTIONS.items():
            if _is_set(request, field):
                raise UnsupportedError(f"{request.name}: {option} is not supported by the embedded engine.")
        timeouts = request.customTimeouts
        return Goal(
            urn=urn,
            type=request.type,
            custom=request.custom,
            inputs=decode(request.object, where=request.name),
            parent=request.parent,
            provider=request.provider,
            version=request.version,
            dependencies=tuple(sorted(request.dependencies)),
            property_dependencies={
                key: tuple(sorted(value.urns)) for key, value in sorted(request.propertyDependencies.items())
            },
            protect=_optional(request, "protect"),
            retain_on_delete=_optional(request, "retainOnDelete"),
            delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
            ignore_changes=tuple(request.ignoreChanges),
            replace_on_changes=tuple(request.replaceOnChanges),
            additional_secret_outputs=tuple(request.additionalSecretOutputs),
            custom_timeouts={
                key: parse_timeout(getattr(timeouts, key))
                for key in ("create", "update", "delete")
                if getattr(timeouts, key)
            },
            source_position=self._position(request.sourcePosition),
        )

    def _position(self, position: Any) -> str:
        if not position.uri:
            return ""
        path = unquote(urlparse(position.uri).path)
        return f"project:///{os.path.relpath(path, self._root)}#{position.line}"

    def _alias_urns(self, goal: Goal, parent: Goal | None, aliases: Iterable[Any]) -> Iterator[str]:
        """The URNs that an alias, on the resource or on its parent, says it had."""
        name, parent_urn = urn_name(goal.urn), goal.parent
        parents = [parent_urn, *(parent.aliases if parent else ())]
        for alias in aliases:
            if alias.urn:
                yield alias.urn
                continue
            spec = alias.spec
            if spec.noParent:
                bases = [""]
            elif spec.parentUrn:
                bases = [spec.parentUrn]
            else:
                bases = parents
            for base in bases:
                yield make_urn(
                    stack=spec.stack or self._deployment.stack,
                    project=spec.project or self._deployment.project,
                    parent=base,
                    type_=spec.type or goal.type,
                    name=spec.name or name,
                )
        for old_parent in parents[1:]:
            # A child named after its parent was renamed with it.
            new_name, old_name = urn_name(parent_urn), urn_name(old_parent)
            renamed = old_name + name.removeprefix(new_name) if name.startswith(new_name) else name
            for candidate in dict.fromkeys((renamed, name)):
                yield make_urn(
                    stack=self._deployment.stack,
                    project=self._deployment.project,
                    parent=old_parent,
                    type_=urn_type(goal.urn),
                    name=candidate,
                )


def decode(struct: Any, where: str = "") -> Properties:
    """A protobuf Struct as properties. Raises UnsupportedError for assets and archives."""
    plain = json_format.MessageToDict(struct)
    if any(signature in str(plain) for signature in _ASSET_SIGNATURES):
        raise UnsupportedError(f"{where}: assets and archives are not supported by the embedded engine.")
    properties: Properties = from_wire(plain)
    return properties


def encode(properties: Properties) -> Any:
    return json_format.ParseDict(to_wire(properties), struct_pb2.Struct())


def _response(answer: Registration) -> Any:
    if answer.state is None:
        # Not an aborted call, which would end the program with a traceback: it goes on with unknowns.
        return resource_pb2.RegisterResourceResponse(urn=answer.urn, result=resource_pb2.Result.FAIL, unknown=True)
    state = answer.state
    shown = {key: value for key, value in state.outputs.items() if not key.startswith("__")}
    return resource_pb2.RegisterResourceResponse(
        urn=state.urn, id=str(reveal(state.id)), object=encode(shown if state.custom else {})
    )


def _optional(request: Any, field: str) -> bool | None:
    return bool(getattr(request, field)) if request.HasField(field) else None


def _is_set(request: Any, field: str) -> bool:
    value = getattr(request, field)
    if field == "hooks":
        return request.HasField(field) and bool(value.ListFields())
    if field == "replacement_trigger":
        return bool(request.HasField(field)) and not value.HasField("null_value")
    return bool(value)


def parse_timeout(text: str) -> float:
    """Seconds of a custom timeout such as `5m` or `1h30m`. Raises UnsupportedError."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", text)
    if not parts or "".join(amount + unit for amount, unit in parts) != text:
        raise UnsupportedError(f"custom_timeouts: must look like 5m or 90s (got {text!r}).")
    return sum(float(amount) * _SECONDS[unit] for amount, unit in parts)
