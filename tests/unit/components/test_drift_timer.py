"""The host timer that looks for drift, as the program declares it."""

import pytest

from tests.unit.program import committed, declare
from tests.unit.recording import Declarations


@pytest.fixture(scope="module")
def looking() -> Declarations:
    return declare(committed("dev") | {"driftSchedule": "Mon..Fri 06:30"})


def test_a_schedule_adds_a_timer_and_touches_nothing_else(dev: Declarations, looking: Declarations) -> None:
    """No container is changed; without a schedule there is no timer."""
    assert looking.changed(dev) == {"DriftTimer drift", "Command drift-timer"}


def test_the_timer_is_taken_away_with_the_stack(looking: Declarations) -> None:
    """By the same program; no path of the machine that deploys is in it, as each checkout would be a change."""
    step = looking.all["Command drift-timer"]
    assert step.inputs["create"].endswith(" -m timer look-for-drift shop-dev dev 'Mon..Fri 06:30'")
    assert step.inputs["delete"].endswith(" -m timer stop-looking shop-dev")
    assert step.inputs["environment"]["SCRIPT"].startswith("#!/bin/sh\n# Look for drift")
    assert step.parent == "DriftTimer drift"
