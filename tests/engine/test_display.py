"""How steps look: symbols, verbs, colours, summaries."""

import io

import pytest

from engine.display.lines import DetailDisplay, LineDisplay, Palette, diff_summary, summary_lines, value_lines
from engine.events import Began, Ended, Event, Message, StepBegan, StepEnded, StepFailed
from engine.model import Change, ChangeKind, Diff, Op, Step
from engine.secrets import Blinder
from engine.values import UNKNOWN, Secret
from tests.engine.builders import container, recorded


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def events(*, preview: bool) -> list[Event]:
    [state] = recorded(container("web"))
    changes = {
        "memory": Change(kind=ChangeKind.UPDATE, old=1, new=2),
        "envs": Change(kind=ChangeKind.ADD, new=Secret(["P=pw"])),
    }
    diff = Diff(changes=changes)
    step = Step(op=Op.UPDATE, cause="memory changed: 1 → 2", old=state, new=state, diff=diff)
    return [
        Began(title="Updating (dev):", preview=preview, config={}),
        StepBegan(step=step),
        Message(severity="info", text="half way", urn=state.urn, passing=True),
        Message(severity="info", text="half way", urn=state.urn, passing=True),
        Message(severity="warning", text="careful", urn=state.urn),
        StepEnded(step=step, state=state, seconds=0.25),
        StepFailed(step=step, seconds=0.25),
        Ended(
            preview=preview,
            failed=False,
            seconds=3,
            changes={"update": 1, "same": 4},
            outputs={"a": 1, "p": Secret("x")},
        ),
    ]


def shown(display: type[LineDisplay] | type[DetailDisplay], *, preview: bool) -> list[str]:
    out = io.StringIO()
    subject = display(out, Palette(out, "never"), Blinder())
    for event in events(preview=preview):
        subject(event)
    return out.getvalue().splitlines()


def test_an_update_is_told_line_by_line() -> None:
    """What begins with its cause, what passes once, what ends with its time, and then the summary."""
    label = "docker:index:Container web"
    assert shown(LineDisplay, preview=False) == [
        "Updating (dev):",
        f" ~  {label} updating (0s) [diff: +envs~memory] because memory changed: 1 → 2",
        f"    {label} half way",
        f"    {label} warning: careful",
        f" ~  {label} updated (0.25s) [diff: +envs~memory]",
        f" ~  {label} **updating failed** [diff: +envs~memory]",
        "Diagnostics:",
        "  docker:index:Container (web):",
        "    warning: careful",
        "",
        "Outputs:",
        "  + a: 1",
        "  + p: [secret]",
        "",
        "Resources:",
        "    ~ 1 updated",
        "    4 unchanged",
        "",
        "Duration: 3s",
        "",
    ]


def test_details_show_each_property_and_the_cause() -> None:
    """Secrets stay hidden."""
    lines = shown(DetailDisplay, preview=True)
    assert "    ~ docker:index/container:Container: (update)" in lines
    assert "        [because memory changed: 1 → 2]" in lines
    assert "      ~ memory: 1 => 2" in lines
    assert "      + envs: [secret]" in lines


@pytest.mark.parametrize(
    ("choice", "no_color", "colored"),
    [("auto", "", True), ("auto", "1", False), ("always", "1", True), ("never", "", False)],
)
def test_colours_are_for_terminals_that_want_them(
    monkeypatch: pytest.MonkeyPatch, choice: str, no_color: str, colored: bool
) -> None:
    """NO_COLOR takes them away, unless they are asked for."""
    monkeypatch.setenv("NO_COLOR", no_color)
    assert (Palette(Terminal(), choice)("x", "31") == "\033[31mx\033[0m") is colored
    assert Palette(io.StringIO(), "auto")("x", "31") == "x"


def test_changed_properties_are_summed_up_by_kind() -> None:
    """Whole properties as added or gone, parts of one as changed."""
    kinds = {"a": ChangeKind.ADD, "b": ChangeKind.DELETE, "c[0]": ChangeKind.ADD, "c[1]": ChangeKind.DELETE}
    assert diff_summary(Diff(changes={path: Change(kind=kind) for path, kind in kinds.items()})) == "[diff: +a-b~c]"
    assert diff_summary(Diff()) == ""


def test_values_are_shown_as_a_tree() -> None:
    """Lists by index, unknowns and secrets in their words."""
    value = {"list": ["a", {"b": UNKNOWN}], "empty": [], "pw": Secret(1)}
    assert value_lines(value, "", str) == [
        "{",
        "    empty: []",
        "    list : [",
        '        [0]: "a"',
        "        [1]: {",
        "            b: [unknown]",
        "        }",
        "    ]",
        "    pw   : [secret]",
        "}",
    ]


def test_a_preview_with_equal_outputs_does_not_repeat_them() -> None:
    """Only what changes is news."""
    ended = Ended(preview=True, failed=False, seconds=1, changes={"same": 2}, outputs={"a": 1}, old_outputs={"a": 1})
    out = io.StringIO()
    assert summary_lines(ended, {}, Palette(out, "never"), Blinder()) == ["Resources:", "    2 unchanged", ""]
