"""`scripts/test`: every check and every test, with all that they need set up before.

Other arguments go to pytest. Under CI=true nobody is asked before Docker is installed.
"""

import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence

from wrapper import check, provision
from wrapper.arguments import INSTALL_DOCKER
from wrapper.check import Result
from wrapper.console import say

NO_TESTS = 5
"""How pytest ends when it found none to run."""


def agreed(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether missing things may be installed without a question."""
    return INSTALL_DOCKER in arguments or environment.get("CI") == "true"


def pytest_commands(arguments: Sequence[str]) -> dict[str, list[str]]:
    """The runs of pytest by name: fast tests on all processors, those on real Docker two at a time, and some alone."""
    words = ["--durations=15", *(word for word in arguments if word != INSTALL_DOCKER)]
    if "-m" in words:  # whoever says which tests to run gets one run of them
        return {"tests": ["pytest", *words]}
    return {
        "fast": ["pytest", "-m", "not e2e", "--numprocesses=auto", *words],
        "e2e": ["pytest", "-m", "e2e and not alone", "--numprocesses=2", "--dist=loadscope", *words],
        "alone": ["pytest", "-m", "alone", *words],
    }


def judged(results: Sequence[Result]) -> list[Result]:
    """A run for which no test was left is no failure, as long as another one had some."""
    empty = [result for result in results if result.exit_code == NO_TESTS]
    if len(empty) == len(results):
        return list(results)
    return [dataclasses.replace(result, exit_code=0) if result in empty else result for result in results]


def main(arguments: Sequence[str]) -> int:
    """Raises WrapperError where the tests cannot run at all."""
    consent = agreed(arguments, os.environ)
    endpoint = provision.docker(os.environ, consent=consent)
    provision.debootstrap(consent=consent)  # tests make bare machines with it, and images without a registry
    results = check.run_all()
    environment = {**os.environ, **endpoint.variables}
    runs = pytest_commands(arguments)
    results += judged([check.run_step(name, command, environment=environment) for name, command in runs.items()])
    say(check.summary(results))
    return check.exit_code(results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
