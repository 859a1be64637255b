"""Real previews of one change by either engine: more memory for the database, and a migration.

Made with `preview --json` on one stack that was up, without what a review does not read: outputs, dependencies, stacks.
"""

import json
import re
from pathlib import Path

import pytest

from drift import program
from review import comment, digest, plan
from review.evidence import Evidence
from review.verdict import judge

PREVIEWS = {path.stem: path.read_text() for path in sorted(Path(__file__).with_name("previews").glob("*.json"))}
CLI = PREVIEWS["cli"]
PLANS = {engine: plan.read(text) for engine, text in PREVIEWS.items()}


def test_both_engines_have_the_same_plan() -> None:
    """Step by step, with what changes and what is warned of; the digest of one is accepted for the other."""
    cli, embedded = PLANS["cli"], PLANS["embedded"]
    assert [(each.op, each.urn, each.changed) for each in cli.steps] == [
        (each.op, each.urn, each.changed) for each in embedded.steps
    ]
    assert (cli.unchanged, cli.warnings, cli.silenced) == (embedded.unchanged, embedded.warnings, embedded.silenced)
    assert digest.of(cli) == digest.of(embedded)


def test_the_comment_is_the_same() -> None:
    """To the letter."""
    missing = {"migrations": "no --image was given", "capacity": "no --capacity was given"}
    evidence = {engine: Evidence(plan=read, missing=missing) for engine, read in PLANS.items()}
    told = {engine: comment.render(known, judge(known)) for engine, known in evidence.items()}
    assert told["embedded"] == told["cli"]
    assert told["cli"].startswith("## Needs attention: PostgreSQL restarts")


def test_the_cli_says_what_is_wrong_as_the_embedded_engine_does() -> None:
    """Without a word before it that tells its severity."""
    [warning] = PLANS["cli"].warnings
    assert warning.startswith("PostgreSQL will be replaced")
    failed = json.dumps(
        {**json.loads(CLI), "diagnostics": [{"message": "error: no such module\n", "severity": "error"}]}
    )
    assert plan.read(failed).errors == ("no such module",)
    assert program.failure(failed, "") == "no such module"


@pytest.mark.parametrize("engine", PREVIEWS)
def test_drift_from_the_program_is_told_in_one_order(engine: str) -> None:
    """The CLI has a step's properties in none."""
    [switch] = [each for each in program.findings(PREVIEWS[engine], stack="dev") if "release-switch" in each.what]
    assert switch.expected == "is updated (create, environment)"


@pytest.mark.parametrize("engine", PREVIEWS)
def test_no_path_of_the_machine_is_kept(engine: str) -> None:
    """Nor a secret."""
    assert re.findall(r"(?<![\w.:-])/(?:home|root|work|etc)/[\w/.-]*", PREVIEWS[engine]) == []
    assert "v1:" not in PREVIEWS[engine]
