"""What the front door says. Always on stderr: stdout belongs to the engine, whose output is piped."""

import sys

from wrapper.errors import WrapperError


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def interactive() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str) -> bool:
    """Ask; anything but yes is no. Raises WrapperError when the person leaves."""
    try:
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except KeyboardInterrupt:
        raise WrapperError("interrupted: nothing was changed.", exit_code=130) from None
