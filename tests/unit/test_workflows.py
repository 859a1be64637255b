"""Workflows to copy: of the right form, with no more rights than they need, and nothing for forks."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.program import ROOT

FOLDER = ROOT / "examples" / "workflows"
GITHUB = [*sorted(FOLDER.glob("github-*.yml")), ROOT / ".github" / "workflows" / "ci.yml"]
GITLAB = FOLDER / "gitlab-ci.yml"


def check(schema: str, file: Path, *words: str) -> None:
    command = [str(Path(sys.executable).parent / "check-jsonschema"), f"--builtin-schema=vendor.{schema}", *words]
    done = subprocess.run([*command, str(file)], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def jobs(file: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(file.read_text())["jobs"])


@pytest.mark.parametrize("file", GITHUB, ids=lambda file: file.name)
def test_a_workflow_of_github_is_one(file: Path) -> None:
    """By the schema that the host publishes."""
    check("github-workflows", file)


def test_the_pipeline_of_gitlab_is_one() -> None:
    """By the same, for that host."""
    check("gitlab-ci", GITLAB, "--data-transform=gitlab-ci")


@pytest.mark.parametrize("file", GITHUB, ids=lambda file: file.name)
def test_nothing_of_others_runs_with_the_token(file: Path) -> None:
    """Steps are commands; rights are given one by one, and each job has an end."""
    text = file.read_text()
    assert "uses:" not in text
    assert "pull_request_target" not in text
    assert all("timeout-minutes" in job for job in jobs(file).values())
    assert "write-all" not in text
    assert yaml.safe_load(text)["permissions"] in ({}, {"contents": "read"})


def test_who_may_write_has_no_secret_and_no_code_of_the_change() -> None:
    """And who has the secrets may only read."""
    found = jobs(FOLDER / "github-review.yml")
    writing = {name: job for name, job in found.items() if "write" in job["permissions"].values()}
    assert set(writing) == {"comment"}
    for name, job in found.items():
        text = yaml.safe_dump(job)
        assert ("secrets." in text) is (name not in writing)
        assert ("checkout" in text) is (name not in writing)
    assert found["comment"]["permissions"] == {"pull-requests": "write"}
    assert found["review"]["permissions"] == {"contents": "read"}


def test_a_fork_is_not_reviewed() -> None:
    """Its code would run with the stack's secrets."""
    assert jobs(FOLDER / "github-review.yml")["review"]["if"] == (
        "github.event.pull_request.head.repo.full_name == github.repository"
    )
    pipeline = yaml.safe_load(GITLAB.read_text())
    for job in ("review", "comment"):
        assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in pipeline[job]["rules"][0]["if"]


@pytest.mark.parametrize("file", [FOLDER / "github-deploy.yml", GITLAB], ids=lambda file: file.name)
def test_a_deployment_applies_what_was_reviewed_or_nothing(file: Path) -> None:
    """The comparison stands between the preview and the update, and ends the job when it fails."""
    lines = [line.strip(" -") for line in file.read_text().splitlines()]
    asked = lines.index('./ops review --preview preview.json --expect-digest "$DIGEST"')
    assert lines[asked - 1] == './pulumiw preview --stack "$STACK" --json > preview.json'
    assert lines[asked + 1] == './pulumiw up --stack "$STACK" --yes'


@pytest.mark.parametrize("file", [*GITHUB, GITLAB], ids=lambda file: file.name)
def test_what_a_stranger_names_is_no_part_of_a_script(file: Path) -> None:
    """Titles, branches and inputs reach a step by its environment, never by its text."""
    for script in re.findall(r"run: \|\n((?:\s{10,}.*\n)+)", file.read_text()):
        assert "${{" not in script


def test_a_look_for_drift_may_write_issues_and_no_more() -> None:
    """At times, and by hand; never for a change that somebody proposes."""
    workflow = yaml.safe_load((FOLDER / "github-drift.yml").read_text())
    assert set(workflow[True]) == {"schedule", "workflow_dispatch"}  # YAML takes the word `on` for a truth
    assert workflow["jobs"]["drift"]["permissions"] == {"contents": "read", "issues": "write"}
    pipeline = yaml.safe_load(GITLAB.read_text())
    (rule,) = pipeline["drift"]["rules"]
    assert rule["if"] == '$CI_PIPELINE_SOURCE == "schedule" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH'
    assert pipeline["deploy"]["rules"][0] == {"if": '$CI_PIPELINE_SOURCE == "schedule"', "when": "never"}


@pytest.mark.parametrize("step", ["github", "gitlab"])
@pytest.mark.parametrize(("code", "fails"), [(0, False), (2, False), (1, True), (130, True)])
def test_drift_is_no_failure_of_the_job_that_tells_it(step: str, code: int, fails: bool, tmp_path: Path) -> None:
    """But that it could not be looked for, or told, is."""
    (tmp_path / "ops").write_text(f'#!/bin/sh\necho "$*" > told\nexit {code}\n')
    (tmp_path / "ops").chmod(0o755)
    script = drift_step(step)
    environment = {"STACK": "prod", "PATH": os.environ["PATH"]}
    done = subprocess.run(["bash", "-ec", script], cwd=tmp_path, env=environment, check=False)
    assert (done.returncode != 0) is fails
    assert (tmp_path / "told").read_text() == "drift --stack prod --issue --notify\n"


def drift_step(host: str) -> str:
    """The command that looks for drift, as the host would run it."""
    if host == "github":
        return str(jobs(FOLDER / "github-drift.yml")["drift"]["steps"][-1]["run"])
    return str(yaml.safe_load(GITLAB.read_text())["drift"]["script"][-1])
