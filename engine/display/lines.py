"""Plain lines, as the CLI prints them where there is no terminal."""

import threading
from typing import TextIO

from engine.blinder import Blinder
from engine.display import words
from engine.display.colors import BOLD, MAGENTA, OP_COLORS, RED, YELLOW, Palette
from engine.display.property_text import output_lines
from engine.events import Began, Ended, Event, Message, StepBegan, StepEnded, StepFailed
from engine.model import Op, Step, short_type, urn_name, urn_type


class LineDisplay:
    """Writes each event as it comes, then diagnostics, outputs and a summary."""

    def __init__(self, out: TextIO, palette: Palette, blinder: Blinder) -> None:
        self._out = out
        self._palette = palette
        self._blind = blinder
        self._lock = threading.RLock()
        self._preview = False
        self._messages: dict[str, list[Message]] = {}
        self._last: Message | None = None

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Began):
                self._preview = event.preview
                self._messages = {}
                self._print(self._palette(event.title, BOLD) + "\n")
            elif isinstance(event, Message):
                self._message(event)
            elif isinstance(event, Ended):
                self._end(event)
            else:
                self._step(event)
            self._out.flush()

    def _print(self, text: str) -> None:
        self._out.write(text + "\n")

    def _step(self, event: StepBegan | StepEnded | StepFailed) -> None:
        step = event.step
        if step.op is Op.SAME or step.state.is_default_provider:
            return
        if isinstance(event, StepFailed):
            verb = f"**{words.begun(step.op)} failed**"
        elif self._preview:
            if isinstance(event, StepBegan):
                return
            verb = words.planned(step)
        elif isinstance(event, StepBegan):
            verb = f"{words.begun(step.op)} (0s)"
        else:
            verb = f"{words.ended(step.op)} ({words.seconds(event.seconds)})"
        explain = step.op is not Op.REFRESH and (self._preview or isinstance(event, StepBegan))
        self._print(self._line(step, verb, explain=explain))

    def _line(self, step: Step, verb: str, *, explain: bool) -> str:
        color = OP_COLORS.get(step.op, "")
        cause = f"because {self._blind(step.cause)}" if explain else ""
        parts = [words.label(step.urn), self._palette(verb, color), words.diff_summary(step.diff), cause]
        symbol = self._palette(words.SYMBOLS[step.op], color)
        return f" {symbol} " + " ".join(part for part in parts if part)

    def _message(self, message: Message) -> None:
        if message.severity == "debug":
            return
        if not message.passing:
            self._messages.setdefault(message.urn, []).append(message)
        elif self._last == message:
            return
        self._last = message
        where = words.label(message.urn) if message.urn else "pulumi:pulumi:Stack"
        prefix = "" if message.severity == "info" else f"{message.severity}: "
        for line in self._blind(message.text).splitlines() or [""]:
            self._print(f"    {where} {self._palette(prefix, _color(message))}{line}")

    def _end(self, event: Ended) -> None:
        for line in summary_lines(event, self._messages, self._palette, self._blind):
            self._print(line)


def _color(message: Message) -> str:
    return {"error": RED, "warning": YELLOW}.get(message.severity, "")


def summary_lines(event: Ended, messages: dict[str, list[Message]], palette: Palette, blind: Blinder) -> list[str]:
    """What stands below the steps: diagnostics, outputs, counts and duration."""
    lines: list[str] = []
    if messages:
        lines.append(palette("Diagnostics:", BOLD, MAGENTA))
    for urn, texts in messages.items():
        name = f"{short_type(urn_type(urn))} ({urn_name(urn)})" if urn else "pulumi:pulumi:Stack"
        lines.append(f"  {name}:")
        for message in texts:
            prefix = "" if message.severity == "info" else palette(f"{message.severity}: ", _color(message))
            first, *rest = blind(message.text).splitlines() or [""]
            lines += [f"    {prefix}{first}", *(f"    {line}" for line in rest)]
        lines.append("")
    outputs = output_lines(event.old_outputs, event.outputs, blind) if event.outputs else []
    if outputs and (not event.preview or any(not line.startswith("    ") for line in outputs)):
        lines += [palette("Outputs:", BOLD, MAGENTA), *outputs, ""]
    lines.append(palette("Resources:", BOLD, MAGENTA))
    errors = sum(message.severity == "error" for texts in messages.values() for message in texts)
    lines += [f"    {line}" for line in words.counts(dict(event.changes), preview=event.preview)]
    if errors:
        lines.append(f"    {palette(f'{errors} errored', RED)}")
    lines.append("")
    if not event.preview:
        lines += [f"Duration: {words.seconds(max(event.seconds, 1))}", ""]
    return lines
