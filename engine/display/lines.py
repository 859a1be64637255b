"""The CLI's symbols, verbs and colours; plain lines as it prints them where there is no terminal; and `--diff`."""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TextIO

from engine.events import Began, Ended, Event, Message, StepBegan, StepEnded, StepEvent, StepFailed
from engine.model import STACK_TYPE, Change, ChangeKind, Diff, Op, short_type, top_key, urn_name, urn_type
from engine.values import BLINDED, UNKNOWN, Secret, reveal

RESET, BOLD, GREEN, YELLOW, RED, MAGENTA = "0", "1", "32", "33", "31", "35"
SEVERITY_COLORS = {"error": RED, "warning": YELLOW}
Blind = Callable[[str], str]
_SHOWN = (Op.CREATE, Op.UPDATE, Op.REPLACE, Op.DELETE)
_MARKS = {ChangeKind.ADD: ("+", GREEN), ChangeKind.DELETE: ("-", RED), ChangeKind.UPDATE: ("~", YELLOW)}


class Words(NamedTuple):
    symbol: str
    planned: str
    begun: str
    ended: str
    color: str


OPS = {
    Op.SAME: Words("  ", "", "", "", ""),
    Op.CREATE: Words("+ ", "create", "creating", "created", GREEN),
    Op.UPDATE: Words("~ ", "update", "updating", "updated", YELLOW),
    Op.DELETE: Words("- ", "delete", "deleting", "deleted", RED),
    Op.REPLACE: Words("+-", "replace", "replacing", "replaced", MAGENTA),
    Op.CREATE_REPLACEMENT: Words("++", "create replacement", "creating replacement", "created replacement", GREEN),
    Op.DELETE_REPLACED: Words("--", "delete original", "deleting original", "deleted original", RED),
    Op.REFRESH: Words("~ ", "refreshing", "refreshing", "refreshed", YELLOW),
}


class Palette:
    """Colours a text where there is a terminal that wants them."""

    def __init__(self, stream: TextIO, choice: str) -> None:
        wanted = stream.isatty() and not os.environ.get("NO_COLOR")
        self._enabled = choice == "always" or (choice == "auto" and wanted)

    def __call__(self, text: str, *codes: str) -> str:
        return f"\033[{';'.join(codes)}m{text}\033[{RESET}m" if self._enabled and any(codes) and text else text


def status_of(event: StepEvent, *, preview: bool) -> str:
    """How far a step has come, in the CLI's words; empty where it has none."""
    step, words = event.step, OPS[event.step.op]
    if isinstance(event, StepFailed):
        return f"**{words.begun} failed**"
    if preview:
        return words.planned + (" (kept in Docker)" if step.retained and step.op is Op.DELETE else "")
    if isinstance(event, StepBegan):
        return words.begun
    return f"{words.ended} ({seconds(event.seconds)})" if words.ended else ""


def seconds(value: float) -> str:
    """A duration as the CLI shows it: two digits below a second, none above."""
    return f"{value:.2f}s" if value < 1 else f"{value:.0f}s"


def label(urn: str) -> str:
    return f"{short_type(urn_type(urn))} {urn_name(urn)}"


def severity_prefix(message: Message, palette: Palette) -> str:
    """`error: ` or `warning: ` in its colour; nothing for what is just news."""
    color = SEVERITY_COLORS.get(message.severity)
    return palette(f"{message.severity}: ", color) if color else ""


def diff_summary(diff: Diff) -> str:
    """`[diff: +a-b~c,d]`: top-level properties, by kind of change."""
    kinds = {
        top_key(path): str(change.kind) if path == top_key(path) else "update" for path, change in diff.changes.items()
    }
    signs = (("+", "add"), ("-", "delete"), ("~", "update"))
    groups = ((sign, sorted(key for key in kinds if kinds[key] == kind)) for sign, kind in signs)
    text = "".join(sign + ",".join(keys) for sign, keys in groups if keys)
    return f"[diff: {text}]" if text else ""


def value_lines(value: Any, indent: str, blind: Blind) -> list[str]:
    """`value` over one or more lines; the first has no indent, the rest begin with `indent`."""
    if isinstance(value, Secret) or value is UNKNOWN:
        return [BLINDED if isinstance(value, Secret) else "[unknown]"]
    inner = indent + "    "
    if isinstance(value, dict) and value:
        return ["{", *property_lines(value, inner, blind), f"{indent}}}"]
    if isinstance(value, list) and value:
        items = {f"[{index}]": item for index, item in enumerate(value)}
        return ["[", *_named_lines(items, 0, inner, blind), f"{indent}]"]
    return [blind(json.dumps(value, ensure_ascii=False))]


def property_lines(values: Mapping[str, Any], indent: str, blind: Blind) -> list[str]:
    """One property a line, names padded to one width."""
    shown = {key: value for key, value in sorted(values.items()) if not key.startswith("__") and value is not None}
    return _named_lines(shown, max(map(len, shown), default=0), indent, blind)


def _named_lines(values: Mapping[str, Any], width: int, indent: str, blind: Blind) -> list[str]:
    lines = []
    for key, value in values.items():
        first, *rest = value_lines(value, indent, blind)
        lines += [f"{indent}{key:<{width}}: {first}", *rest]
    return lines


def _output_lines(event: Ended, blind: Blind) -> list[str]:
    """The stack's outputs, each marked as added, changed, gone or the same."""
    old, new = event.old_outputs, event.outputs
    names = sorted({*old, *new})
    width = max(map(len, names), default=0)
    lines = []
    for name in names:
        same = name in old and name in new and old[name] == new[name]
        mark = " " if same else "+" if name not in old else "-" if name not in new else "~"
        first, *rest = value_lines(new[name] if name in new else old[name], "    ", blind)
        before = f"{value_lines(old[name], '    ', blind)[0]} => " if mark == "~" else ""
        lines += [f"  {mark} {name:<{width}}: {before}{first}", *rest]
    changed = any(not line.startswith("    ") for line in lines)
    return lines if event.outputs and (changed or not event.preview) else []


def _counts(event: Ended) -> list[str]:
    changed = [(op, event.changes[op]) for op in (Op.CREATE, Op.UPDATE, Op.DELETE, Op.REPLACE) if event.changes.get(op)]
    verbs = {op: f"to {OPS[op].planned}" if event.preview else OPS[op].ended for op, _ in changed}
    lines = [f"{OPS[op].symbol}{number} {verbs[op]}" for op, number in changed]
    same = f"{event.changes[Op.SAME]} unchanged" if event.changes.get(Op.SAME) else ""
    total = f"{sum(number for _, number in changed)} changes" if len(changed) > 1 else ""
    return [*lines, *filter(None, [". ".join(filter(None, (total, same)))])]


def summary_lines(event: Ended, messages: Mapping[str, list[Message]], palette: Palette, blind: Blind) -> list[str]:
    """What stands below the steps: diagnostics, outputs, counts and duration."""
    lines = [palette("Diagnostics:", BOLD, MAGENTA)] if messages else []
    for urn, texts in messages.items():
        lines.append(f"  {short_type(urn_type(urn))} ({urn_name(urn)}):" if urn else "  pulumi:pulumi:Stack:")
        for message in texts:
            first, *rest = blind(message.text).splitlines() or [""]
            lines += [f"    {severity_prefix(message, palette)}{first}"]
            lines += [f"    {line}" for line in rest]
        lines.append("")
    outputs = _output_lines(event, blind)
    if outputs:
        lines += [palette("Outputs:", BOLD, MAGENTA), *outputs, ""]
    lines += [palette("Resources:", BOLD, MAGENTA), *(f"    {line}" for line in _counts(event))]
    errors = sum(message.severity == "error" for texts in messages.values() for message in texts)
    lines += [f"    {palette(f'{errors} errored', RED)}"] if errors else []
    return [*lines, ""] if event.preview else [*lines, "", f"Duration: {seconds(max(event.seconds, 1))}", ""]


# Displays


class TextDisplay:
    """Sorts events, keeps the messages for the end, and writes the summary."""

    def __init__(self, out: TextIO, palette: Palette, blind: Blind) -> None:
        self._out, self._palette, self._blind = out, palette, blind
        self._preview = False
        self._messages: dict[str, list[Message]] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, Began):
            self._preview, self._messages = event.preview, {}
            self.print([self._palette(event.title, BOLD)])
        elif isinstance(event, Message):
            if not event.passing:
                self._messages.setdefault(event.urn, []).append(event)
            self.show_message(event)
        elif isinstance(event, Ended):
            self.print(summary_lines(event, self._messages, self._palette, self._blind))
        elif not event.step.state.is_default_provider:
            self.show_step(event)

    def print(self, lines: list[str]) -> None:
        self._out.write("".join(line + "\n" for line in lines))
        self._out.flush()

    def show_message(self, message: Message) -> None:
        """Shows a text when it comes."""

    def show_step(self, event: StepEvent) -> None:
        """Shows how far a step has come."""


class LineDisplay(TextDisplay):
    """Writes each event as it comes."""

    _last: Message | None = None

    def show_step(self, event: StepEvent) -> None:
        step, words, begins = event.step, OPS[event.step.op], isinstance(event, StepBegan)
        verb = "" if begins and self._preview else status_of(event, preview=self._preview)
        if verb:
            verb += " (0s)" if begins else ""
            explained = (self._preview or begins) and step.op is not Op.REFRESH
            cause = f"because {self._blind(step.cause)}" if explained else ""
            parts = (label(step.urn), self._palette(verb, words.color), diff_summary(step.diff), cause)
            self.print([f" {self._palette(words.symbol, words.color)} " + " ".join(filter(None, parts))])

    def show_message(self, message: Message) -> None:
        if message.passing and message == self._last:
            return
        self._last = message
        where = label(message.urn) if message.urn else "pulumi:pulumi:Stack"
        lines = self._blind(message.text).splitlines()
        self.print([f"    {where} {severity_prefix(message, self._palette)}{line}" for line in lines])


class DetailDisplay(TextDisplay):
    """Writes one block for each step when it has been taken."""

    def __init__(self, out: TextIO, palette: Palette, blind: Blind, *, show_secrets: bool = False) -> None:
        super().__init__(out, palette, str if show_secrets else blind)
        self._shown: Any = reveal if show_secrets else lambda value: value

    def show_step(self, event: StepEvent) -> None:
        if not isinstance(event, StepEnded):
            return
        step = event.step
        state, is_stack = step.state, step.state.type == STACK_TYPE
        if not (step.op in _SHOWN or (is_stack and step.op is Op.SAME)):
            return
        indent = "" if is_stack else "    "
        head = f"{indent}{OPS[step.op].symbol}{state.type}: ({step.op})"
        facts = {"id": step.old.id if step.old else state.id, "urn": step.urn, "provider": state.provider}
        because = [f"[because {self._blind(step.cause)}]"] if step.op is not Op.SAME else []
        facts_lines = [f"[{key}={value}]" for key, value in facts.items() if value] + because
        lines = [self._palette(head, OPS[step.op].color), *(f"{indent}    {line}" for line in facts_lines)]
        if step.diff.changes:
            lines += [line for path, change in step.diff.changes.items() for line in self._change(path, change, indent)]
        elif step.op in (Op.CREATE, Op.DELETE, Op.REPLACE):
            lines += property_lines(self._shown(state.inputs), indent + "    ", self._blind)
        self.print(lines)

    def _change(self, path: str, change: Change, indent: str) -> list[str]:
        sign, color = _MARKS[change.kind]
        old, new = (value_lines(self._shown(side), indent + "    ", self._blind) for side in (change.old, change.new))
        lines = old if change.kind is ChangeKind.DELETE else new
        if change.kind is ChangeKind.UPDATE:
            lines = [*old[:-1], f"{old[-1]} => {new[0]}", *new[1:]]
        return [self._palette(f"{indent}  {sign} {path}: {lines[0]}", color), *lines[1:]]
