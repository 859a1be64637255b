"""A release that the stack is held at: taken as it was released, or not at all."""

import dataclasses
import json
from typing import Any

import pytest

from components.pinned import Pinned, PinnedError
from components.spec import record_of, spec_hash
from tests.unit.components.specs import FULL

HELD = Pinned(
    release=spec_hash(FULL),
    instead_of="9876543210",
    image="shop-dev/cache:0123456789ab",
    secrets_volume="shop-dev-secrets-1",
    spec=json.loads(json.dumps(record_of(FULL))),
)


def test_its_containers_are_made_from_what_the_ledger_has() -> None:
    """Under the name and on the engine that the stack has now."""
    template = HELD.template("shop-dev-web", FULL.placement)
    assert template.name == "shop-dev-web"
    assert spec_hash(template) == HELD.release
    assert template.env == FULL.env


@pytest.mark.parametrize(
    "spec",
    [
        {**HELD.spec, "image": "shop-dev/cache:changed"},
        {**HELD.spec, "env": {}},
        {**HELD.spec, "gpu": 1},
        {key: value for key, value in HELD.spec.items() if key != "logs"},
        {**HELD.spec, "limits": None},
        {},
        [],
        "text",
        5,
        None,
    ],
)
def test_what_is_not_as_it_was_released_is_refused(spec: Any) -> None:
    """Changed by hand, or written by another version of the program; with the way out."""
    with pytest.raises(PinnedError) as refused:
        dataclasses.replace(HELD, spec=spec).template("shop-dev-web", FULL.placement)
    assert str(refused.value) == (
        f"pinnedRelease: must be release {HELD.release} as the ledger has it (got something else)."
        " It was changed by hand, or is of an older version of this program. Run ./ops unpin, then deploy."
    )


@pytest.mark.parametrize("candidate", [HELD.release, HELD.instead_of])
def test_the_config_may_make_what_was_rolled_back_from_or_to(candidate: str) -> None:
    """Nobody has changed anything since."""
    HELD.check(candidate)


def test_anything_else_must_wait_until_the_stack_is_let_go() -> None:
    """Who changed it would wait for it in vain."""
    with pytest.raises(PinnedError) as refused:
        HELD.check("0000000000")
    assert str(refused.value) == (
        f"pinnedRelease: the stack is held at release {HELD.release} since its rollback, and must be let go"
        " before it moves on (got release 0000000000, of the code and config as they are now)."
        " Run ./ops unpin, then deploy."
    )
