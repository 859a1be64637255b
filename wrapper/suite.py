"""`scripts/test`: every check and every test, with all that they need set up before.

Other arguments go to pytest. Under CI=true nobody is asked before Docker is installed.
"""

import os
import sys
from collections.abc import Mapping, Sequence

from wrapper import check, provision
from wrapper.arguments import INSTALL_DOCKER
from wrapper.console import say


def agreed(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether missing things may be installed without a question."""
    return INSTALL_DOCKER in arguments or environment.get("CI") == "true"


def pytest_command(arguments: Sequence[str]) -> list[str]:
    return ["pytest", "--durations=15", *(word for word in arguments if word != INSTALL_DOCKER)]


def main(arguments: Sequence[str]) -> int:
    """Raises WrapperError where the tests cannot run at all."""
    consent = agreed(arguments, os.environ)
    endpoint = provision.docker(os.environ, consent=consent)
    provision.debootstrap(consent=consent)  # tests make bare machines with it, and images without a registry
    results = check.run_all()
    environment = {**os.environ, **endpoint.variables}
    results.append(check.run_step("tests", pytest_command(arguments), environment=environment))
    say(check.summary(results))
    return check.exit_code(results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
