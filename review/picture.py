"""The stack as a Mermaid picture, coloured by what happens to each part."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from review.changes import component
from review.evidence import Evidence
from review.plan import CHANGING, Step

MOST_PARTS = 24
_LONGEST_LABEL = 60

COLOURS = {
    "unchanged": "fill:#eaeef2,stroke:#8c959f,color:#1f2328",
    "create": "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
    "update": "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
    "replace": "fill:#fbefff,stroke:#8250df,color:#1f2328",
    "delete": "fill:#ffebe9,stroke:#cf222e,color:#1f2328",
}
_NOT_DRAWN = ("django-stack:", "pulumi:pulumi:", "command:")
"""What is made of others, and what is done to them."""
_WAY = ("edge", "nginx", "web", "postgres", "postgres-data")
"""From visitors to the data."""


def lines(evidence: Evidence) -> list[str]:
    """The picture's text."""
    on_the_way = {name: _steps_of(evidence, name) for name in _WAY}
    drawn = {step.urn for steps in on_the_way.values() for step in steps}
    others: dict[str, list[Step]] = {}
    for step in evidence.plan.steps:
        if step.urn not in drawn and not step.type.startswith(_NOT_DRAWN):
            others.setdefault(component(evidence.plan, step), []).append(step)
    told = ["flowchart LR", "    visitors([visitors]) --> edge"]
    told += [_node(name, name, steps) for name, steps in on_the_way.items()]
    told.append(f"    {' --> '.join(name.replace('-', '_') for name in _WAY)}")
    shown = sorted(others.items())[:MOST_PARTS]
    told += [_node(f"part{number}", f"more of {name}", steps) for number, (name, steps) in enumerate(shown)]
    if len(others) > len(shown):
        told.append(f'    more["and {len(others) - len(shown)} more parts"]')
    return [*told, *(f"    classDef {name} {style}" for name, style in COLOURS.items())]


def _steps_of(evidence: Evidence, name: str) -> Sequence[Step]:
    if name == "postgres-data":
        return [step for step in evidence.plan.of("Volume") if step.name == name]
    return [each.step for each in evidence.containers if each.role == name]


def _node(key: str, name: str, steps: Sequence[Step]) -> str:
    counts = Counter(step.op for step in steps)
    told = ", ".join(f"{count} {label(op)}" for op, count in sorted(counts.items())) or "unchanged"
    return f'    {key.replace("-", "_")}["{label(name)}: {told}"]:::{_colour(counts)}'


def _colour(counts: Mapping[str, int]) -> str:
    """New beside old is a replacement, whatever the engine calls it."""
    ops = {op if op in CHANGING else "update" for op in counts}
    if {"create", "delete"} <= ops or "replace" in ops:
        return "replace"
    return next((op for op in ("delete", "create", "update") if op in ops), "unchanged")


def label(value: str) -> str:
    """What Mermaid takes for plain text, whatever it was."""
    return re.sub(r"[^A-Za-z0-9 ._-]", "_", value)[:_LONGEST_LABEL] or "_"
