"""The command line of ./ops."""

import subprocess
import sys
from typing import Any

import pytest

from operations.command_line import build_parser, main
from operations.errors import OperationError
from tests.unit.program import ROOT
from wrapper.errors import WrapperError

COMMANDS = (["doctor"], ["drift"], ["pin"], ["secrets", "create"])


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("place", ["before", "after"])
def test_the_stack_can_be_named_before_and_after_the_command(command: list[str], place: str) -> None:
    """As with Pulumi's own flags."""
    words = ["--stack", "prod", *command] if place == "before" else [*command, "-s", "prod"]
    assert build_parser().parse_args(words).stack == "prod"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With more than its flags."""
    with pytest.raises(SystemExit) as end:
        main([*command, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "--stack NAME" in text
    assert len(text.split()) > 60


@pytest.mark.parametrize("words", [[], ["nonsense"], ["secrets"], ["doctor", "--nonsense"], ["pin", "extra"]])
def test_a_command_line_that_makes_no_sense_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """And says how it is used."""
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 1
    assert "usage: ./ops" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OperationError("stack x: is wrong. Mend it."), 1, "error: stack x: is wrong. Mend it.\n"),
        (WrapperError("stack y: is wrong. Mend it."), 1, "error: stack y: is wrong. Mend it.\n"),
        (KeyboardInterrupt(), 130, "interrupted.\n"),
    ],
)
def test_a_failure_is_one_line_and_an_exit_code(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never a traceback."""

    def fail(_: Any) -> int:
        raise error

    monkeypatch.setattr("operations.pin.run", fail)
    assert main(["pin"]) == code
    assert capsys.readouterr().err == said


def test_the_list_of_commands_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Though a call imports no more than what it names."""
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    names = ("doctor", "drift", "pin", "pull-request", "secrets", "rollback", "unpin", "start")
    assert all(f"\n    {name} " in text for name in names)


def test_looking_for_drift_does_not_wait_for_what_deploying_needs() -> None:
    """The Pulumi SDK takes half a second to import."""
    script = "import sys; from operations.command_line import build_parser; build_parser(['drift'])"
    script += "; sys.exit('pulumi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
