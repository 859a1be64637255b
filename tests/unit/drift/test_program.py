"""The program beside the state, and locks that say that an update is under way."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from drift import program
from drift.errors import DriftError
from drift.examine import require_no_lock, with_program
from drift.report import Report

URN = "urn:pulumi:dev::shop::django-stack:index:Gunicorn$docker:index/container:Container::web-1"
EMPTY = Report(stack="dev", drift=(), program=())


def preview(*steps: dict[str, Any]) -> str:
    return json.dumps({"steps": [{"op": "same", "urn": "urn:x::stack"}, *steps]})


@pytest.mark.parametrize(
    ("op", "kind"),
    [
        ("create", "drift.D001"),
        ("update", "drift.D002"),
        ("replace", "drift.D003"),
        ("create-replacement", "drift.D003"),
        ("delete", "drift.D004"),
    ],
)
def test_each_step_that_changes_something_is_a_finding(op: str, kind: str) -> None:
    """Whichever engine has previewed it."""
    (found,) = program.findings(preview({"op": op, "urn": URN, "diffReasons": ["image"]}), stack="dev")
    assert (found.id, found.what) == (kind, "Container web-1")
    assert found.mend.by_hand == "./pulumiw up --stack dev"


def test_what_changes_is_named(tmp_path: Path) -> None:
    """By its properties, whose values are not shown."""
    assert tmp_path
    step = {"op": "replace", "urn": URN, "detailedDiff": {"envs": {}, "image": {}}}
    (found,) = program.findings(preview(step), stack="dev")
    assert found.expected == "is replaced (envs, image)"


def test_the_parts_of_a_replacement_are_one_finding() -> None:
    """The CLI lists three steps of it."""
    steps = [{"op": op, "urn": URN} for op in ("create-replacement", "replace", "delete-replaced")]
    assert len(program.findings(preview(*steps), stack="dev")) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"steps": [{}]}', '{"steps": 5}', "null"])
def test_what_is_no_preview_is_said_to_be_none(text: str) -> None:
    """And the drift that was found is told all the same."""
    with pytest.raises(DriftError, match="its preview must be JSON"):
        program.findings(text, stack="dev")
    assert len(with_program(EMPTY, exit_code=0, stdout=text, stderr="").unread) == 1


@pytest.mark.parametrize(
    ("stdout", "stderr", "told"),
    [
        ("", "engine: embedded (x)\nerror: config is not usable\n", "error: config is not usable"),
        ('{"diagnostics": [{"severity": "error", "message": "host.E005 taken\\n"}]}', "", "host.E005 taken"),
        ("", "", "it does not say why"),
    ],
)
def test_a_preview_that_fails_says_why(stdout: str, stderr: str, told: str) -> None:
    """In its own words."""
    (unread,) = with_program(EMPTY, exit_code=1, stdout=stdout, stderr=stderr).unread
    assert unread == f"the program: it cannot be previewed ({told})"


def lock(folder: Path, content: str) -> None:
    path = folder / ".pulumi" / "locks" / "organization" / "shop" / "dev" / "a.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)


def owner(**changes: Any) -> str:
    return json.dumps({"pid": os.getpid(), "username": "eve", "hostname": socket.gethostname()} | changes)


@pytest.mark.parametrize(
    "content",
    [owner(), owner(hostname="elsewhere", pid=1), owner(pid="x"), "", "{", "{}"],
    ids=["alive", "elsewhere", "no number", "empty", "cut off", "of nobody"],
)
def test_a_locked_stack_is_not_judged(content: str, tmp_path: Path) -> None:
    """What the update is about to change is no drift; one of unknown fate counts as alive."""
    lock(tmp_path, content)
    with pytest.raises(DriftError, match=r"no update may be under way .*\./pulumiw cancel"):
        require_no_lock(tmp_path, project="shop", stack="dev")


def test_a_lock_whose_owner_is_gone_holds_nothing(tmp_path: Path) -> None:
    """As the engine sees it."""
    lock(tmp_path, owner(pid=2**22 + 1))
    require_no_lock(tmp_path, project="shop", stack="dev")


def test_another_stacks_lock_and_another_backend_do_not_count(tmp_path: Path) -> None:
    """A backend that is no folder cannot be asked."""
    lock(tmp_path, owner())
    require_no_lock(tmp_path, project="shop", stack="prod")
    require_no_lock(None, project="shop", stack="dev")
