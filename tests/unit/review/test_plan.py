"""Previews as they come: whole, failed, cut short, of another form."""

import json

import pytest

from policy.inputs import UNKNOWN
from review import plan
from review.errors import ReviewInputError
from tests.unit.program import PROJECT, committed, declare
from tests.unit.recording import Declarations
from tests.unit.review.evidences import container
from tests.unit.review.plans import preview, step, text


def test_a_preview_of_the_real_program_is_read(stacks: dict[str, Declarations]) -> None:
    """Every resource of a first deployment, under its stack and project."""
    read = plan.read(preview(None, stacks["prod"]))
    assert (read.project, read.stack, read.prefix) == (PROJECT, "prod", f"{PROJECT}-prod")
    assert len(read.steps) == len(stacks["prod"].all) + 1
    assert read.is_first
    assert {each.op for each in read.steps} == {"create"}


def test_what_stays_is_counted_and_no_step(stacks: dict[str, Declarations]) -> None:
    """A clean preview has no steps."""
    read = plan.read(preview(stacks["prod"], stacks["prod"]))
    assert (read.steps, read.unchanged) == ((), len(stacks["prod"].all))
    assert not read.is_first


def test_the_parts_of_a_replacement_are_one_step() -> None:
    """As the CLI tells it: three steps for one resource, and providers beside."""
    parts = [
        step(op, "Container", "postgres", container("postgres"), container("postgres", memory=512), reasons=["memory"])
        for op in ("create-replacement", "replace", "delete-replaced")
    ]
    provider = step("create", "pulumi:providers:docker", "default", None, {})
    [read] = plan.read(text([*parts, provider])).steps
    assert (read.op, read.name, read.changed) == ("replace", "postgres", ("memory",))


def test_changed_properties_are_told_by_their_top_names() -> None:
    """Whether a path stands in the diff's details or among its reasons."""
    content = step("update", "Container", "web", {}, {}, reasons=["envs"])
    content["detailedDiff"] = {"ports[0].external": {"kind": "update"}, "healthcheck.tests": {"kind": "update"}}
    [read] = plan.read(text([content])).steps
    assert read.changed == ("envs", "healthcheck", "ports")


def test_a_name_may_hold_what_divides_urns() -> None:
    """It is the last part of an URN, whatever is in it."""
    [read] = plan.read(text([step("create", "Container", "a::b$c", None, {})])).steps
    assert (read.name, read.kind) == ("a::b$c", "Container")


def test_what_is_not_known_yet_is_told_in_words() -> None:
    """Whatever its type, and however deep."""
    wire = ["04da6b54-80e4-46f7-96ec-b56ff0331ba9", {"a": "dd056dcd-154b-4c76-9bd3-c8f88648b5ff"}]
    [read] = plan.read(text([step("create", "Container", "web", None, {"envs": wire})])).steps
    assert read.new
    assert read.new.inputs == {"envs": [UNKNOWN, {"a": UNKNOWN}]}


def test_errors_and_warnings_are_told_each_once() -> None:
    """Replicas say the same."""
    said = [{"severity": "error", "message": "locked\n"}] * 2 + [{"severity": "warning", "message": "full"}]
    read = plan.read(text([], diagnostics=[*said, {"severity": "info", "message": "by the way"}]))
    assert (read.errors, read.warnings) == (("locked",), ("full",))


WHOLE = preview(None, declare(committed("dev"), stack="dev"))


@pytest.mark.parametrize("length", [1, 100, len(WHOLE) // 2, len(WHOLE) - 2])
def test_a_preview_that_was_cut_short_is_refused(length: int) -> None:
    """At whichever place."""
    with pytest.raises(ReviewInputError, match="preview: must be whole JSON"):
        plan.read(WHOLE[:length])


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ("", "got nothing"),
        ("\n", "got nothing"),
        ("error: the stack is locked", "must be whole JSON"),
        ("[]", "got other JSON"),
        ('{"steps": []}', "got other JSON"),
        ('{"resources": {}}', "got other JSON"),
        ("[" * 100_000, "must be whole JSON"),
        (json.dumps({"steps": [{"op": "create"}], "changeSummary": {}}), "another form: KeyError"),
        (json.dumps({"steps": [{"op": "create", "urn": "web"}], "changeSummary": {}}), "another form: ValueError"),
        (json.dumps({"steps": 5, "changeSummary": {}}), "another form: TypeError"),
        (json.dumps({"steps": ["web"], "changeSummary": {}}), "another form: TypeError"),
        (json.dumps({"steps": [], "changeSummary": {}, "diagnostics": ["x"]}), "another form: AttributeError"),
    ],
)
def test_what_is_no_preview_is_refused(content: str, got: str) -> None:
    """With what it was, and what to do."""
    with pytest.raises(ReviewInputError, match=got) as refused:
        plan.read(content)
    assert str(refused.value).startswith("preview: must be")
