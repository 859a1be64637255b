"""Records what a Pulumi program declares: a resource monitor that keeps every registration and touches nothing."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import resource
from pulumi.runtime.mocks import MockMonitor, Mocks, set_mocks
from pulumi.runtime.proto import resource_pb2, source_pb2
from pulumi.runtime.settings import ROOT, SETTINGS
from pulumi.runtime.stack import run_in_stack

# A failed resource leaves futures that nobody awaits; neither engine has asyncio complain about each.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A value that the program marked as secret."""

    value: Any


@dataclass(frozen=True, kw_only=True)
class Declared:
    """One resource, as the program declared it."""

    type: str
    name: str
    parent: str
    """Key in `Declarations.all`; empty for the stack's own children."""
    inputs: Mapping[str, Any]
    protect: bool
    retain_on_delete: bool
    delete_before_replace: bool
    ignore_changes: tuple[str, ...]
    replace_on_changes: tuple[str, ...]
    depends_on: tuple[str, ...]
    """Keys in `Declarations.all`."""
    outputs: dict[str, Any] = field(default_factory=dict)
    """What a component registered; empty for other resources."""

    @property
    def short_type(self) -> str:
        """`Container` for docker:index/container:Container."""
        return self.type.rpartition(":")[2]


class Declarations:
    """The resources of one run of a program, and its outputs."""

    def __init__(self) -> None:
        self.all: dict[str, Declared] = {}
        """By type and logical name: `Container postgres`."""
        self.exports: dict[str, Any] = {}

    def of(self, short_type: str) -> list[Declared]:
        return [declared for _, declared in sorted(self.all.items()) if declared.short_type == short_type]

    def changed(self, other: "Declarations") -> set[str]:
        """What one of the two has and the other has not, or has with other inputs."""
        return {
            key
            for key in self.all.keys() | other.all.keys()
            if key not in self.all or key not in other.all or self.all[key].inputs != other.all[key].inputs
        }


class _RecordingMonitor(MockMonitor):
    """Resources come out as they went in, under an id that follows from their inputs."""

    def __init__(self, declarations: Declarations) -> None:
        super().__init__(_NoProvider())
        self._declarations = declarations
        self._keys: dict[str, str] = {}
        """By URN."""

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name on the wire
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        key = f"{request.type.rpartition(':')[2]} {request.name}"
        assert key not in self._declarations.all, f"{key} is declared twice"
        self._keys[urn] = key
        self._declarations.all[key] = Declared(
            type=request.type,
            name=request.name,
            parent=self._keys.get(request.parent, ""),
            inputs=_plain(request.object),
            protect=request.protect,
            retain_on_delete=request.retainOnDelete,
            delete_before_replace=request.deleteBeforeReplace,
            ignore_changes=tuple(request.ignoreChanges),
            replace_on_changes=tuple(request.replaceOnChanges),
            depends_on=tuple(sorted(self._keys[other] for other in request.dependencies)),
        )
        content = request.object.SerializeToString(deterministic=True)
        physical_id = f"{request.name}-{hashlib.sha256(content).hexdigest()[:12]}" if request.custom else ""
        return resource_pb2.RegisterResourceResponse(urn=urn, id=physical_id, object=_outputs(request))

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the name on the wire
        key = self._keys.get(request.urn)
        outputs = self._declarations.all[key].outputs if key else self._declarations.exports
        outputs.update(_plain(request.outputs))
        return empty_pb2.Empty()


def _outputs(request: Any) -> struct_pb2.Struct:
    """A resource's inputs; of a command also what it has printed, which is nothing."""
    outputs = struct_pb2.Struct()
    outputs.CopyFrom(request.object)
    if request.type == "command:local:Command":
        outputs["stdout"] = ""
    return outputs


class _NoProvider(Mocks):
    def new_resource(self, args: Any) -> Any:
        raise AssertionError(f"the monitor answers by itself (got {args.name})")

    def call(self, args: Any) -> Any:
        raise AssertionError(f"the program calls no function of a provider (got {args.token})")


def record(
    program: Callable[[], object],
    *,
    project: str = "shop",
    stack: str = "dev",
    preview: bool = False,
    into: Declarations | None = None,
) -> Declarations:
    """Run `program` to its end and return all that it declared. Its own errors pass through.

    What had been sent before an error is in `into`.
    """
    declarations = into or Declarations()
    copy_context().run(_record, program, project, stack, preview, declarations)  # the SDK's settings end with it
    return declarations


def _record(program: Callable[[], object], project: str, stack: str, preview: bool, declarations: Declarations) -> None:
    monitor = _RecordingMonitor(declarations)

    def run() -> None:
        program()

    # Source positions cost a third of a run, and nobody looks at them here.
    with asyncio.Runner() as runner, patch.object(resource, "_get_stack_trace", source_pb2.StackTrace):
        runner.get_loop()  # resources need one, the stack that set_mocks makes included
        set_mocks(monitor.mocks, project=project, stack=stack, preview=preview, monitor=monitor)
        ROOT.set(None)  # run_in_stack makes the stack that collects the program's outputs
        SETTINGS.outputs.clear()  # a program that failed has left what nobody will wait for
        runner.run(run_in_stack(run), context=copy_context())


def _plain(struct: Any) -> dict[str, Any]:
    """A protobuf Struct as Python values, with `Secret` around what is secret."""
    return dict(_opened(json_format.MessageToDict(struct)))


def _opened(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _SECRET:
            return Secret(value=_opened(value["value"]))
        return {key: _opened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_opened(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
