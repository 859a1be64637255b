"""A live table on a terminal: one row a resource, as a tree by parent."""

import shutil
import threading
import time
from dataclasses import dataclass
from typing import TextIO

from engine.blinder import Blinder
from engine.display import words
from engine.display.colors import BOLD, MAGENTA, OP_COLORS, RED, YELLOW, Palette
from engine.display.lines import summary_lines
from engine.events import Began, Ended, Event, Message, StepBegan, StepEnded, StepFailed
from engine.model import STACK_TYPE, Op, Step, short_type, urn_name, urn_type

_REDRAW_SECONDS = 0.1
_RANK = {Op.REPLACE: 3, Op.CREATE_REPLACEMENT: 2, Op.DELETE_REPLACED: 1}


@dataclass
class _Row:
    urn: str
    parent: str = ""
    step: Step | None = None
    status: str = ""
    began: float = 0.0
    info: str = ""
    failed: bool = False


class TreeDisplay:
    """Redraws the rows while the run goes on, and leaves them standing above the summary."""

    def __init__(self, out: TextIO, palette: Palette, blinder: Blinder) -> None:
        self._out = out
        self._palette = palette
        self._blind = blinder
        self._lock = threading.RLock()
        self._reset()

    def _reset(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._messages: dict[str, list[Message]] = {}
        self._preview = False
        self._drawn = 0
        self._last = 0.0
        self._ended = threading.Event()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Began):
                self._reset()
                self._preview = event.preview
                self._out.write(self._palette(event.title, BOLD) + "\n")
                threading.Thread(target=self._tick, args=(self._ended,), daemon=True).start()
            elif isinstance(event, Message):
                self._message(event)
            elif isinstance(event, Ended):
                self._finish(event)
                return
            else:
                self._step(event)
            self._draw()

    def _tick(self, ended: threading.Event) -> None:
        """Keeps the seconds of running steps going."""
        while not ended.wait(1.0):
            with self._lock:
                if not ended.is_set():
                    self._draw(force=True)

    def _row(self, urn: str) -> _Row:
        return self._rows.setdefault(urn, _Row(urn=urn))

    def _step(self, event: StepBegan | StepEnded | StepFailed) -> None:
        step = event.step
        if step.state.is_default_provider:
            return
        row = self._row(step.urn)
        row.parent = step.state.parent
        if isinstance(event, StepFailed):
            row.failed, row.status, row.began = True, f"**{words.begun(step.op)} failed**", 0.0
            return
        shown = row.step is None or _RANK.get(step.op, 4) >= _RANK.get(row.step.op, 0) or not self._preview
        if shown:
            row.step = step
            if self._preview:
                row.status = words.planned(step)
            elif isinstance(event, StepBegan):
                row.status, row.began = words.begun(step.op), time.monotonic()
            else:
                row.status = f"{words.ended(step.op)} ({words.seconds(event.seconds)})" if words.ended(step.op) else ""
                row.began, row.info = 0.0, ""

    def _message(self, message: Message) -> None:
        if message.severity == "debug":
            return
        if not message.passing:
            self._messages.setdefault(message.urn, []).append(message)
        if message.urn:
            lines = self._blind(message.text).splitlines() or [""]
            self._row(message.urn).info = f"{message.severity}: {lines[0]}" if message.severity != "info" else lines[0]

    # Drawing

    def _visible(self) -> list[tuple[str, _Row]]:
        """The rows that change, and their parents, each with its branch."""
        wanted: set[str] = set()
        for row in self._rows.values():
            if row.failed or row.info or (row.step and row.step.op is not Op.SAME and row.status):
                urn = row.urn
                while urn and urn not in wanted:
                    wanted.add(urn)
                    urn = self._rows[urn].parent if urn in self._rows else ""
        children: dict[str, list[_Row]] = {}
        for row in self._rows.values():
            if row.urn in wanted:
                parent = row.parent if row.parent in wanted and row.parent in self._rows else ""
                children.setdefault(parent, []).append(row)
        return list(self._branches(children, "", ""))

    def _branches(self, children: dict[str, list[_Row]], parent: str, prefix: str) -> list[tuple[str, _Row]]:
        lines: list[tuple[str, _Row]] = []
        rows = children.get(parent, [])
        for index, row in enumerate(rows):
            last = index == len(rows) - 1
            is_root = not parent
            lines.append(("" if is_root else prefix + ("└─ " if last else "├─ "), row))
            lines += self._branches(children, row.urn, "" if is_root else prefix + ("   " if last else "│  "))
        return lines

    def _table(self) -> list[str]:
        rows = self._visible()
        types = [branch + short_type(urn_type(row.urn)) for branch, row in rows]
        names = [urn_name(row.urn) for _, row in rows]
        statuses = [self._status(row) for _, row in rows]
        widths = [
            max([len(title), *map(len, column)])
            for title, column in zip(("Type", "Name", ""), (types, names, statuses), strict=True)
        ]
        columns = max(shutil.get_terminal_size().columns, 40)
        verb = "Plan" if self._preview else "Status"
        head = f"     {'Type':<{widths[0]}}  {'Name':<{widths[1]}}  {verb:<{widths[2]}}  Info"
        lines = [self._palette(head[: columns - 1], MAGENTA, BOLD)]
        for (_, row), type_, name, status in zip(rows, types, names, statuses, strict=True):
            op = row.step.op if row.step else Op.SAME
            color = RED if row.failed else OP_COLORS.get(op, "")
            symbol = words.SYMBOLS[op]
            used = 5 + widths[0] + widths[1] + widths[2] + 6
            info = self._info(row)[: max(columns - used - 1, 0)]
            padded = self._palette(f"{status:<{widths[2]}}", color)
            lines.append(
                f" {self._palette(symbol, color)}  {type_:<{widths[0]}}  {name:<{widths[1]}}  {padded}  {info}".rstrip()
            )
        return lines

    def _status(self, row: _Row) -> str:
        return f"{row.status} ({time.monotonic() - row.began:.0f}s)" if row.began else row.status

    def _info(self, row: _Row) -> str:
        if row.info:
            return self._palette(row.info, YELLOW) if row.info.startswith("warning") else row.info
        if row.step is None or row.step.op in (Op.SAME, Op.REFRESH) or urn_type(row.urn) == STACK_TYPE:
            return ""
        return f"{words.diff_summary(row.step.diff)} {self._blind(row.step.cause)}".strip()

    def _draw(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._last < _REDRAW_SECONDS:
            return
        self._last = now
        height = max(shutil.get_terminal_size().lines - 2, 5)
        lines = self._table()
        self._replace(lines if len(lines) <= height else [lines[0], *lines[-(height - 1) :]])

    def _replace(self, lines: list[str]) -> None:
        up = f"\033[{self._drawn}F\033[J" if self._drawn else ""
        self._out.write(up + "".join(line + "\n" for line in lines))
        self._out.flush()
        self._drawn = len(lines)

    def _finish(self, event: Ended) -> None:
        self._ended.set()
        self._replace(self._table())
        self._out.write("\n")
        for line in summary_lines(event, self._messages, self._palette, self._blind):
            self._out.write(line + "\n")
        self._out.flush()
