"""Decides, and does nothing: recorded states and registered goals in, steps with causes out."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine import causes
from engine.errors import EngineError, ProviderError, UnsupportedError
from engine.model import (
    PROVIDER_PREFIX,
    Diff,
    Goal,
    Op,
    State,
    Step,
    short_type,
    state_of,
    top_key,
    urn_name,
)
from engine.providers import ResourceType, Types
from engine.providers.provider import check_provider, diff_provider
from engine.values import UNKNOWN, Properties, lift_secrets

_PATH_PART = re.compile(r"""([^.\[\]"]+)|\[(\d+|\*)\]|\["([^"]+)"\]""")


@dataclass(kw_only=True)
class Planner:
    """Plans one run. It remembers what it has planned, and touches nothing outside."""

    states: Sequence[State]
    types: Types
    unique: Callable[[str], str]
    """The random end of a generated name, by URN."""
    cwd: Path = field(default_factory=Path)
    targets: frozenset[str] = frozenset()
    """Only these URNs change; all, when empty."""
    _olds: dict[str, State] = field(init=False)
    _seen: dict[str, str] = field(init=False, default_factory=dict)
    _gone_first: dict[str, str] = field(init=False, default_factory=dict)
    _superseded: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._olds = {state.urn: state for state in self.states if not state.delete}

    # One registration

    def plan(self, goal: Goal) -> list[Step]:
        """The steps for `goal`, in order. Raises EngineError when it must not be done."""
        if goal.urn in self._seen:
            raise EngineError(f"Duplicate resource URN '{goal.urn}'; try giving it a unique name")
        old = self._old_of(goal)
        self._seen[goal.urn] = old.urn if old else goal.urn
        if self.targets and not self._is_target(goal, old):
            return self._leave_alone(goal, old)
        inputs = self._check(goal, old)
        if old is None:
            return [Step(op=Op.CREATE, urn=goal.urn, cause=causes.NEW, new=state_of(goal, inputs=inputs))]
        if goal.urn in self._gone_first or old.pending_replacement:
            return self._recreate(goal, old, inputs)
        return self._change(goal, old, inputs)

    def _old_of(self, goal: Goal) -> State | None:
        taken = set(self._seen.values())
        for urn in (goal.urn, *goal.aliases):
            old = self._olds.get(urn)
            if old is not None and urn not in taken:
                return old
        return None

    def _is_target(self, goal: Goal, old: State | None) -> bool:
        if not goal.custom or goal.type.startswith(PROVIDER_PREFIX):
            return True  # they only hold others together
        return goal.urn in self.targets or (old is not None and old.urn in self.targets)

    def _leave_alone(self, goal: Goal, old: State | None) -> list[Step]:
        if old is None:
            raise EngineError(
                f"{urn_name(goal.urn)}: it is not a --target and does not exist yet, so what needs it cannot be "
                f"made. Add --target '{goal.urn}'."
            )
        kept = replace(old, urn=goal.urn, parent=goal.parent)
        return [Step(op=Op.SAME, urn=goal.urn, cause="it is not a --target", old=old, new=kept)]

    def _check(self, goal: Goal, old: State | None) -> Properties:
        if not goal.custom:
            return goal.inputs
        olds = old.inputs if old else None
        news = keep_ignored(goal.inputs, olds or {}, goal.ignore_changes) if old else goal.inputs
        if goal.type.startswith(PROVIDER_PREFIX):
            return check_provider(goal, news)
        news = lift_secrets(news)
        fresh = goal.urn in self._gone_first or (old is not None and old.pending_replacement)
        return self._type(goal.type, goal.urn).check(
            urn_name(goal.urn), news, None if fresh else olds, self.unique(goal.urn), self.cwd
        )

    def _type(self, type_: str, urn: str) -> ResourceType:
        found = self.types.get(type_)
        if found is None:
            raise UnsupportedError(
                f"{urn_name(urn)}: the resource type {type_} is not supported by the embedded engine. "
                f"It has {', '.join(short_type(name) for name in sorted(self.types))}. Use the Pulumi CLI for others."
            )
        return found

    def _diff(self, old: State, inputs: Properties, replace_on_changes: Iterable[str]) -> Diff:
        if not old.custom:
            return Diff()
        if old.type.startswith(PROVIDER_PREFIX):
            return diff_provider(old, inputs)
        diff = self._type(old.type, old.urn).diff(old, inputs)
        paths = tuple(replace_on_changes)
        if not paths:
            return diff
        changes = {
            path: replace(change, replaces=change.replaces or any(matches(wanted, path) for wanted in paths))
            for path, change in diff.changes.items()
        }
        return replace(diff, changes=changes)

    def _change(self, goal: Goal, old: State, inputs: Properties) -> list[Step]:
        diff = self._diff(old, inputs, goal.replace_on_changes)
        new = state_of(goal, inputs=inputs, old=old)
        if old.init_errors and goal.custom:
            cause = f"its last creation failed: {old.init_errors[0].splitlines()[0]}"
            return self._replace(goal, old, diff, cause)
        if diff.replace_keys:
            return self._replace(goal, old, diff, causes.of_diff(diff, keys=diff.replace_keys))
        if diff.changes:
            cause = causes.of_diff(diff)
            return [Step(op=Op.UPDATE, urn=goal.urn, cause=cause, old=old, new=new, diff=diff)]
        return [Step(op=Op.SAME, urn=goal.urn, cause=causes.UNCHANGED, old=old, new=new)]

    def _recreate(self, goal: Goal, old: State, inputs: Properties) -> list[Step]:
        cause = self._gone_first.get(goal.urn, causes.INTERRUPTED)
        diff = self._diff(old, inputs, goal.replace_on_changes)
        return self._replacing(goal, old, inputs, diff, cause)

    def _replace(self, goal: Goal, old: State, diff: Diff, cause: str) -> list[Step]:
        refuse_if_protected(old, goal.protect)
        inputs = self._fresh_inputs(goal, old)
        first = goal.delete_before_replace
        if first is None:
            first = diff.delete_before_replace
        if not first:
            self._superseded.add(id(old))
            return self._replacing(goal, old, inputs, diff, cause)
        dependents = self._dependents(old)
        deletions = [
            Step(op=Op.DELETE_REPLACED, urn=state.urn, cause=why, old=state, retained=state.retain_on_delete)
            for state, why in reversed(dependents)
        ]
        self._gone_first |= {state.urn: why for state, why in dependents}
        deletion = Step(
            op=Op.DELETE_REPLACED, urn=goal.urn, cause=cause, old=old, diff=diff, retained=old.retain_on_delete
        )
        return [*deletions, deletion, *self._replacing(goal, old, inputs, diff, cause)]

    def _fresh_inputs(self, goal: Goal, old: State) -> Properties:
        """The inputs of a replacement: a generated name is not the old one again."""
        if goal.type.startswith(PROVIDER_PREFIX):
            return check_provider(goal, goal.inputs)
        news = lift_secrets(keep_ignored(goal.inputs, old.inputs, goal.ignore_changes))
        return self._type(goal.type, goal.urn).check(urn_name(goal.urn), news, None, self.unique(goal.urn), self.cwd)

    def _replacing(self, goal: Goal, old: State, inputs: Properties, diff: Diff, cause: str) -> list[Step]:
        new = state_of(goal, inputs=inputs)
        return [
            Step(op=Op.REPLACE, urn=goal.urn, cause=cause, old=old, new=new, diff=diff),
            Step(op=Op.CREATE_REPLACEMENT, urn=goal.urn, cause=cause, old=old, new=new, diff=diff),
        ]

    def _dependents(self, root: State) -> list[tuple[State, str]]:
        """What must go before `root` can: everything that its replacement would replace as well."""
        replaced = {root.urn: root.name}
        found: list[tuple[State, str]] = []
        for state in self.states:
            if state.delete or not state.custom or state.urn in replaced or state.urn in self._gone_first:
                continue
            if state.urn in self._seen or state.pending_replacement or state.type not in self.types:
                continue
            keys = sorted(
                key
                for key, urns in state.property_dependencies.items()
                if any(urn in replaced for urn in urns) and key in state.inputs
            )
            causing = [urn for key in keys for urn in state.property_dependencies[key] if urn in replaced]
            if state.provider_urn in replaced:
                causing.append(state.provider_urn)
            elif not keys or not self._would_be_replaced(state, keys):
                continue
            refuse_if_protected(state, goal_protect=None)
            replaced[state.urn] = state.name
            found.append((state, causes.of_dependency(replaced[causing[0]], keys)))
        return found

    def _would_be_replaced(self, state: State, keys: list[str]) -> bool:
        unknown = {**state.inputs, **dict.fromkeys(keys, UNKNOWN)}
        return bool(self._diff(state, unknown, state.replace_on_changes).replace_keys)

    # The end of the program

    def plan_deletes(self, *, cause: str = causes.GONE) -> list[Step]:
        """Everything that is left over, dependents before what they depend on.

        Raises EngineError for a protected one before any is deleted.
        """
        kept = set(self._seen.values()) | set(self._seen)
        steps = []
        for state in reversed(self.states):
            replaced = state.delete or id(state) in self._superseded
            if not replaced and (state.urn in kept or not self._may_delete(state, kept)):
                continue
            if not replaced:
                refuse_if_protected(state, goal_protect=None)
            steps.append(
                Step(
                    op=Op.DELETE_REPLACED if replaced else Op.DELETE,
                    urn=state.urn,
                    cause=causes.REPLACED if replaced else cause,
                    old=state,
                    retained=state.retain_on_delete or state.external or state.pending_replacement,
                )
            )
        self._refuse_to_strand(steps)
        return steps

    def _refuse_to_strand(self, steps: Sequence[Step]) -> None:
        """Raises EngineError if a target is deleted from under something that is not one."""
        going = {step.urn for step in steps if step.op is Op.DELETE} if self.targets else set()
        for state in self.states:
            stranded = sorted(state.needs() & going)
            if stranded and state.urn not in going:
                raise EngineError(
                    f"{urn_name(stranded[0])} cannot be deleted: {state.name} depends on it and is not a --target. "
                    f"Add --target '{state.urn}'."
                )

    def _may_delete(self, state: State, kept: set[str]) -> bool:
        if state.is_default_provider:
            users = (other for other in self.states if other.provider_urn == state.urn)
            return not any(other.urn in kept for other in users) and not self.targets
        return not self.targets or state.urn in self.targets


def refuse_if_protected(old: State, goal_protect: bool | None) -> None:
    """Raises EngineError if `old` is protected and the program still says so."""
    if old.protect and goal_protect is not False:
        raise ProviderError(
            f'resource "{old.urn}" cannot be deleted\n'
            "because it is protected. To unprotect it, take `protect` off in the program "
            "(or set it to False) and run `up`."
        )


def deletion_waves(steps: Sequence[Step]) -> list[list[Step]]:
    """Groups of deletions that may run at once, each after those that depend on it."""
    waiting = {id(step.old): step for step in steps}
    waves: list[list[Step]] = []
    while waiting:
        needed = {urn for step in waiting.values() for urn in step.state.needs()}
        wave = [step for step in waiting.values() if step.urn not in needed] or list(waiting.values())
        waves.append(wave)
        for step in wave:
            del waiting[id(step.old)]
    return waves


def keep_ignored(news: Properties, olds: Properties, paths: Iterable[str]) -> Properties:
    """`news` with the old value, or absence, at every ignored path. Raises UnsupportedError on a wildcard."""
    for path in paths:
        parts = split_path(path)
        if "*" in parts:
            raise UnsupportedError(f"ignore_changes: '*' is not supported by the embedded engine (got {path!r}).")
        news = _with_old(news, olds, parts)
    return news


def _with_old(news: Any, olds: Any, parts: list[str]) -> Any:
    key, *rest = parts
    if isinstance(news, list) and key.isdigit() and isinstance(olds, list):
        index = int(key)
        if index < min(len(news), len(olds)):
            value = _with_old(news[index], olds[index], rest) if rest else olds[index]
            return [*news[:index], value, *news[index + 1 :]]
        return news
    if not isinstance(news, dict) or not isinstance(olds, dict):
        return news
    if rest and key in news and key in olds:
        return {**news, key: _with_old(news[key], olds[key], rest)}
    without = {name: value for name, value in news.items() if name != key}
    return {**without, key: olds[key]} if key in olds else without


def split_path(path: str) -> list[str]:
    return ["".join(groups) for groups in _PATH_PART.findall(path)]


def matches(wanted: str, path: str) -> bool:
    """Whether a `replace_on_changes` path covers a changed path: `triggers[*]` covers `triggers[0]`."""
    if wanted == "*":
        return True
    wanted_parts, parts = split_path(wanted), split_path(path)
    if len(parts) < len(wanted_parts):
        return top_key(wanted) == top_key(path)
    return all(left in ("*", right) for left, right in zip(wanted_parts, parts, strict=False))


def default_provider_urn(stack: str, project: str, package: str, version: str) -> str:
    name = "default" + (f"_{version.replace('.', '_')}" if version else "")
    return f"urn:pulumi:{stack}::{project}::{PROVIDER_PREFIX}{package}::{name}"


def text_of_plan(steps: Iterable[Step]) -> str:
    """A plan as text, one step a line: what golden tests compare."""
    return "\n".join(str(step) for step in steps)
