"""`--diff`: every step with the properties that change."""

from typing import Any, TextIO

from engine.display.base import TextDisplay
from engine.display.words import GREEN, OPS, RED, YELLOW, Blind, Palette, property_lines, value_lines
from engine.events import StepEnded, StepEvent
from engine.model import STACK_TYPE, Change, ChangeKind, Op
from engine.values import reveal

_SHOWN = (Op.CREATE, Op.UPDATE, Op.REPLACE, Op.DELETE)
_MARKS = {ChangeKind.ADD: ("+", GREEN), ChangeKind.DELETE: ("-", RED), ChangeKind.UPDATE: ("~", YELLOW)}


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
        sides = [
            value_lines(self._shown(side), indent + "    ", self._blind)
            for side, kind in ((change.old, ChangeKind.ADD), (change.new, ChangeKind.DELETE))
            if change.kind is not kind
        ]
        lines = sides[0] if len(sides) == 1 else [*sides[0][:-1], f"{sides[0][-1]} => {sides[1][0]}", *sides[1][1:]]
        return [self._palette(f"{indent}  {sign} {path}: {lines[0]}", color), *lines[1:]]
