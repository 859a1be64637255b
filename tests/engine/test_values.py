"""Property values: secrets and unknowns keep their marks wherever they go."""

from engine.secrets import Blinder
from engine.values import (
    UNKNOWN,
    Secret,
    blind,
    from_wire,
    has_unknown,
    lift_secrets,
    mark_secrets,
    reveal,
    to_wire,
    without_unknowns,
)


def test_the_wire_form_comes_back_as_it_was() -> None:
    """Secrets, unknowns, lists and maps survive the way over the wire and back."""
    value = {"a": [1, True, None, Secret({"b": UNKNOWN})], "c": UNKNOWN, "d": "text"}
    assert from_wire(to_wire(value)) == value


def test_whole_numbers_come_back_as_integers() -> None:
    """Protobuf has doubles only; a port is not 80.0."""
    assert from_wire({"port": 80.0, "share": 0.5}) == {"port": 80, "share": 0.5}


def test_a_secret_hides_in_repr_and_when_blinded() -> None:
    """Neither a traceback nor a display shows it."""
    assert "pw" not in repr(Secret("pw"))
    assert blind({"a": [Secret("pw")]}) == {"a": ["[secret]"]}
    assert reveal({"a": Secret(["pw", Secret("x")])}) == {"a": ["pw", "x"]}


def test_outputs_take_over_the_marks_of_the_inputs() -> None:
    """A map is marked where the secret is; a list as a whole, as providers sort lists."""
    inputs = {"env": {"A": Secret("x"), "B": "y"}, "list": ["a", Secret("b")]}
    outputs = {"env": {"A": "x", "B": "y"}, "list": ["b", "a"], "id": "1"}
    marked = mark_secrets(outputs, lift_secrets(inputs))
    assert marked == {"env": {"A": Secret("x"), "B": "y"}, "list": Secret(["b", "a"]), "id": "1"}


def test_unknowns_are_found_inside_secrets_and_dropped_from_outputs() -> None:
    """A secret may hide that something is not known yet."""
    assert has_unknown({"a": Secret([UNKNOWN])})
    assert without_unknowns({"a": UNKNOWN, "b": [1, UNKNOWN]}) == {"b": [1]}


def test_the_blinder_takes_secrets_out_of_any_text() -> None:
    """The longest first, many-line secrets line by line, and nothing that is too short to hide."""
    blinder = Blinder()
    blinder.learn([Secret("hunter2"), Secret("hunter2-long"), Secret("x"), Secret("first line\nsecond line"), "plain"])
    assert blinder("hunter2-long hunter2 plain x") == "[secret] [secret] plain x"
    assert blinder("> second line") == "> [secret]"


def test_the_blinder_leaves_the_words_of_a_secret_list_or_map_alone() -> None:
    """The recorded inputs of an image are secret as a whole, and full of words such as `debian`."""
    blinder = Blinder()
    blinder.learn(
        {"__inputs": Secret({"build": {"args": {"SOURCE": "debian"}}}), "args": {"PASS": Secret("swordfish")}}
    )
    assert blinder("debian swordfish") == "debian [secret]"
