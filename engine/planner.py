"""Decides, and does nothing: recorded states and registered goals in, steps with causes out."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine import causes
from engine.errors import EngineError, UnsupportedError
from engine.model import Diff, Goal, Op, State, Step, short_type, top_key
from engine.providers import ResourceType
from engine.providers.registry import TYPES, check_provider, diff_provider
from engine.providers.schema import compare_plain
from engine.values import UNKNOWN, Properties, lift_secrets

_PATH_PART = re.compile(r"""([^.\[\]"]+)|\[(\d+|\*)\]|\["([^"]+)"\]""")


@dataclass(kw_only=True)
class Planner:
    """Plans one run. It remembers what it has planned, and touches nothing outside."""

    states: Sequence[State]
    unique: Callable[[], str]
    """The random end of a generated name."""
    cwd: Path = field(default_factory=Path)
    targets: frozenset[str] = frozenset()
    """Only these URNs change; all, when empty."""

    def __post_init__(self) -> None:
        self._olds = {state.urn: state for state in self.states if not state.delete}
        self._seen: dict[str, str] = {}  # the old URN of each that was registered
        self._gone_first: dict[str, str] = {}  # why each was deleted before its goal came
        self._superseded: set[int] = set()

    # One registration

    def plan(self, goal: Goal) -> list[Step]:
        """The steps for `goal`, in order. Raises EngineError when it must not be done."""
        if goal.urn in self._seen:
            raise EngineError(f"Duplicate resource URN '{goal.urn}'; try giving it a unique name")
        known = [urn for urn in (goal.urn, *goal.aliases) if urn in self._olds and urn not in self._seen.values()]
        old = self._olds[known[0]] if known else None
        self._seen[goal.urn] = old.urn if old else goal.urn
        if (
            self.targets
            and goal.custom
            and not goal.is_provider
            and not self.targets & {goal.urn, self._seen[goal.urn]}
        ):
            return self._leave_alone(goal, old)
        if old is None:
            return [Step(op=Op.CREATE, cause="it is new in the program", new=goal.state(self._check(goal, None)))]
        if goal.urn in self._gone_first or old.pending_replacement:
            diff = self._diff(old, self._check(goal, None), goal.replace_on_changes)
            return self._replacing(
                goal, old, diff, self._gone_first.get(goal.urn, "the last update ended before its replacement was made")
            )
        return self._change(goal, old)

    def _leave_alone(self, goal: Goal, old: State | None) -> list[Step]:
        if old is None:
            raise EngineError(
                f"{goal.name}: it is not a --target and does not exist yet, so what needs it cannot be made. "
                f"Add --target '{goal.urn}'."
            )
        new = replace(old, urn=goal.urn, parent=goal.parent)
        return [Step(op=Op.SAME, cause="it is not a --target", old=old, new=new)]

    def _check(self, goal: Goal, old: State | None) -> Properties:
        """The inputs with defaults; without `old` a generated name is a new one."""
        if not goal.custom:
            return goal.inputs
        recorded = self._olds.get(self._seen[goal.urn])
        news = keep_ignored(goal.inputs, recorded.inputs, goal.ignore_changes) if recorded else goal.inputs
        if goal.is_provider:
            return check_provider(goal, news)
        type_ = self._type(goal.type, goal.name)
        return type_.check(goal.name, lift_secrets(news), old.inputs if old else None, self.unique(), self.cwd)

    def _type(self, type_: str, name: str) -> ResourceType:
        found = TYPES.get(type_)
        if found is None:
            raise UnsupportedError(
                f"{name}: the resource type {type_} is not supported by the embedded engine. "
                f"It has {', '.join(short_type(name) for name in sorted(TYPES))}. Use the Pulumi CLI for others."
            )
        return found

    def _diff(self, old: State, inputs: Properties, replace_on_changes: Sequence[str]) -> Diff:
        if not old.custom:
            return compare_plain(old.inputs, inputs)
        diff = diff_provider(old, inputs) if old.is_provider else self._type(old.type, old.name).diff(old, inputs)
        asked = {path for path in diff.changes for wanted in replace_on_changes if covers(wanted, path)}
        replacing = {path: diff.changes[path]._replace(replaces=True) for path in asked}
        return replace(diff, changes={**diff.changes, **replacing})

    def _change(self, goal: Goal, old: State) -> list[Step]:
        inputs = self._check(goal, old)
        diff = self._diff(old, inputs, goal.replace_on_changes)
        failures = old.init_errors if goal.custom else ()
        cause = f"its last creation failed: {failures[0].splitlines()[0]}" if failures else causes.of_diff(diff)
        if failures or diff.replace_keys:
            return self._replace(goal, old, diff, cause)
        op, cause = (Op.UPDATE, cause) if diff.changes else (Op.SAME, causes.UNCHANGED)
        return [Step(op=op, cause=cause, old=old, new=goal.state(inputs, old), diff=diff)]

    def _replace(self, goal: Goal, old: State, diff: Diff, cause: str) -> list[Step]:
        refuse_if_protected(old, goal.protect)
        first = diff.delete_before_replace if goal.delete_before_replace is None else goal.delete_before_replace
        if not first:
            self._superseded.add(id(old))
            return self._replacing(goal, old, diff, cause)
        dependents = self._dependents(old)
        self._gone_first |= {state.urn: why for state, why in dependents}
        gone = (*reversed(dependents), (old, cause))
        deletions = [Step(op=Op.DELETE_REPLACED, cause=why, old=it, retained=it.retain_on_delete) for it, why in gone]
        return [*deletions, *self._replacing(goal, old, diff, cause)]

    def _replacing(self, goal: Goal, old: State, diff: Diff, cause: str) -> list[Step]:
        new = goal.state(self._check(goal, None))
        return [Step(op=op, cause=cause, old=old, new=new, diff=diff) for op in (Op.REPLACE, Op.CREATE_REPLACEMENT)]

    def _dependents(self, root: State) -> list[tuple[State, str]]:
        """What must go before `root` can: everything that its replacement would replace as well, and why."""
        replaced, found = {root.urn: root.name}, []
        for state in self.states:
            known = {*replaced, *self._gone_first, *self._seen}
            if state.delete or state.pending_replacement or state.urn in known or state.type not in TYPES:
                continue
            by_property = sorted(state.property_dependencies.items())
            going = {key: [urn for urn in urns if urn in replaced] for key, urns in by_property if key in state.inputs}
            causing = {key: urns[0] for key, urns in going.items() if urns}
            unknown = {**state.inputs, **dict.fromkeys(causing, UNKNOWN)}
            if causing and self._diff(state, unknown, state.replace_on_changes).replace_keys:
                refuse_if_protected(state)
                first, keys = replaced[min(causing.values())], " and ".join(causing)
                found.append((state, f"{first} is replaced first, and {keys} needs it"))
                replaced[state.urn] = state.name
        return found

    # The end of the program

    def plan_deletes(self, cause: str = causes.GONE) -> list[Step]:
        """Everything that is left over, dependents before what they depend on.

        Raises EngineError, before anything is deleted, for a protected one, or for one that something
        outside the targets depends on.
        """
        kept = {*self._seen, *self._seen.values()}
        steps = []
        for state in reversed(self.states):
            replaced = state.delete or id(state) in self._superseded
            if not replaced and (state.urn in kept or not self._may_delete(state, kept)):
                continue
            if not replaced:
                refuse_if_protected(state)
            if state.custom and not state.is_provider:
                self._type(state.type, state.name)
            op, why = (Op.DELETE_REPLACED, "its replacement is in place") if replaced else (Op.DELETE, cause)
            retained = state.retain_on_delete or state.external or state.pending_replacement
            steps.append(Step(op=op, cause=why, old=state, retained=retained))
        going = {step.urn for step in steps if step.op is Op.DELETE} if self.targets else set()
        for state in self.states:
            if state.urn not in going and state.needs() & going:
                raise EngineError(
                    f"{state.name} depends on a --target that is to be deleted. Add --target '{state.urn}'."
                )
        return steps

    def _may_delete(self, state: State, kept: set[str]) -> bool:
        if state.is_default_provider:
            users = (other for other in self.states if other.provider_urn == state.urn)
            return not self.targets and not any(other.urn in kept for other in users)
        return not self.targets or state.urn in self.targets


def refuse_if_protected(old: State, goal_protect: bool | None = None) -> None:
    """Raises EngineError if `old` is protected and the program does not say otherwise."""
    if old.protect and goal_protect is not False:
        raise EngineError(
            f'resource "{old.urn}" cannot be deleted\nbecause it is protected. To unprotect it, '
            "take `protect` off in the program (or set it to False) and run `up`."
        )


def deletion_waves(steps: Sequence[Step]) -> list[list[Step]]:
    """Groups of deletions that may run at once, each after those that depend on it."""
    waiting, waves = list(steps), []
    while waiting:
        needed = {urn for step in waiting for urn in step.state.needs()}
        wave = [step for step in waiting if step.urn not in needed] or waiting
        waves.append(wave)
        waiting = [] if wave is waiting else [step for step in waiting if step.urn in needed]
    return waves


def keep_ignored(news: Properties, olds: Properties, paths: Iterable[str]) -> Properties:
    """`news` with the old value, or absence, at every ignored path. Raises UnsupportedError on a wildcard."""
    for path in paths:
        if "*" in path:
            raise UnsupportedError(f"ignore_changes: '*' is not supported by the embedded engine (got {path!r}).")
        news = _with_old(news, olds, split_path(path))
    return news


def _with_old(news: Any, olds: Any, parts: list[str]) -> Any:
    key, *rest = parts
    if isinstance(news, list) and isinstance(olds, list) and key.isdigit():
        index = int(key)
        if index >= min(len(news), len(olds)):
            return news
        return [*news[:index], _with_old(news[index], olds[index], rest) if rest else olds[index], *news[index + 1 :]]
    if not isinstance(news, dict) or not isinstance(olds, dict):
        return news
    if rest and key in news and key in olds:
        return {**news, key: _with_old(news[key], olds[key], rest)}
    without = {name: value for name, value in news.items() if name != key}
    return {**without, key: olds[key]} if key in olds else without


def split_path(path: str) -> list[str]:
    return ["".join(groups) for groups in _PATH_PART.findall(path)]


def covers(wanted: str, path: str) -> bool:
    """Whether a `replace_on_changes` path covers a changed path: `triggers[*]` covers `triggers[0]`."""
    wanted_parts, parts = split_path(wanted), split_path(path)
    if len(parts) < len(wanted_parts):
        return top_key(wanted) == top_key(path)
    return all(left in ("*", right) for left, right in zip(wanted_parts, parts, strict=False))
