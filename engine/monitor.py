"""Pulumi's ResourceMonitor and Engine services: the program's requests become goals."""

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # before the import: connection noise at a program's end

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2

from engine.bare_import import bare
from engine.config import ConfigValue
from engine.deployment import Deployment
from engine.errors import EngineError, UnsupportedError
from engine.model import Goal, State, make_urn, urn_name
from engine.providers.schema import nanoseconds
from engine.values import Properties, from_wire, to_wire

with bare("pulumi", "pulumi.runtime"):
    from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

_MAX_BYTES = 400 * 1024 * 1024
_OPTIONS = [("grpc.max_receive_message_length", _MAX_BYTES), ("grpc.max_send_message_length", _MAX_BYTES)]
_WORKERS = 256  # each registration holds one until its step is taken
_GRACE_SECONDS = 1.0
_FEATURES = ("secrets", "resourceReferences", "aliasSpecs")
_TIMEOUT = ("custom_timeouts", "5m or 90s")
_SEVERITIES = {0: "debug", 1: "info", 2: "warning", 3: "error"}
_ASSET_SIGNATURES = ("c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7")
_PLAIN = ("type", "custom", "parent", "provider", "version")
_UNSUPPORTED_OPTIONS = (
    *("importId", "deletedWith", "replace_with", "transforms", "hideDiffs", "pluginDownloadURL", "packageRef"),
    *("envVarMappings", "state_migrations", "replacement_trigger", "hooks", "remote"),
)
_REFUSED = {"Invoke": "the function {0.tok}", "Call": "the method {0.tok}"}
_REFUSED |= {"RegisterErrorHook": "the error hook {0.name}", "RegisterResourceHook": "the resource hook {0.name}"}
_REFUSED |= {"RegisterStackTransform": "a stack transform", "RegisterStackInvokeTransform": "a stack invoke transform"}
_REFUSED |= {"RegisterPackage": "the parameterized package {0.name}", "ReadResource": "reading an existing {0.type}"}
_REFUSED |= {"ExistsResource": "looking for an existing {0.type}"}
"""What the program may ask for and is refused, and how it is told."""


class Monitor(resource_pb2_grpc.ResourceMonitorServicer, engine_pb2_grpc.EngineServicer):
    """Serves one program over gRPC. `finished` once the program has come to its end."""

    def __init__(self, deployment: Deployment, config: Mapping[str, ConfigValue], root: Path) -> None:
        self._deployment, self._config, self._root = deployment, config, root
        self.finished = False
        for name, description in _REFUSED.items():
            setattr(self, name, self._refusal(description))

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

    def settings(self, address: str) -> dict[str, Any]:
        """What the program's process is told when the monitor listens at `address`."""
        deployment, executor = self._deployment, self._deployment.executor
        runtime: dict[str, Any] = {"monitor": address, "engine": address, "root_directory": str(self._root)}
        runtime |= {"organization": "organization", "project": deployment.project, "stack": deployment.stack}
        runtime |= {"parallel": executor.parallel, "dry_run": executor.preview}
        config = {key: value.text for key, value in self._config.items()}
        secret_keys = [key for key, value in self._config.items() if value.secret]
        return {"runtime": runtime, "config": config, "secret_keys": secret_keys}

    def SupportsFeature(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in _FEATURES)

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        urn, state = self._urn(request.parent, request.type, request.name), None
        try:
            goal = self._goal(request, urn)
        except EngineError as error:
            self._deployment.fail(error, urn)
        else:
            state = self._deployment.register(goal, lambda parent: self._old_urns(goal, parent, request.aliases))
        if state is None:
            # Not an aborted call, which would end the program with a traceback: it goes on with unknowns.
            failed = resource_pb2.Result.FAIL
            return resource_pb2.RegisterResourceResponse(urn=urn, result=failed, unknown=True)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=state.id, object=_encode(state))

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        self._deployment.register_outputs(request.urn, self._decode(request.outputs, urn_name(request.urn)))
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        self._deployment.delete_leftovers()
        self.finished = True
        return empty_pb2.Empty()

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        severity, executor = _SEVERITIES.get(request.severity, "info"), self._deployment.executor
        self._deployment.failed |= severity == "error"
        if severity != "debug":
            executor.say(severity, request.message.rstrip(), request.urn, passing=request.ephemeral)
        return empty_pb2.Empty()

    def RequirePulumiVersion(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return engine_pb2.RequirePulumiVersionResponse()

    def _refusal(self, description: str) -> Any:
        def refuse(request: Any, context: Any) -> None:
            text = f"{description.format(request)} is not supported by the embedded engine. Use the Pulumi CLI."
            self._deployment.fail(UnsupportedError(text))
            context.abort(grpc.StatusCode.UNIMPLEMENTED, text)

        return refuse

    # Requests and answers

    def _urn(self, parent: str, type_: str, name: str) -> str:
        stack, project = self._deployment.stack, self._deployment.project
        return make_urn(stack=stack, project=project, parent=parent, type_=type_, name=name)

    def _decode(self, struct: Any, where: str) -> Properties:
        """A protobuf Struct as properties. Raises UnsupportedError for assets and archives."""
        plain = json_format.MessageToDict(struct)
        if any(signature in str(plain) for signature in _ASSET_SIGNATURES):
            raise UnsupportedError(f"{where}: assets and archives are not supported by the embedded engine.")
        properties: Properties = from_wire(plain)
        self._deployment.executor.blind.learn(properties)
        return properties

    def _goal(self, request: Any, urn: str) -> Goal:
        for field in _UNSUPPORTED_OPTIONS:
            value = getattr(request, field)
            if value.ListFields() if hasattr(value, "ListFields") else value:
                raise UnsupportedError(f"{request.name}: the option {field} is not supported by the embedded engine.")
        by_property = sorted(request.propertyDependencies.items())
        timeouts = {field.name: nanoseconds(text, *_TIMEOUT) for field, text in request.customTimeouts.ListFields()}
        plain: dict[str, Any] = {name: getattr(request, name) for name in _PLAIN}
        return Goal(
            urn=urn,
            **plain,
            inputs=self._decode(request.object, request.name),
            dependencies=tuple(sorted(request.dependencies)),
            property_dependencies={key: tuple(sorted(value.urns)) for key, value in by_property},
            protect=_optional(request, "protect"),
            retain_on_delete=_optional(request, "retainOnDelete"),
            delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
            ignore_changes=tuple(request.ignoreChanges),
            replace_on_changes=tuple(request.replaceOnChanges),
            additional_secret_outputs=tuple(request.additionalSecretOutputs),
            custom_timeouts={key: timeout / 10**9 for key, timeout in timeouts.items()},
            source_position=self._position(request.sourcePosition),
        )

    def _position(self, position: Any) -> str:
        path = unquote(urlparse(position.uri).path)
        return f"project:///{os.path.relpath(path, self._root)}#{position.line}" if path else ""

    def _old_urns(self, goal: Goal, parent: Goal | None, aliases: Iterable[Any]) -> Iterator[str]:
        """The URNs that an alias, on the resource or on its parent, says it had."""
        old_parents = parent.aliases if parent else ()
        for alias in aliases:
            spec = alias.spec
            bases = [""] if spec.noParent else [spec.parentUrn] if spec.parentUrn else [goal.parent, *old_parents]
            stack, project = spec.stack or self._deployment.stack, spec.project or self._deployment.project
            name, type_ = spec.name or goal.name, spec.type or goal.type
            made = [make_urn(stack=stack, project=project, parent=base, type_=type_, name=name) for base in bases]
            yield from [alias.urn] if alias.urn else made
        for old_parent in old_parents:
            prefix = urn_name(goal.parent)
            if goal.name.startswith(prefix):  # a child named after its parent was renamed with it
                yield self._urn(old_parent, goal.type, urn_name(old_parent) + goal.name.removeprefix(prefix))
            yield self._urn(old_parent, goal.type, goal.name)


def _encode(state: State) -> Any:
    """The outputs for the program; a component has none of its own."""
    shown = {key: value for key, value in state.outputs.items() if not key.startswith("__")}
    return json_format.ParseDict(to_wire(shown if state.custom else {}), struct_pb2.Struct())


def _optional(request: Any, field: str) -> bool | None:
    return bool(getattr(request, field)) if request.HasField(field) else None
