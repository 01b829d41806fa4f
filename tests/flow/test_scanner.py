"""Finding expressions in text and names in expressions."""

import pytest

from app.flow.scanner import Unclosed, loops_of, paths_of, split, tokens_of

SPLITS: list[tuple[str, list[tuple[str, int]]]] = [
    ("plain", []),
    ("{{ a }}", [(" a ", 2)]),
    ("x {{ a }} y {{b}}", [(" a ", 4), ("b", 14)]),
    ("{{ {'k': {'l': 1}} }}", [(" {'k': {'l': 1}} ", 2)]),
    ("{{ {'k': {'l': 1}}}}", [(" {'k': {'l': 1}}", 2)]),
    ("{{ '}}' }}", [(" '}}' ", 2)]),
    ('{{ "a\\"}}" }}', [(' "a\\"}}" ', 2)]),
    ("{{ r'\\' }}", [(" r'\\' ", 2)]),
    ("{{ '''}}''' }}", [(" '''}}''' ", 2)]),
    ("{{ a // }}", [(" a // ", 2)]),
    ("{{ a // note\n }}", [(" a // note\n ", 2)]),
    ("{{}}", [("", 2)]),
    ("} }} {", []),
]


@pytest.mark.parametrize(("text", "expressions"), SPLITS)
def test_expressions_are_found_in_text(text: str, expressions: list[tuple[str, int]]) -> None:
    pieces = split(text)
    assert [(piece.text, piece.start) for piece in pieces if piece.is_expression] == expressions
    assert "".join(f"{{{{{each.text}}}}}" if each.is_expression else each.text for each in pieces) == text


@pytest.mark.parametrize("text", ["{{", "a {{ b", "{{ { }}", "{{ a }"])
def test_braces_that_never_close_are_found(text: str) -> None:
    with pytest.raises(Unclosed) as caught:
        split(text)
    assert caught.value.start == text.index("{{")


PATHS: list[tuple[str, list[tuple[str | int, ...]]]] = [
    ("inputs.photos", [("inputs", "photos")]),
    ("inputs.photos[0].name", [("inputs", "photos", 0, "name")]),
    (
        "steps.a.outputs.b + steps.c.outputs.d",
        [("steps", "a", "outputs", "b"), ("steps", "c", "outputs", "d")],
    ),
    ("inputs.photos.size()", [("inputs", "photos")]),
    ("inputs . photos", [("inputs", "photos")]),
    (".inputs.photos", [("inputs", "photos")]),
    ("[1, .inputs.a]", [("inputs", "a")]),
    ("item", [("item",)]),
    ("value.inputs.photos", []),
    ("f().item", []),
    ("'inputs.photos'", []),
    ("// inputs.photos\n1", []),
    ("inputs", [("inputs",)]),
    ("inputs['photos']", [("inputs",)]),
    ("items", []),
    ("{'a': inputs.a}", [("inputs", "a")]),
    ("inputs.photos[index]", [("inputs", "photos"), ("index",)]),
]


@pytest.mark.parametrize(("text", "paths"), PATHS)
def test_names_are_found_in_expressions(text: str, paths: list[tuple[str | int, ...]]) -> None:
    assert [path.parts for path in paths_of(tokens_of(text))] == paths


def test_loops_are_found_with_their_variable_and_its_uses() -> None:
    text = "inputs.a.map(x, x + x.y + z.x).filter(y, size(y) > 1).all(item, item > 0)"
    loops = [(loop.macro, loop.variable, loop.uses) for loop in loops_of(tokens_of(text))]
    assert loops == [("map", "x", 2), ("filter", "y", 1), ("all", "item", 1)]
