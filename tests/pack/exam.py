"""Run by the policy pack's own Python: its policies on resources from standard input; their reports as JSON.

Values are given to policies as an engine's analyzer does, behind pulumi_policy's own wrappers.
"""

import json
import runpy
import sys

from google.protobuf import json_format, struct_pb2
from pulumi_policy import PolicyCustomTimeouts, PolicyResourceOptions, ResourceValidationArgs
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.proxy import unknown_checking_proxy

pack = runpy.run_path(sys.argv[1], run_name="policy_pack")
reports = []
for case in json.load(sys.stdin):
    options = PolicyResourceOptions(
        protect=case["protect"],
        ignore_changes=[],
        delete_before_replace=None,
        aliases=[],
        custom_timeouts=PolicyCustomTimeouts(create_seconds=0, update_seconds=0, delete_seconds=0),
        additional_secret_outputs=[],
    )
    wire = json_format.MessageToDict(json_format.ParseDict(case["inputs"], struct_pb2.Struct()))
    args = ResourceValidationArgs(
        resource_type=case["type"],
        props=unknown_checking_proxy(deserialize_properties(wire)),
        urn=f"urn:pulumi:{case['stack']}::shop::{case['type']}::{case['name']}",
        name=case["name"],
        opts=options,
        provider=None,
    )
    for policy in pack["POLICIES"]:
        told: list[str] = []
        policy.validate(args, lambda text, _, told=told: told.append(text))
        reports += [[case["name"], policy.name, policy.enforcement_level.value, text] for text in told]
json.dump(reports, sys.stdout)
