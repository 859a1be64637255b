"""Problems of a stack config as findings."""

from config_schema import Problem
from preflight.config import check_config


def test_a_problem_is_a_finding_with_its_cure() -> None:
    """It reads as the settings' own error does, with an id before it."""
    problem = Problem(key="webReplicas", rule="must be between 1 and 20", got="'0'", cure="Set it.")
    (message,) = check_config([problem])
    assert str(message) == f"config.E001 {problem}"
    assert (message.level, message.hint) == ("error", "Set it.")
