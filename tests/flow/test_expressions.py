"""The expression library behind our door: types, results, its faults in words, and its traps."""

import gc
import sys
import threading
from typing import Any

import pytest

from app.flow.costs import MAX_LOOP_ITEMS
from app.flow.expressions import MAX_EXPRESSION, Environment, to_cel
from app.flow.fault import Fault
from tests.flow.samples import asset

VARIABLES = {
    "inputs.photos": "image[]",
    "inputs.photo": "image",
    "inputs.title": "text",
    "inputs.n": "number",
    "inputs.flag": "boolean",
    "inputs.vector": "vector",
    "inputs.vectors": "vector[]",
    "inputs.list": "json",
    "index": "integer",
    "steps.a.outputs.value": "json",
}
VALUES: dict[str, Any] = {
    "inputs.photos": [asset(1), asset(2)],
    "inputs.photo": asset(1),
    "inputs.title": "Sea",
    "inputs.n": 5.0,
    "inputs.flag": True,
    "inputs.vector": [1.0, 2.5],
    "inputs.vectors": [[1.0]],
    "inputs.list": [1, 2, 3],
    "index": 3,
    "steps.a.outputs.value": {"rows": [1, 2.5, None, "x"], "empty": None, "n": 7},
}
ENVIRONMENT = Environment(VARIABLES)

RESULTS: list[tuple[str, str, Any]] = [
    ("inputs.title", "text", "Sea"),
    ("inputs.title + '!'", "text", "Sea!"),
    ("size(inputs.title)", "integer", 3),
    ("inputs.n + 1", "number", 6.0),
    ("1 - inputs.n", "number", -4.0),
    ("inputs.n / 2", "number", 2.5),
    ("inputs.n * index", "number", 15.0),
    ("index / 2", "integer", 1),
    ("inputs.n > 4", "boolean", True),
    ("4 >= inputs.n", "boolean", False),
    ("inputs.n == 5", "boolean", True),
    ("index != inputs.n", "boolean", True),
    ("inputs.n in [1, 5]", "boolean", True),
    ("[4, 5, 6, 7, 8, 9][inputs.n]", "json", 9),
    ("inputs.photos[index - 2].name", "json", "2.jpeg"),
    ("inputs.photos[0]", "map", asset(1)),
    ("inputs.photos.map(each, each.name)", "json[]", ["1.jpeg", "2.jpeg"]),
    ("inputs.photos.filter(each, each.size_bytes > 1)", "map[]", [asset(2)]),
    ("inputs.photos.exists(each, each.mime == 'image/png')", "boolean", False),
    ("inputs.vector[1]", "number", 2.5),
    ("inputs.vectors[0]", "number[]", [1.0]),
    ("inputs.flag ? 'yes' : 'no'", "text", "yes"),
    ("[inputs.title, 'b']", "text[]", ["Sea", "b"]),
    ("[]", "json[]", []),
    ("{'a': [1, null]}", "map", {"a": [1, None]}),
    ("null", "null", None),
    ("steps.a.outputs.value.rows[3] + '!'", "text", "x!"),
    ("steps.a.outputs.value.rows", "json", [1, 2.5, None, "x"]),
    ("steps.a.outputs.value.empty", "json", None),
    ("has(steps.a.outputs.value.n)", "boolean", True),
    ("has(steps.a.outputs.value.m)", "boolean", False),
    ("steps.a.outputs.value.n + 0.5", "number", 7.5),
    ("string(inputs.n)", "text", "5"),
    ("string(timestamp('2026-01-31T12:00:00Z'))", "text", "2026-01-31T12:00:00Z"),
    ("inputs.title.matches('^S.a$')", "boolean", True),
    (".inputs.title", "text", "Sea"),
    ("'é😀'", "text", "é😀"),
]


@pytest.mark.parametrize(("text", "kind", "value"), RESULTS)
def test_an_expression_has_a_type_and_a_value(text: str, kind: str, value: Any) -> None:
    compiled, given = ENVIRONMENT.compile(text)
    assert given == kind
    result = compiled.evaluate(VALUES)
    assert result == value
    assert type(result) is type(value)


UNWRITTEN = "matches() wants its pattern written out; regex_find() takes any (no match gives '')."
COMPILE_FAULTS: list[tuple[str, int, str]] = [
    ("inputs.title.matches('(')", 21, "The pattern of matches() is not valid: missing ): (."),
    (
        f"inputs.title.matches('{'[a-z]{0,1000}' * 50}')",
        21,
        "The pattern of matches() repeats too much; ask for less with {…}.",
    ),
    ("inputs.title.matches(inputs.title)", 28, UNWRITTEN),
    ("matches(inputs.title, 'a' + 'b')", 28, UNWRITTEN),
    (
        "inputs.title + 1",
        13,
        "“+” cannot combine text and a number. Turn the other side into text with string(…).",
    ),
    ("inputs.n + inputs.flag", 9, "“+” cannot combine a number and true or false."),
    ("inputs.n % 2", 9, "“%” cannot combine a number and a number. It needs whole numbers: int(…)."),
    ("inputs.title == 1", 13, "“==” cannot combine text and a number."),
    ("inputs.title == null", 13, "This is text and never null; the comparison is not needed."),
    (
        "inputs.flag && inputs.title",
        12,
        "“&&” cannot combine true or false and text. Both sides must be true or false.",
    ),
    ("!inputs.title", 0, "“!” works on true or false, not on text."),
    ("-inputs.title", 0, "“-” works on a number, not on text."),
    (
        "inputs.flag ? 'a' : 1",
        12,
        "Both answers of “… ? … : …” must be of one type; here they are text and a number.",
    ),
    (
        "inputs.flag ? 1 : inputs.n",
        12,
        (
            "Both answers of “… ? … : …” must be of one type; here they are a number and a number. "
            "Write whole numbers with a point (1.0)."
        ),
    ),
    (
        "inputs.photos['a']",
        13,
        "“[…]” takes one item out of a list or an object; here it got a list of objects and text.",
    ),
    (
        "size(inputs.n)",
        4,
        (
            "size() cannot be used with a number. "
            "It is written size(value: text or any[] or object) → whole number."
        ),
    ),
    (
        "inputs.title.startsWith(1)",
        23,
        (
            "startsWith() cannot be used with text and a number. "
            "It is written text.startsWith(part: text) → boolean."
        ),
    ),
    ("string(1, 2)", 0, "string() does not take these arguments. It is written string(value: any) → text."),
    ("sizze(inputs.title)", 0, "There is no function “sizze”. Did you mean “size”?"),
    ("input.title", 0, "There is nothing called “input”. Did you mean “inputs”?"),
    (
        "blue",
        0,
        (
            "There is nothing called “blue”; values are “inputs.…” and “steps.<id>.outputs.…”, "
            "and text stands in quotes: 'blue'."
        ),
    ),
    ("inputs.title.foo", 12, "Text has no fields to choose from."),
    ("inputs.title.map(a, a)", 6, "map, filter, all and exists go through a list, not text."),
    ("has(1)", 4, "has(…) asks whether a field is there: has(inputs.settings.colour)."),
    ("1 +", 3, "The expression ends too early; something is missing at its end."),
    ("(1", 2, "The expression ends too early; something is missing at its end."),
    ("inputs.n = 2", 9, "“=” does not fit here. To compare, write “==”."),
    ("inputs.flag and true", 12, "“and” does not fit here. Write “&&”."),
    (
        "inputs.title | upper",
        13,
        "“|” does not fit here. Filters are not part of the language; call a function instead.",
    ),
    ("'a' +\n  blue'", 12, "“'” does not fit here."),
    ("if", 0, "“if” is a word of the expression language and no name."),
    (
        "timestamp('2026-01-31T12:00:00Z')",
        0,
        "The result is a time that no step can take; turn it into text with string(…).",
    ),
    (
        "duration('3s')",
        0,
        "The result is a time span that no step can take; turn it into text with string(…).",
    ),
    ("b'a'", 0, "The result is raw bytes that no step can take; turn it into text with string(…)."),
    ("(" * 40 + "1" + ")" * 40, 0, "The expression is nested too deeply; split it over several steps."),
    ("1" + " + 1" * 40, 0, "The expression is nested too deeply; split it over several steps."),
]


@pytest.mark.parametrize(("text", "start", "message"), COMPILE_FAULTS)
def test_a_wrong_expression_is_said_in_words_with_its_place(text: str, start: int, message: str) -> None:
    with pytest.raises(Fault) as caught:
        ENVIRONMENT.compile(text)
    assert (caught.value.start, caught.value.message) == (start, message)


RUN_FAULTS: list[tuple[str, str]] = [
    ("steps.a.outputs.value.colour", "There is no “colour” in this value."),
    ("inputs.photos[9].name", "There is no item 9: the list has 2 items, counted from 0."),
    ("index / 0", "This divides by zero."),
    ("inputs.n / 0", "This divides by zero."),
    ("index % 0", "This divides by zero."),
    ("1.0 / 0.0", "The result is no finite number (something was divided by zero, or grew too large)."),
    ("9223372036854775807 + index", "A number became too large."),
    ("steps.a.outputs.value + 1", "“+” cannot combine an object and a number."),
    (
        "steps.a.outputs.value.empty + 1",
        (
            "“+” cannot combine nothing (null) and a number. One side has no value: its step was skipped, "
            "or an optional input was left out."
        ),
    ),
    (
        "size(steps.a.outputs.value.empty)",
        "size() cannot be used with nothing (null). Its step was skipped, or an optional input was left out.",
    ),
    ("steps.a.outputs.value.n.m", "A field was asked of a value that has no fields."),
    ("int(inputs.title) + 1", "int(…) was given a text that is no whole number."),
    ("double(inputs.title)", "double(…) was given a text that is no number."),
    ("string(timestamp(inputs.title))", "timestamp(…) wants a time such as 2026-01-31T12:00:00Z."),
    ("dyn(timestamp('2026-01-31T12:00:00Z'))", "The result holds a time; turn it into text with string(…)."),
    ("dyn([duration('1s')])", "The result holds a time span; turn it into text with string(…)."),
    ("{1: 2}", "The names in an object must be text, not a number: {'1': …}."),
]


@pytest.mark.parametrize(("text", "message"), RUN_FAULTS)
def test_a_value_that_does_not_work_is_said_in_words(text: str, message: str) -> None:
    compiled, _ = ENVIRONMENT.compile(text)
    with pytest.raises(Fault) as caught:
        compiled.evaluate(VALUES)
    assert caught.value.message == message


def test_a_value_that_is_not_there_reads_as_null() -> None:
    compiled, _ = ENVIRONMENT.compile("inputs.title + '!'")
    with pytest.raises(Fault, match=r"cannot combine nothing \(null\) and text"):
        compiled.evaluate({"inputs.title": None})


def test_whole_numbers_divide_as_numbers_wherever_they_come_from() -> None:
    compiled, _ = ENVIRONMENT.compile("inputs.n / 2 + inputs.vectors[0][0] / 2")
    values = {"inputs.n": to_cel(5, "number"), "inputs.vectors": to_cel([[1]], "vector[]")}
    assert compiled.evaluate(values) == 3.0
    assert to_cel(None, "number") is None
    assert to_cel(True, "number") is True
    assert to_cel([1], "json") == [1]


def test_numbers_beyond_64_bits_are_refused_in_words() -> None:
    compiled, _ = ENVIRONMENT.compile("steps.a.outputs.value.n + 1")
    with pytest.raises(Fault, match="too large for an expression"):
        compiled.evaluate({"steps.a.outputs.value": {"n": 2**70}})


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from 3.12 on")
@pytest.mark.parametrize(
    "text",
    [
        "steps.a.outputs.value.empty",
        "steps.a.outputs.value",
        "[null, null]",
        "steps.a.outputs.value.rows.map(each, each)",
        "inputs.list.map(each, null)",
        "null",
    ],
)
def test_nulls_that_leave_the_library_do_not_wear_none_out(text: str) -> None:
    compiled, _ = ENVIRONMENT.compile(text)
    compiled.evaluate(VALUES)
    gc.collect()
    gc.disable()  # what it collects holds None too, and would be counted
    try:
        before = sys.getrefcount(None)
        for _ in range(2_000):
            compiled.evaluate(VALUES)
        assert abs(sys.getrefcount(None) - before) < 200
    finally:
        gc.enable()


def test_one_expression_runs_in_many_threads() -> None:
    compiled, _ = ENVIRONMENT.compile("inputs.title + string(inputs.n)")
    wrong: list[str] = []

    def work(start: int) -> None:
        for number in range(start, start + 2_000):
            values = {"inputs.title": f"t{number}-", "inputs.n": float(number)}
            if compiled.evaluate(values) != f"t{number}-{number}":
                wrong.append(str(number))

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 8_000, 2_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_expression_too_long_is_refused() -> None:
    with pytest.raises(Fault, match=r"4,003 characters long; at most 4,000 fit"):
        ENVIRONMENT.compile(f"'{'a' * (MAX_EXPRESSION + 1)}'")


def test_loops_over_long_lists_are_refused_before_they_copy_themselves_to_death() -> None:
    compiled, _ = ENVIRONMENT.compile("inputs.list.map(each, each)")
    assert len(compiled.evaluate({"inputs.list": list(range(MAX_LOOP_ITEMS))})) == MAX_LOOP_ITEMS
    with pytest.raises(Fault, match="handle at most 2,000 items in one expression"):
        compiled.evaluate({"inputs.list": list(range(MAX_LOOP_ITEMS + 1))})


def test_nested_loops_stop_at_the_budget_of_rounds() -> None:
    compiled, _ = ENVIRONMENT.compile("inputs.list.map(a, inputs.list.map(b, b))")
    with pytest.raises(Fault, match="more than 10,000 items"):
        compiled.evaluate({"inputs.list": list(range(500))})


def test_loops_that_double_a_value_again_and_again_are_refused() -> None:
    with pytest.raises(Fault, match="multiply their values"):
        ENVIRONMENT.compile("[inputs.title]" + ".map(a, a + a)" * 7)


def test_a_result_that_names_one_large_value_often_is_refused() -> None:
    compiled, _ = ENVIRONMENT.compile("inputs.list.map(each, inputs.title)")
    values = {"inputs.list": list(range(100)), "inputs.title": "x" * 100_000}
    with pytest.raises(Fault, match="too large for an expression"):
        compiled.evaluate(values)
    compiled, _ = ENVIRONMENT.compile("inputs.list.map(each, inputs.list)")
    with pytest.raises(Fault, match="too large for an expression"):
        compiled.evaluate({"inputs.list": list(range(1_000))})


def test_text_that_doubles_from_step_to_step_is_refused_before_it_fills_the_memory() -> None:
    compiled, _ = ENVIRONMENT.compile("inputs.title + inputs.title")
    with pytest.raises(Fault, match="too large for an expression"):
        compiled.evaluate({"inputs.title": "x" * 2_500_001})


@pytest.mark.parametrize(
    "text",
    [
        "+".join(["(" + "+".join(["inputs.title"] * 11) + ")"] * 11),
        "inputs.list.filter(each, inputs.title + inputs.title == string(each)).size()",
        "inputs.list.exists(each, inputs.title.matches('^a'))",
        "[" + "1, " * 150 + "1].exists(each, inputs.title.matches('(a|b)+1'))",
        r"inputs.title.matches('\\pL{1,8}x')",
    ],
)
def test_work_on_large_values_is_refused_before_it_holds_everybody_up(text: str) -> None:
    compiled, _ = ENVIRONMENT.compile(text)
    with pytest.raises(Fault, match="too large for this expression"):
        compiled.evaluate({"inputs.title": "x" * 1_000_000, "inputs.list": list(range(2_000))})


def test_values_nested_out_of_reach_are_refused_in_words() -> None:
    value: Any = 1
    for _ in range(20_000):
        value = [value]
    with pytest.raises(Fault, match="nested more than 64 levels deep"):
        to_cel(value, "json")
