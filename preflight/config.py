"""What is wrong with a stack config, as findings like any other."""

from collections.abc import Iterable

from config_schema import Problem
from preflight.messages import CheckMessage, error


def check_config(problems: Iterable[Problem]) -> list[CheckMessage]:
    """One error for each problem. The settings refuse such a config, so it cannot be silenced."""
    return [
        error("config.E001", f"{problem.key}: {problem.rule} (got {problem.got}).", problem.cure)
        for problem in problems
    ]
