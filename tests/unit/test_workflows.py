"""Workflows to copy: of the right form, with no more rights than they need, and nothing for forks."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.program import ROOT

FOLDER = ROOT / "examples" / "workflows"
GITHUB = [*sorted(FOLDER.glob("github-*.yml")), ROOT / ".github" / "workflows" / "ci.yml"]
GITLAB = sorted(FOLDER.glob("gitlab-*.yml"))
OF_A_CHANGE = {"github-review.yml": ["review"], "github-environments.yml": ["up", "down", "prune"]}
"""Workflows that run code of a pull request with secrets, and the jobs that do."""


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


@pytest.mark.parametrize("file", GITLAB, ids=lambda file: file.name)
def test_a_pipeline_of_gitlab_is_one(file: Path) -> None:
    """By the same, for that host."""
    check("gitlab-ci", file, "--data-transform=gitlab-ci")


@pytest.mark.parametrize("file", GITHUB, ids=lambda file: file.name)
def test_nothing_of_others_runs_with_the_token(file: Path) -> None:
    """Steps are commands; rights are given one by one, and each job has an end."""
    text = file.read_text()
    assert "uses:" not in text
    assert "pull_request_target" not in text
    assert all("timeout-minutes" in job for job in jobs(file).values())
    assert "write-all" not in text
    assert yaml.safe_load(text)["permissions"] in ({}, {"contents": "read"})


@pytest.mark.parametrize("name", OF_A_CHANGE)
def test_who_may_write_has_no_secret_and_no_code_of_the_change(name: str) -> None:
    """And who has the secrets may only read."""
    found = jobs(FOLDER / name)
    writing = {name: job for name, job in found.items() if "write" in job["permissions"].values()}
    assert set(writing) == {"comment"}
    for job_name, job in found.items():
        text = yaml.safe_dump(job)
        assert ("secrets." in text) is (job_name not in writing)
        assert ("checkout" in text) is (job_name not in writing)
    assert found["comment"]["permissions"] == {"pull-requests": "write"}
    assert {right for job in OF_A_CHANGE[name] for right in found[job]["permissions"].values()} == {"read"}


@pytest.mark.parametrize(("name", "job"), [(name, job) for name, found in OF_A_CHANGE.items() for job in found])
def test_a_fork_gets_nothing(name: str, job: str) -> None:
    """Its code would run with secrets. What a schedule starts is no change's."""
    condition = " ".join(jobs(FOLDER / name)[job]["if"].split())
    of_this = "github.event.pull_request.head.repo.full_name == github.repository"
    assert of_this in condition.split(" && ") or condition == "github.event_name == 'schedule'"
    assert "||" not in condition


@pytest.mark.parametrize("file", GITLAB, ids=lambda file: file.name)
def test_a_fork_gets_nothing_of_gitlabs_pipelines(file: Path) -> None:
    """The same there: a job is of this project's requests, of its own branch by hand, or of a schedule."""
    pipeline = yaml.safe_load(file.read_text())
    for job in (each for each in pipeline.values() if isinstance(each, dict) and "rules" in each):
        for rule in (each for each in job["rules"] if each.get("when") != "never"):
            assert (
                "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in rule["if"]
                or rule["if"].startswith('$CI_PIPELINE_SOURCE == "schedule"')
                or (rule["if"], rule["when"]) == ("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH", "manual")
            )


@pytest.mark.parametrize("file", [FOLDER / "github-deploy.yml", FOLDER / "gitlab-ci.yml"], ids=lambda file: file.name)
def test_a_deployment_applies_what_was_reviewed_or_nothing(file: Path) -> None:
    """The comparison stands between the preview and the update, and ends the job when it fails."""
    lines = [line.strip(" -") for line in file.read_text().splitlines()]
    asked = lines.index('./ops review --preview preview.json --expect-digest "$DIGEST"')
    assert lines[asked - 1] == './pulumiw preview --stack "$STACK" --json > preview.json'
    assert lines[asked + 1] == './pulumiw up --stack "$STACK" --yes'


@pytest.mark.parametrize("file", [*GITHUB, *GITLAB], ids=lambda file: file.name)
def test_what_a_stranger_names_is_no_part_of_a_script(file: Path) -> None:
    """Titles, branches and inputs reach a step by its environment, never by its text."""
    for script in re.findall(r"run: \|\n((?:\s{10,}.*\n)+)", file.read_text()):
        assert "${{" not in script


def test_a_look_for_drift_may_write_issues_and_no_more() -> None:
    """At times, and by hand; never for a change that somebody proposes."""
    workflow = yaml.safe_load((FOLDER / "github-drift.yml").read_text())
    assert set(workflow[True]) == {"schedule", "workflow_dispatch"}  # YAML takes the word `on` for a truth
    assert workflow["jobs"]["drift"]["permissions"] == {"contents": "read", "issues": "write"}
    pipeline = yaml.safe_load((FOLDER / "gitlab-ci.yml").read_text())
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
    return str(yaml.safe_load((FOLDER / "gitlab-ci.yml").read_text())["drift"]["script"][-1])


# The steps of environments, run with what they call replaced


@pytest.fixture
def runner(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a step's script in a folder of its own, as the host does, with `ops` and `gh` that only take note."""
    programs = tmp_path / "bin"
    programs.mkdir()
    note = '#!/bin/sh\nprintf "%s\\n" "$(basename "$0") $(printf "[%s]" "$@")" >> "$NOTES"\n'
    for path, script in {
        tmp_path
        / "ops": f'{note}[ "$2" != up ] || printf "## It\\n<!-- mark -->\\n" > "${{4#--comment=}}"\nexit "$CODE"\n',
        programs / "gh": f'{note}case "$*" in *--jq*) printf "$FOUND" ;; esac\n',
    }.items():
        path.write_text(script)
        path.chmod(0o755)

    def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {"PATH": f"{programs}:{os.environ['PATH']}", "NOTES": str(tmp_path / "notes"), "CODE": "0", "FOUND": ""}
        own |= {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_REPOSITORY": "team/shop", "NUMBER": "12"}
        return subprocess.run(
            ["bash", "-e", "-c", script],
            check=False,
            cwd=tmp_path,
            env=own | environment,
            capture_output=True,
            text=True,
        )

    return run


def script(job: str, step: str) -> str:
    """Of a step of the workflow for environments."""
    steps = jobs(FOLDER / "github-environments.yml")[job]["steps"]
    return next(str(each["run"]) for each in steps if each["name"] == step)


@pytest.mark.parametrize("code", [0, 3])
def test_an_environment_is_deployed_and_told_whether_it_could_be_or_not(
    runner: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, code: int
) -> None:
    """The job ends as the command does, and the comment reaches the one who may write it."""
    assert runner(script("up", "Deploy"), CODE=str(code)).returncode == code
    assert (tmp_path / "notes").read_text() == "ops [pull-request][up][12][--comment=comment.md]\n"
    name, _, comment = (tmp_path / "output").read_text().partition("=")
    assert name == "comment"
    (tmp_path / "notes").unlink()
    done = runner(script("comment", "Write the comment, or write it anew"), COMMENT=comment.strip(), FOUND="77\\n")
    assert done.returncode == 0, done.stderr
    listed, written = (tmp_path / "notes").read_text().splitlines()
    assert "[repos/team/shop/issues/12/comments]" in listed
    assert (
        written == "gh [api][--silent][--method][PATCH][repos/team/shop/issues/comments/77][--field][body=@comment.md]"
    )
    assert (tmp_path / "comment.md").read_text() == "## It\n<!-- mark -->\n"
    (tmp_path / "notes").unlink()
    runner(script("comment", "Write the comment, or write it anew"), COMMENT=comment.strip())
    assert "[POST][repos/team/shop/issues/12/comments]" in (tmp_path / "notes").read_text()


def test_what_is_closed_is_taken_away(runner: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    """By its number, and as often as the host says so."""
    assert runner(script("down", "Take it away")).returncode == 0
    assert (tmp_path / "notes").read_text() == "ops [pull-request][down][12]\n"


def test_what_is_open_is_kept_by_the_nightly_prune_and_goes_when_it_is_forgotten(
    runner: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Where it is not known what is open, nothing is taken away."""
    assert runner(script("prune", "List what is open"), FOUND="12\\n15\\n").returncode == 0
    (tmp_path / "notes").unlink()
    assert runner(script("prune", "Take away what is closed, and what is forgotten")).returncode == 0
    assert (tmp_path / "notes").read_text().replace("\n15", ",15").splitlines() == [
        "ops [pull-request][prune][--older-than=1h][--keep-open=12,15]",
        "ops [pull-request][prune][--older-than=14d]",
    ]
