"""Rendering: types are kept, text is joined, and the short way gives what the library would give."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.flow.document import parse
from app.flow.expressions import Environment, to_cel
from app.flow.fault import Fault
from app.flow.names import look_up
from app.flow.placed import ExpressionFailed
from app.flow.program import Program, compile_program
from app.flow.texts import as_text
from tests.flow.samples import CATALOG, asset, document, node

INPUTS: dict[str, Any] = {
    "photo": {"type": "image"},
    "photos": {"type": "image[]"},
    "title": {"type": "text"},
    "n": {"type": "number"},
    "flag": {"type": "boolean"},
    "data": {"type": "json"},
    "optional": {"type": "text", "default": None},
}
GIVEN: dict[str, Any] = {
    "photo": asset(1),
    "photos": [asset(1), asset(2)],
    "title": "Sea",
    "n": 3,
    "flag": True,
    "data": {"rows": [1, 2.5, {"k": None}], "none": None},
    "optional": None,
}


def program_of(value: Any, **rules: Any) -> Program:
    """A program with one node `a` that has this value."""
    return compile_program(
        parse(document(node("a", values={"value": value}, **rules), inputs=INPUTS)), CATALOG
    )


def rendered(value: Any, **inputs: Any) -> Any:
    scope = {
        "inputs": {**GIVEN, **inputs},
        "instance": {"id": "i-1", "number": 7},
        "organization": {"name": "Us"},
    }
    return program_of(value).nodes["a"].render(scope)["value"]


RENDERED: list[tuple[Any, Any]] = [
    (1, 1),
    (None, None),
    ("plain", "plain"),
    ("{{ inputs.photo }}", asset(1)),
    (" {{ inputs.photos }}\n", [asset(1), asset(2)]),
    ("{{ inputs.n }}", 3),
    ("{{ inputs.n + 1 }}", 4.0),
    ("{{ inputs.optional }}", None),
    ("{{ inputs.data.rows[2] }}", {"k": None}),
    ("{{ inputs.data.rows[2].k }}", None),
    ("{{ inputs.photos[1].size_bytes }}", 2),
    ("{{ instance.number }} {{ instance.id }} {{ organization.name }}", "7 i-1 Us"),
    ("{{ inputs.title }}{{ inputs.title }}", "SeaSea"),
    ("{{ inputs.title }} {{ inputs.n }}", "Sea 3"),
    ("{{ inputs.n + 1 }} of {{ inputs.n / 2 }}", "4 of 1.5"),
    ("<{{ inputs.optional }}>", "<>"),
    ("is {{ inputs.flag }}", "is true"),
    ("see {{ inputs.photo }}", "see 1.jpeg"),
    ("{{ inputs.data.rows }}!", '[1,2.5,{"k":null}]!'),
    ("{{ '{{' }} braces }}", "{{ braces }}"),
    ({"a": ["{{ inputs.n }}", {"b": "{{ inputs.title }}!"}], "c": 1}, {"a": [3, {"b": "Sea!"}], "c": 1}),
    ("{{ inputs.optional == null ? 'none' : inputs.optional }}", "none"),
]


@pytest.mark.parametrize(("value", "result"), RENDERED)
def test_values_are_rendered(value: Any, result: Any) -> None:
    assert rendered(value) == result


def test_a_plain_path_gives_the_very_value_without_a_copy() -> None:
    photos = [asset(index) for index in range(10_000)]
    assert rendered("{{ inputs.photos }}", photos=photos) is photos


FAILURES: list[tuple[Any, str, int, str]] = [
    (
        "{{ inputs.data.colour }}",
        "with.value",
        4,
        "There is no “colour” in this value. There is “none” and “rows”.",
    ),
    (
        "{{ inputs.data.rows[7] }}",
        "with.value",
        4,
        "There is no item 7: the list has 3 items, counted from 0.",
    ),
    ("{{ inputs.data.rows.k }}", "with.value", 4, "A field (k) was asked of a list of 3."),
    ("{{ inputs.data.none[0] }}", "with.value", 4, "An item (0) was asked of nothing (null)."),
    (
        {"a": ["x", "ab {{ inputs.data.none + 1 }}"]},
        "with.value.a[1]",
        7,
        (
            "“+” cannot combine nothing (null) and a number. "
            "One side has no value: its step was skipped, or an optional input was left out."
        ),
    ),
]


@pytest.mark.parametrize(("value", "field", "column", "message"), FAILURES)
def test_a_value_that_does_not_work_names_node_field_and_column(
    value: Any, field: str, column: int, message: str
) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        rendered(value)
    failed = caught.value
    assert (failed.node, failed.field, failed.column, failed.message) == ("a", field, column, message)
    assert failed.error_class == "bad_input"
    assert str(failed) == f"{field}, column {column}: {message}"
    assert failed.complaint().message == message


def test_a_value_too_deep_for_text_fails_in_words() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ExpressionFailed, match="nested too deeply"):
        rendered("x {{ inputs.data }}", data=value)


KEYS = st.from_regex(r"[a-z]{1,3}", fullmatch=True).filter(
    lambda key: key not in {"in", "as", "if", "for", "let", "var"}
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@st.composite
def paths(draw: st.DrawFn) -> tuple[Any, str]:
    """A value, and a path that may or may not lead somewhere in it."""
    value = draw(JSON)
    path, here = "inputs.data", value
    for _ in range(draw(st.integers(0, 3))):
        if isinstance(here, list) and draw(st.booleans()):
            index = draw(st.integers(0, 3))
            path, here = f"{path}[{index}]", here[index] if index < len(here) else None
        else:
            known = list(here) if isinstance(here, dict) else []
            key = draw(st.sampled_from(known) | KEYS if known else KEYS)
            path, here = f"{path}.{key}", here.get(key) if isinstance(here, dict) else None
    return value, path


@given(paths())
@settings(max_examples=300, deadline=None)
def test_the_short_way_and_the_library_agree(case: tuple[Any, str]) -> None:
    value, path = case
    scope = {"inputs": {"data": value}}
    expected: Any = None
    failed = False
    try:
        compiled, _ = Environment({"inputs.data": "json"}).compile(path)
        expected = compiled.evaluate({"inputs.data": to_cel(look_up(scope, ("inputs", "data")), "json")})
    except Fault:
        failed = True
    try:
        result = program_of(f"{{{{ {path} }}}}").nodes["a"].render(scope)["value"]
    except ExpressionFailed:
        assert failed
    else:
        assert not failed
        assert result == expected


@given(JSON)
@settings(max_examples=100, deadline=None)
def test_a_value_survives_the_library_unchanged(value: Any) -> None:
    assume(value is not None)
    assert rendered("{{ [inputs.data][0] }}", data=value) == value


def test_values_become_text_as_people_write_them() -> None:
    assert [as_text(value) for value in (None, True, 3, 3.0, 2.5, 1e20, "x", [1], asset(2))] == [
        "",
        "true",
        "3",
        "3",
        "2.5",
        "1e+20",
        "x",
        "[1]",
        "2.jpeg",
    ]


def test_text_joined_of_large_values_has_a_bound() -> None:
    with pytest.raises(ExpressionFailed, match="too large for an expression"):
        rendered("{{ inputs.title }}, " * 6, title="x" * 1_000_000)
