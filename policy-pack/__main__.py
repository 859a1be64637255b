"""The policies of policy/ as a Pulumi policy pack: `pulumi preview --policy-pack policy-pack`. docs/policies.md."""

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

sys.path.append(str(Path(__file__).resolve().parent.parent))
from policy.inputs import UNKNOWN, read
from policy.judge import EVERY, violations
from policy.rules import Policy

LEVELS = {"error": EnforcementLevel.MANDATORY, "warning": EnforcementLevel.ADVISORY}


def validate(policy: Policy, args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report what is wrong with one resource. Whether it is kept on the engine after its end is not told to packs."""
    stack = args.urn.removeprefix("urn:pulumi:").partition("::")[0]
    declared = read(args.resource_type, args.name, _plain(args.props), protected=args.opts.protect, retained=None)
    for broken in violations([declared] if declared else [], stack, [policy]):
        report(f"{broken.text}. {policy.cure}", None)


def _plain(props: Any) -> Any:
    """Properties without the wrapper that raises where a value is not known yet."""
    if isinstance(props, Mapping):
        return {key: _value(props, key) for key in props}
    if isinstance(props, str) or not hasattr(props, "__getitem__"):
        return props
    return [_value(props, number) for number in range(len(props))]


def _value(props: Any, key: Any) -> Any:
    try:
        return _plain(props[key])
    except UnknownValueError:
        return UNKNOWN


POLICIES = [
    ResourceValidationPolicy(
        name=policy.id,
        description=policy.rule,
        enforcement_level=LEVELS[policy.level],
        validate=partial(validate, policy),
    )
    for policy in EVERY
]

if __name__ == "__main__":
    PolicyPack("django-stack", POLICIES)
