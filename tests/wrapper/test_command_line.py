"""What the front door reads of a command line."""

import pytest

from wrapper.arguments import parse


def test_everything_but_the_own_flag_reaches_the_engine_unchanged() -> None:
    """--install-docker is taken out wherever it stands; the rest keeps its order."""
    call = parse(["up", "--yes", "--install-docker", "-m", "a b", "--stack=prod"])

    assert call.arguments == ("up", "--yes", "-m", "a b", "--stack=prod")
    assert call.install_docker


def test_behind_two_dashes_nothing_is_a_flag() -> None:
    """What follows -- is somebody else's."""
    call = parse(["up", "--", "--install-docker", "--stack", "x"])

    assert call.arguments == ("up", "--", "--install-docker", "--stack", "x")
    assert (call.install_docker, call.stack) == (False, "")


@pytest.mark.parametrize(
    ("words", "stack"),
    [
        ("up --stack prod", "prod"),
        ("up --stack=prod", "prod"),
        ("up -s prod", "prod"),
        ("up -sprod", "prod"),
        ("up -s=prod", "prod"),
        ("up -ys prod", "prod"),
        ("-C elsewhere up -y -s prod", "prod"),
        ("--stack prod up", "prod"),
        ("up -m --stack", ""),
        ("up --message --stack", ""),
        ("up -c -s", ""),
        ("up", ""),
    ],
)
def test_stack_is_read_as_the_cli_reads_it(words: str, stack: str) -> None:
    """In all spellings of the flag, and not in the value of another flag."""
    assert parse(words.split()).stack == stack


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        ("up", "up"),
        ("update", "up"),
        ("pre -s x", "preview"),
        ("down", "destroy"),
        ("--color never up", "up"),
        ("-C up stack ls", "stack"),
        ("-v 3 up", "up"),
        ("--non-interactive up", "up"),
        ("--help", ""),
        ("", ""),
    ],
)
def test_verb_is_found_behind_global_flags(words: str, verb: str) -> None:
    """Aliases have the name of their verb."""
    assert parse(words.split()).verb == verb


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("stack init prod", "prod"),
        ("stack new prod", "prod"),
        ("stack rm prod --yes", "prod"),
        ("stack rm --yes", ""),
        ("stack select -s prod", "prod"),
        ("stack output url", ""),
        ("config set init prod", ""),
    ],
)
def test_stack_may_be_named_by_word(words: str, named: str) -> None:
    """Where the CLI takes the stack as a word."""
    assert parse(words.split()).named_stack == named


def test_flags_are_put_right_behind_the_verb() -> None:
    """So that they belong to it, whatever follows."""
    call = parse(["-C", "x", "config", "set", "key", "--", "-1"])

    assert call.with_flags("--config-file", "f") == (
        *("-C", "x", "config", "--config-file", "f"),
        *("set", "key", "--", "-1"),
    )


@pytest.mark.parametrize(("words", "deploys"), [("up", True), ("up --help", False), ("up -h", False), ("stack", False)])
def test_asking_for_help_deploys_nothing(words: str, deploys: bool) -> None:
    """Help needs no Docker."""
    assert parse(words.split()).deploys is deploys


def test_values_and_removals_on_the_command_line_are_noticed() -> None:
    """Both touch the stack's config file."""
    assert parse(["up", "-c", "a=b"]).saves_config
    assert parse(["destroy", "--remove"]).removes_stack
    assert parse(["up", "--config-file", "x"]).config_file
