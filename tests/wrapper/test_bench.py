"""What a benchmark's report says, and when it fails."""

import json
import subprocess
from pathlib import Path

import pytest

from wrapper import bench, check, suite
from wrapper.check import Result
from wrapper.errors import WrapperError
from wrapper.report import Control, Measure, Report

FAST = Measure(name="up", value=1.2, unit="x", at_most=1.5)
SLOW = Measure(name="up", value=1.6, unit="x", at_most=1.5)
FEW = Measure(name="requests", value=9, unit="requests", at_least=10, at_most=20)
PLAIN = Measure(name="memory", value=80, unit="MB")
FAILED = Control(name="no drain", failed=True, detail="7 failed")
PASSED = Control(name="no drain", failed=False)


@pytest.mark.parametrize(
    ("measures", "controls", "complaints"),
    [
        ([FAST, PLAIN], [FAILED], []),
        ([FAST], [], []),
        ([PLAIN], [FAILED], []),
        ([SLOW], [FAILED], ["up: 1.6 x misses its target (≤ 1.5)"]),
        ([FEW], [FAILED], ["requests: 9 requests misses its target (≥ 10 and ≤ 20)"]),
        ([FAST], [PASSED], ["control 'no drain' did not fail"]),
        ([PLAIN], [], ["it has neither a target nor a control, and so cannot fail"]),
    ],
)
def test_a_report_complains_of_missed_targets_and_of_controls_that_pass(
    measures: list[Measure], controls: list[Control], complaints: list[str]
) -> None:
    """And of not being able to fail."""
    assert Report(title="t", measures=measures, controls=controls).complaints == complaints


def benchmarks(folder: Path) -> Path:
    (folder / "benchmarks").mkdir()
    head = "from wrapper.report import Control, Measure, Report\n\n\ndef main():\n"
    for name, value in (("good", 1.0), ("slow", 2.0)):
        measure = f"Measure(name='up', value={value}, unit='x', at_most=1.5)"
        text = f"    return Report(title='Up', measures=[{measure}], raw={{'runs': [{value}]}})\n"
        (folder / "benchmarks" / f"{name}_run.py").write_text(f'"""Is {name}.\n\nMore."""\n\n{head}{text}')
    (folder / "benchmarks" / "_shared.py").touch()
    return folder


def test_benchmarks_are_listed_with_their_first_line(tmp_path: Path) -> None:
    """Files with an underscore are none."""
    assert bench.known(benchmarks(tmp_path) / "benchmarks") == {"good_run": "Is good.", "slow_run": "Is slow."}


@pytest.mark.parametrize(("name", "code"), [("good_run", 0), ("slow_run", 1)])
def test_figures_are_kept_with_commit_and_date_whether_or_not_they_are_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    """As JSON and as a page; the exit code tells."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for words in (["init", "-q"], ["commit", "-qm", "x", "--allow-empty"]):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True)
    monkeypatch.setattr(bench, "ROOT", benchmarks(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)

    assert bench.main([name]) == code

    content = json.loads((tmp_path / "docs" / "benchmarks" / f"{name}.json").read_text())
    assert content["commit"] == head.stdout.strip()
    assert content["date"].endswith("+00:00")
    assert content["raw"] == {"runs": [1.0 if name == "good_run" else 2.0]}
    page = (tmp_path / "docs" / "benchmarks" / f"{name}.md").read_text()
    assert page.startswith("# Up\n")
    assert ("**missed**" in page) is bool(code)


def test_an_unknown_benchmark_is_an_error_with_the_known_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is no failure of a figure."""
    monkeypatch.setattr(bench, "ROOT", benchmarks(tmp_path))

    with pytest.raises(WrapperError, match=r"got 'x'\). There are: good_run, slow_run") as caught:
        bench.main(["x"])
    assert caught.value.exit_code == 2


def test_summary_shows_every_step_with_its_time() -> None:
    """And the first failure's code is the whole's."""
    results = [
        Result(name="lint", seconds=1.24, exit_code=0),
        Result(name="types", seconds=10, exit_code=2),
        Result(name="tests", seconds=100.5, exit_code=1),
    ]

    assert check.summary(results).splitlines() == [
        "lint         1.2 s  ok",
        "types       10.0 s  FAILED (2)",
        "tests      100.5 s  FAILED (1)",
        "total      111.7 s",
    ]
    assert check.exit_code(results) == 2
    assert check.exit_code(results[:1]) == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "agreed"),
    [([], {}, False), ([], {"CI": "true"}, True), (["--install-docker"], {}, True), ([], {"CI": "false"}, False)],
)
def test_tests_install_docker_unasked_in_ci_alone(
    arguments: list[str], environment: dict[str, str], agreed: bool
) -> None:
    """Elsewhere the flag says yes."""
    assert suite.agreed(arguments, environment) is agreed


def test_arguments_of_the_tests_reach_pytest() -> None:
    """But for the flag that is not pytest's."""
    runs = suite.pytest_commands(["--install-docker", "-k", "x"])
    assert list(runs) == ["fast", "e2e", "alone"]
    assert all(command[-2:] == ["-k", "x"] and "--install-docker" not in command for command in runs.values())
    assert suite.pytest_commands(["-m", "e2e"]) == {"tests": ["pytest", "--durations=15", "-m", "e2e"]}


@pytest.mark.parametrize(
    ("codes", "seen"), [([0, 5], [0, 0]), ([5, 0], [0, 0]), ([5, 5], [5, 5]), ([1, 5], [1, 0]), ([0, 1], [0, 1])]
)
def test_a_run_without_tests_is_a_failure_only_when_there_were_none_at_all(codes: list[int], seen: list[int]) -> None:
    """`scripts/test tests/unit` has no end-to-end tests to run, and that is fine."""
    results = [Result(name=str(number), seconds=1, exit_code=code) for number, code in enumerate(codes)]
    assert [result.exit_code for result in suite.judged(results)] == seen
