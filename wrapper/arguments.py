"""What the front door has to know of a Pulumi command line. It is read, never changed, but for one flag of our own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

INSTALL_DOCKER = "--install-docker"

_VERBS = {"update": "up", "pre": "preview", "down": "destroy", "dn": "destroy"}
_STACK_ACTIONS = {"new": "init", "create": "init", "setup": "init", "remove": "rm", "delete": "rm"}
_VALUED = frozenset(
    (
        *("--attach-debugger", "--client", "--color", "--config", "--config-file", "--copy-config-from"),
        *("--cwd", "--dest", "--event-log", "--exclude", "--exec-kind", "--file"),
        *("--memprofilerate", "--message", "--otel-traces", "--parallel", "--plan", "--policy-pack"),
        *("--policy-pack-config", "--profiling", "--replace", "--save-plan", "--secrets-provider", "--stack"),
        *("--target", "--target-replace", "--teams", "--tracing", "--type", "--verbose"),
    )
)
"""Long flags of the CLI whose value may be the next word."""
_VALUED_LETTERS = frozenset("scmtxpCv")

DEPLOYING = frozenset(("up", "preview", "refresh", "destroy"))
"""Verbs that run or read containers."""
CREATING = frozenset(("up", "preview", "refresh"))
"""Deploying verbs that make sense on a stack that does not exist yet."""
CONFIG_FILE = frozenset((*DEPLOYING, "config", "import", "logs", "watch"))
"""Verbs that know --config-file."""


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """One call of the front door."""

    arguments: tuple[str, ...]
    """What the engine gets."""
    verb: str = ""
    """The CLI's own name of the verb, aliases resolved; empty without one."""
    verb_index: int = -1
    """Where the verb is in `arguments`."""
    words: tuple[str, ...] = ()
    """Words after the verb that are no flags: `output` and `url` in `stack output url`."""
    stack: str = ""
    cwd: str = ""
    config_file: bool = False
    """Whether the user names a config file of their own."""
    saves_config: bool = False
    """Whether values are given by --config, which the CLI saves to the config file."""
    removes_stack: bool = False
    install_docker: bool = False
    help: bool = False

    @property
    def deploys(self) -> bool:
        return self.verb in DEPLOYING and not self.help

    @property
    def stack_action(self) -> str:
        """`rm` in `stack rm` and its aliases; empty for other verbs."""
        word = self.words[0] if self.words and self.verb == "stack" else ""
        return _STACK_ACTIONS.get(word, word)

    @property
    def named_stack(self) -> str:
        """The stack that the command line names, by flag or by word."""
        by_word = self.stack_action in ("init", "rm", "select") and len(self.words) > 1
        return self.stack or (self.words[1] if by_word else "")

    def with_flags(self, *flags: str) -> tuple[str, ...]:
        """The engine's arguments with `flags` right behind the verb."""
        after = self.verb_index + 1
        return (*self.arguments[:after], *flags, *self.arguments[after:])


def parse(words: Sequence[str]) -> CommandLine:
    end = words.index("--") if "--" in words else len(words)
    own = [*(word for word in words[:end] if word != INSTALL_DOCKER), *words[end:]]
    flags: dict[str, str] = {}
    plain: list[tuple[int, str]] = []
    for index, name, value in _read(own):
        if name:
            flags[name] = value
        else:
            plain.append((index, value))
    verb_index, verb = plain[0] if plain else (-1, "")
    return CommandLine(
        arguments=tuple(own),
        verb=_VERBS.get(verb, verb),
        verb_index=verb_index,
        words=tuple(word for _, word in plain[1:]),
        stack=flags.get("stack", flags.get("s", "")),
        cwd=flags.get("cwd", flags.get("C", "")),
        config_file="config-file" in flags,
        saves_config="config" in flags or "c" in flags,
        removes_stack="remove" in flags,
        install_docker=INSTALL_DOCKER in words[:end],
        help="help" in flags or "h" in flags,
    )


def _read(words: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """(index, flag without dashes, value) of every flag, and (index, "", word) of every other word."""
    index = 0
    while index < len(words):
        word = words[index]
        following = words[index + 1] if index + 1 < len(words) else ""
        taken = 1
        if word == "--":
            yield from ((index + 1 + offset, "", rest) for offset, rest in enumerate(words[index + 1 :]))
            return
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if not equals and word in _VALUED:
                value, taken = following, 2
            yield index, name, value
        elif word.startswith("-") and len(word) > 1:
            for letter, value, uses_next in _letters(word, following):
                yield index, letter, value
                taken = 2 if uses_next else taken
        else:
            yield index, "", word
        index += taken


def _letters(word: str, following: str) -> Iterator[tuple[str, str, bool]]:
    """(letter, value, whether the value is the next word) of short flags in one word: -y, -ys dev, -sdev, -s=dev."""
    for position, letter in enumerate(word[1:], start=1):
        if letter in _VALUED_LETTERS:
            rest = word[position + 1 :].removeprefix("=")
            yield (letter, rest, False) if rest else (letter, following, True)
            return
        yield letter, "", False
