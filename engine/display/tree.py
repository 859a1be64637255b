"""A live table on a terminal: one row a resource, as a tree by parent."""

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from engine.display.lines import BOLD, MAGENTA, OPS, RED, Blind, Palette, TextDisplay, diff_summary, status_of
from engine.events import Began, Ended, Event, Message, StepBegan, StepEvent, StepFailed
from engine.model import Op, Step, short_type, urn_name, urn_type

_REDRAW_SECONDS = 0.1
_MIN_COLUMNS, _MIN_ROWS = 40, 5
_MARGIN = 11  # the columns that are neither type, name nor status
_SHOWN_FIRST = (Op.DELETE_REPLACED, Op.CREATE_REPLACEMENT, Op.REPLACE)  # a preview's row shows the last of these


@dataclass
class _Row:
    urn: str
    parent: str = ""
    step: Step | None = None
    status: str = ""
    began: float = 0.0
    info: str = ""
    failed: bool = False

    @property
    def changes(self) -> bool:
        return bool(self.failed or self.info or (self.step and self.status and self.step.op is not Op.SAME))


class TreeDisplay(TextDisplay):
    """Redraws the rows while the run goes on, and leaves them standing above the summary."""

    def __init__(self, out: TextIO, palette: Palette, blind: Blind) -> None:
        super().__init__(out, palette, blind)
        self._rows: dict[str, _Row] = {}
        self._drawn, self._last = 0, 0.0
        self._ended, self._lock = threading.Event(), threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Ended):
                self._ended.set()
                self._draw([*self._table(), ""])
            super().__call__(event)
            if isinstance(event, Began):
                threading.Thread(target=self._tick, daemon=True).start()
            elif not isinstance(event, Ended) and time.monotonic() - self._last > _REDRAW_SECONDS:
                self._draw_what_fits()

    def _tick(self) -> None:
        """Keeps the seconds of running steps going."""
        while not self._ended.wait(1.0):
            with self._lock:
                if not self._ended.is_set():
                    self._draw_what_fits()

    def show_step(self, event: StepEvent) -> None:
        step, text = event.step, status_of(event, preview=self._preview)
        row = self._rows.setdefault(step.urn, _Row(urn=step.urn))
        row.parent = step.state.parent
        if isinstance(event, StepFailed):
            row.failed, row.status, row.began = True, text, 0.0
        elif isinstance(event, StepBegan) and not self._preview:
            row.step, row.status, row.began = step, text, time.monotonic()
        elif not self._preview:
            row.step, row.status, row.began, row.info = step, text, 0.0, ""
        elif row.step is None or _rank(step.op) >= _rank(row.step.op):
            row.step, row.status = step, text

    def show_message(self, message: Message) -> None:
        if message.urn and message.text:
            row = self._rows.setdefault(message.urn, _Row(urn=message.urn))
            prefix = "" if message.severity == "info" else f"{message.severity}: "
            row.info = prefix + self._blind(message.text).splitlines()[0]

    # Drawing

    def _wanted(self) -> dict[str, list[_Row]]:
        """The rows that change, and those above them, by parent."""
        wanted: set[str] = set()
        for row in self._rows.values():
            urn = row.urn if row.changes else ""
            while urn in self._rows and urn not in wanted:
                wanted.add(urn)
                urn = self._rows[urn].parent
        children: dict[str, list[_Row]] = {}
        for row in self._rows.values():
            if row.urn in wanted:
                children.setdefault(row.parent if row.parent in wanted else "", []).append(row)
        return children

    def _branches(self, children: dict[str, list[_Row]], parent: str, prefix: str) -> Iterator[tuple[str, _Row]]:
        rows = children.get(parent, [])
        for index, row in enumerate(rows):
            branch, below = ("└─ ", "   ") if index == len(rows) - 1 else ("├─ ", "│  ")
            yield (prefix + branch if parent else ""), row
            yield from self._branches(children, row.urn, prefix + below if parent else "")

    def _table(self) -> list[str]:
        rows = list(self._branches(self._wanted(), "", ""))
        cells = [("Type", "Name", "Plan" if self._preview else "Status")]
        for branch, row in rows:
            running = f" ({time.monotonic() - row.began:.0f}s)" if row.began else ""
            cells.append((branch + short_type(urn_type(row.urn)), urn_name(row.urn), row.status + running))
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        padded = [[f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)] for line in cells]
        room = max(shutil.get_terminal_size().columns, _MIN_COLUMNS) - sum(widths) - _MARGIN
        lines = [self._palette("     " + "  ".join([*padded[0], "Info"]), MAGENTA, BOLD)]
        for (type_, name, status), (_, row) in zip(padded[1:], rows, strict=True):
            words = OPS[row.step.op if row.step else Op.SAME]
            color = RED if row.failed else words.color
            parts = [type_, name, self._palette(status, color), self._info(row)[: max(room, 0)]]
            lines.append(f" {self._palette(words.symbol, color)}  {'  '.join(parts)}".rstrip())
        return lines

    def _info(self, row: _Row) -> str:
        if row.info or row.step is None or row.step.op in (Op.SAME, Op.REFRESH):
            return row.info
        return f"{diff_summary(row.step.diff)} {self._blind(row.step.cause)}".strip()

    def _draw_what_fits(self) -> None:
        height = max(shutil.get_terminal_size().lines - 2, _MIN_ROWS)
        head, *lines = self._table()
        self._draw([head, *lines[-height + 1 :]])
        self._last = time.monotonic()

    def _draw(self, lines: list[str]) -> None:
        self._out.write(f"\033[{self._drawn}F\033[J" if self._drawn else "")
        self.print(lines)
        self._drawn = len(lines)


def _rank(op: Op) -> int:
    return _SHOWN_FIRST.index(op) if op in _SHOWN_FIRST else len(_SHOWN_FIRST)
