"""Which engine is chosen, and what is said about it."""

import pytest

from wrapper.engine_choice import FLOOR, choose, parse_version
from wrapper.errors import WrapperError

NEW = "v3.259.0\n"
OLD = "v3.201.9\n"


@pytest.mark.parametrize(
    ("wish", "path", "version", "line"),
    [
        ("", "", "", "engine: embedded (pulumi is not on PATH)"),
        ("", "/bin/pulumi", NEW, "engine: pulumi v3.259.0"),
        ("pulumi", "/bin/pulumi", NEW, "engine: pulumi v3.259.0"),
        ("embedded", "/bin/pulumi", NEW, "engine: embedded (DJANGO_STACK_ENGINE is set)"),
        ("", "/bin/pulumi", OLD, "engine: embedded (/bin/pulumi is v3.201.9, older than v3.202.0)"),
        ("", "/bin/pulumi", "what?", "engine: embedded (/bin/pulumi does not say its version)"),
        ("", "/bin/pulumi", "", "engine: embedded (/bin/pulumi does not say its version)"),
    ],
)
def test_engine_is_chosen_and_the_choice_explained(wish: str, path: str, version: str, line: str) -> None:
    """The CLI if it is new enough, else the embedded engine, and why."""
    assert choose(wish=wish, path=path, version=version).line == line


@pytest.mark.parametrize(
    ("path", "version", "reason"),
    [("", "", "pulumi is not on PATH"), ("/bin/pulumi", OLD, "older than v3.202.0")],
)
def test_a_wish_for_the_cli_that_cannot_be_met_is_an_error_with_its_cure(path: str, version: str, reason: str) -> None:
    """Forcing an engine never ends with the other one."""
    with pytest.raises(WrapperError, match=reason) as caught:
        choose(wish="pulumi", path=path, version=version)
    assert "unset DJANGO_STACK_ENGINE" in str(caught.value)


def test_an_unknown_wish_is_refused() -> None:
    """With what was got and what is allowed."""
    with pytest.raises(WrapperError, match=r"must be embedded or pulumi \(got 'real'\)") as caught:
        choose(wish="real", path="", version="")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("v3.259.0", (3, 259, 0)), ("3.202.0-alpha.x+dirty\n", FLOOR), ("pulumi 3.1", None), ("", None)],
)
def test_version_is_read_as_the_cli_writes_it(text: str, numbers: tuple[int, int, int] | None) -> None:
    """With or without v, with any suffix."""
    assert parse_version(text) == numbers
