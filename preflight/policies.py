"""Policies over all that the program declares, before the first of it is sent to an engine."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pulumi
from pulumi import _types as input_types

from policy import judge
from policy.inputs import SECRET, UNKNOWN, read
from policy.resource import Resource
from preflight.messages import CheckMessage, without_silenced
from settings_model import Settings


class PolicyError(pulumi.RunError):
    """The program declares what no stack may have. Its text is every violation."""


def enforce(settings: Settings) -> None:
    """Have every resource that is declared from here on wait until all of them have been judged.

    A program runs to its end before anything that it declares is sent; so all of it is seen at once. Whatever breaks a
    policy fails all of it with PolicyError, and nothing is touched. What is declared later than that is judged alone.
    """
    pulumi.runtime.register_stack_transformation(_Gate(settings).let_in)


def check_policies(resources: Iterable[Resource], settings: Settings) -> list[CheckMessage]:
    """What these resources break and the stack config does not silence."""
    broken = judge.violations(resources, settings.stack)
    messages = [
        CheckMessage(level=each.policy.level, id=each.policy.id, text=f"{each.text}.", hint=each.policy.cure)
        for each in broken
    ]
    return without_silenced(messages, settings.silenced_checks)


class _Gate:
    """Keeps what is declared back until it has been judged."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._declared: list[Resource] = []
        self._options: dict[pulumi.Resource, pulumi.ResourceOptions] = {}
        self._open = asyncio.ensure_future(self._judge_all())  # begins when the program has come to its end

    def let_in(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        """A resource transformation: notes what is declared, and makes it wait."""
        self._options[args.resource] = args.opts
        declared = self._read(args, args.props)
        if declared:
            self._declared.append(declared)
            if self._open.done():
                self._judge([declared])
        waits: Any = [self._open]
        return pulumi.ResourceTransformationResult(
            props=self._with_judged_variables(args),
            opts=pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(depends_on=waits)),
        )

    async def _judge_all(self) -> None:
        self._judge(self._declared)

    def _judge(self, declared: Iterable[Resource]) -> None:
        messages = check_policies(declared, self._settings)
        errors = [str(message) for message in messages if message.level == "error"]
        for message in messages:
            if message.level == "warning":
                pulumi.log.warn(str(message))
        if errors:
            raise PolicyError("\n  ".join(["the program declares what no stack may have:", *errors]))

    def _read(self, args: pulumi.ResourceTransformationArgs, props: Mapping[str, Any]) -> Resource | None:
        inputs = {_camel(key): plain(value) for key, value in props.items()}
        retained = bool(args.opts.retain_on_delete)
        return read(args.type_, args.name, inputs, protected=self._protected(args.opts), retained=retained)

    def _protected(self, opts: pulumi.ResourceOptions | None) -> bool:
        """Of itself, or of the nearest parent that says so or not."""
        while opts and opts.protect is None:
            opts = self._options.get(opts.parent) if opts.parent else None
        return bool(opts and opts.protect)

    def _with_judged_variables(self, args: pulumi.ResourceTransformationArgs) -> Mapping[str, Any]:
        """The properties; variables that are outputs are judged as soon as they are known, before anyone gets them."""
        envs = args.props.get("envs")
        if not any(isinstance(each, pulumi.Output) for each in (envs if isinstance(envs, list) else [envs])):
            return args.props
        return {**args.props, "envs": self._judged(args, pulumi.Output.from_input(envs))}

    def _judged(self, args: pulumi.ResourceTransformationArgs, envs: pulumi.Output[Any]) -> pulumi.Output[Any]:
        async def judged() -> pulumi.Output[Any]:
            value, secret = await envs.future(), await envs.is_secret()
            declared = self._read(args, {**args.props, "envs": SECRET if secret else value})
            self._judge([declared] if declared else [])
            return envs

        return pulumi.Output.from_input(judged())


def plain(value: Any) -> Any:
    """A property's value as it would be sent; a word stands for what is not known at once."""
    if isinstance(value, pulumi.Output) or asyncio.isfuture(value) or asyncio.iscoroutine(value):
        return UNKNOWN
    if input_types.is_input_type(type(value)):
        return plain(input_types.input_type_to_dict(value))
    if isinstance(value, Mapping):
        return {_camel(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _camel(name: str) -> str:
    """As the provider spells network_mode: networkMode."""
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
