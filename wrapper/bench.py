"""`scripts/bench NAME`: runs benchmarks/NAME.py and keeps its figures in docs/benchmarks/, with commit and date.

A benchmark is a module with a docstring and `main() -> wrapper.report.Report`. The run fails when a target is missed or
a control does not fail; its figures are kept all the same.
"""

import argparse
import ast
import importlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from wrapper.console import say
from wrapper.errors import WrapperError
from wrapper.report import Report

ROOT = Path(__file__).resolve().parent.parent


def known(folder: Path) -> dict[str, str]:
    """Benchmark to the first line of its docstring."""
    files = sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))
    return {path.stem: (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0] for path in files}


def markdown(report: Report, facts: Mapping[str, str]) -> str:
    """The short form for people."""
    lines = [f"# {report.title}", "", "| figure | value | target | |", "|---|---|---|---|"]
    lines += [
        f"| {each.name} | {each.value:g} {each.unit} | {each.target or '-'} | {'ok' if each.met else '**missed**'} |"
        for each in report.measures
    ]
    if report.controls:
        lines += ["", "| control that must fail | seen | |", "|---|---|---|"]
        lines += [
            f"| {each.name} | {each.detail or '-'} | {'failed, as it must' if each.failed else '**did not fail**'} |"
            for each in report.controls
        ]
    lines += ["", *(f"- {name}: {value}" for name, value in facts.items())]
    return "\n".join(lines) + "\n"


def facts_of_this_run() -> dict[str, str]:
    commit = _output("git", "rev-parse", "HEAD") or "unknown"
    # Figures of earlier runs are no change of what is measured.
    changed = _output("git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/benchmarks")
    return {
        "commit": commit + (" and uncommitted changes" if changed else ""),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} CPUs, {platform.system()} {platform.release()}, {platform.machine()}",
        "python": platform.python_version(),
        "docker": _output("docker", "version", "--format", "{{.Server.Version}}") or "none",
    }


def keep(report: Report, facts: Mapping[str, str], *, base: Path) -> None:
    """Write `base`.json and `base`.md."""
    base.parent.mkdir(parents=True, exist_ok=True)
    content = {**facts, **asdict(report)}
    base.with_suffix(".json").write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
    base.with_suffix(".md").write_text(markdown(report, facts), encoding="utf-8")


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def main(arguments: Sequence[str]) -> int:
    """Raises WrapperError on a benchmark that is not known."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Run a benchmark and keep its figures.")
    parser.add_argument("name", nargs="?", help="a file in benchmarks/, without .py")
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    wanted = parser.parse_args(arguments)
    benchmarks = known(ROOT / "benchmarks")
    if wanted.list or not wanted.name:
        print("\n".join(f"{name:<16} {text}" for name, text in benchmarks.items()))
        return 0 if wanted.list else 2
    if wanted.name not in benchmarks:
        names = ", ".join(benchmarks) or "none yet"
        raise WrapperError(f"bench: no such benchmark (got {wanted.name!r}). There are: {names}.", exit_code=2)
    facts = facts_of_this_run()
    report: Report = importlib.import_module(f"benchmarks.{wanted.name}").main()
    keep(report, facts, base=ROOT / "docs" / "benchmarks" / wanted.name)
    print(markdown(report, facts))
    for complaint in report.complaints:
        say(f"bench {wanted.name}: {complaint}")
    return 1 if report.complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
