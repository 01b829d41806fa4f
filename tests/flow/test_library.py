"""Every function of the language, walked: documented, typed, its examples true, safe whatever it is given."""

import gc
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.flow import meter
from app.flow.expressions import Compiled, Environment
from app.flow.fault import Fault
from app.flow.library import Function, library
from app.flow.meter import MAX_RESULT_CHARACTERS, MAX_RESULT_ITEMS, Meter, Refused, measure, metered
from tests.flow.samples import asset

EVERY = tuple(library().values())
OURS = tuple(each for each in EVERY if each.run is not None)
VARIABLES = {
    "inputs.photos": "image[]",
    "inputs.photo": "image",
    "inputs.texts": "text[]",
    "inputs.text": "text",
    "inputs.n": "number",
    "inputs.data": "json",
    "index": "integer",
}
ENVIRONMENT = Environment(VARIABLES)
VALUES: dict[str, Any] = {
    "inputs.photos": [asset(1), asset(2)],
    "inputs.photo": asset(1),
    "inputs.texts": ["b", "a"],
    "inputs.text": "Sea",
    "inputs.n": 2.5,
    "inputs.data": {"list": [3, 1, 2], "text": "x", "none": None},
    "index": 3,
}


def evaluate(text: str, **values: Any) -> Any:
    compiled, _ = ENVIRONMENT.compile(text)
    return compiled.evaluate(VALUES | {name.replace("_", "."): value for name, value in values.items()})


def type_of(text: str) -> str:
    return ENVIRONMENT.compile(text)[1]


def fault_of(text: str, **values: Any) -> str:
    with pytest.raises(Fault) as caught:
        evaluate(text, **values)
    return caught.value.message


# Every one -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", EVERY, ids=lambda each: each.name)
def test_a_function_is_documented(function: Function) -> None:
    assert function.title
    assert function.description.endswith(".")
    assert function.name in function.signature
    assert "→" in function.signature
    assert function.examples
    assert all(function.name in example.expression for example in function.examples)


@pytest.mark.parametrize(
    ("function", "number"),
    [(each, number) for each in EVERY for number in range(len(each.examples))],
    ids=lambda value: value.name if isinstance(value, Function) else str(value),
)
def test_an_example_gives_what_it_says(function: Function, number: int) -> None:
    example = function.examples[number]
    result = evaluate(example.expression)
    assert result == example.result
    assert type(result) is type(example.result)


LITERALS = {
    "text": "'a'",
    "number": "1.5",
    "integer": "1",
    "boolean": "true",
    "json": "dyn(1)",
    "map": "{'a': 1}",
    "file": "inputs.photo",
    "time": "'2026-01-31T12:00:00Z'",
    "A": "'a'",
}


def literal(kind: str) -> str:
    return f"[{literal(kind[:-2])}]" if kind.endswith("[]") else LITERALS[kind]


@pytest.mark.parametrize("function", OURS, ids=lambda each: each.name)
def test_a_function_is_typed_when_it_is_saved_in_either_style(function: Function) -> None:
    given = [literal(parameter.types[0]) for parameter in function.parameters]
    receiver, *rest = given
    types = {
        type_of(f"{function.name}({', '.join(given)})"),
        type_of(f"({receiver}).{function.name}({', '.join(rest)})"),
    }
    wanted = function.returns.replace("A", "text")
    assert types == {wanted}


@pytest.mark.parametrize("function", OURS, ids=lambda each: each.name)
def test_a_wrong_argument_is_a_complaint_that_shows_how_to_write_it(function: Function) -> None:
    for place, parameter in enumerate(function.parameters):
        if set(parameter.types) & {"json", "A"}:
            continue
        given = [literal(each.types[0]) for each in function.parameters]
        given[place] = "b'raw'"
        with pytest.raises(Fault) as caught:
            ENVIRONMENT.compile(f"{function.name}({', '.join(given)})")
        assert caught.value.message.startswith(f"{function.name}() cannot be used with ")
        assert caught.value.message.endswith(f"It is written {function.signature}.")


@pytest.mark.parametrize("function", OURS, ids=lambda each: each.name)
def test_null_from_a_step_that_did_not_run_is_said_in_words(function: Function) -> None:
    first = function.parameters[0]
    if set(first.types) & {"json", "A"}:
        return
    rest = [literal(each.types[0]) for each in function.parameters[1:]]
    message = fault_of(f"{function.name}({', '.join(['inputs.data.none', *rest])})")
    assert message.startswith(f"“{first.name}” of {function.name}() must be ")
    assert message.endswith(", not nothing (null); its step was skipped, or an optional input was left out.")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)
LIKELY = st.sampled_from(
    [
        *("", "a", "%Y", "Europe/Berlin", "days", "(", "(a+)+$", "\\1", "2026-01-31", "9999-12-31T23:59:59Z"),
        *("AA==", "%00", "00", '"\\u0000"', "[" * 200, "1e999", "-"),
        *(0, 1, -1, 10**9, 2**62, -(2**62), 1e308, -1e308, 0.5),
        *([], ["a"], [1, 2], [[1], [2]], [None], [{"a": 1}], {}, {"a": 1}, asset(1), [asset(1)]),
    ]
)


@given(st.sampled_from(OURS), st.lists(JSON | LIKELY, min_size=4, max_size=4), st.booleans(), st.data())
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_function_is_given_it_answers_or_refuses(
    function: Function, given_values: list[Any], is_member: bool, data: st.DataObject
) -> None:
    required = sum(parameter.required for parameter in function.parameters)
    count = data.draw(st.integers(required, len(function.parameters)))
    names = [f"inputs.v{place}" for place in range(count)]
    environment = Environment(dict.fromkeys(names, "json"))
    receiver, *rest = names
    text = (
        f"{receiver}.{function.name}({', '.join(rest)})"
        if is_member
        else f"{function.name}({', '.join(names)})"
    )
    compiled, _ = environment.compile(text)
    result, message = answer_of(compiled, dict(zip(names, given_values, strict=False)))
    assert message.endswith(".")
    assert "failed on these values" not in message
    assert "cannot be used:" not in message
    size = measure((result,))
    assert size.items <= MAX_RESULT_ITEMS
    assert size.characters <= MAX_RESULT_CHARACTERS


def answer_of(compiled: Compiled, values: dict[str, Any]) -> tuple[Any, str]:
    """The result, or why there is none."""
    try:
        return compiled.evaluate(values), "."
    except Fault as fault:
        return None, fault.message


# What they keep ------------------------------------------------------------------------------------------


TYPES = [
    ("inputs.photos.first()", "map"),
    ("inputs.photos.reverse()", "map[]"),
    ("inputs.photos.chunk(2)", "map[][]"),
    ("inputs.texts.sort().first()", "text"),
    ("[1, 2].first()", "integer"),
    ("inputs.texts.map(t, t.upper())", "text[]"),
    ("inputs.texts.map(t, t.split('')).flatten()", "text[]"),
    ("inputs.data.list.first()", "json"),
    ("default(inputs.text, 'none')", "text"),
    ("default(inputs.n, 1)", "number"),
    ("default(1, inputs.n)", "number"),
    ("default(inputs.photo, inputs.photos[0])", "map"),
    ("inputs.photos.names().join(', ')", "text"),
    ("round(inputs.n)", "number"),
    ("floor(inputs.n)", "integer"),
    ("range(1, inputs.n)", "integer[]"),
    ("substring(inputs.text, index)", "text"),
    ("timestamp('2026-01-31T12:00:00Z').format_time()", "text"),
]


@pytest.mark.parametrize(("text", "kind"), TYPES)
def test_types_pass_through_functions_when_it_is_saved(text: str, kind: str) -> None:
    assert type_of(text) == kind


RESULTS = [
    ("inputs.text.lower().upper().size()", 3),
    ("inputs.photos.first().name.file_stem()", "1"),
    ("inputs.data.list.sort().map(n, n * 2)", [2, 4, 6]),
    ("inputs.data.none.default('x')", "x"),
    ("[1, 1.0, true, '1', [1], [1.0], {'a': 1}, {'a': 1}].distinct()", [1, True, "1", [1], {"a": 1}]),
    ("[1, 2.5, 2].max() + 1", 3.5),
    ("[].max()", None),
    ("[].average()", None),
    ("'a,b'.split(',').reverse().join('+')", "b+a"),
    ("round(-2.5)", -3.0),
    ("round(1.005, 2)", 1.01),
    ("round(1234.5, -2)", 1200.0),
    ("'Straße'.upper()", "STRASSE"),
    ("'æ Ünï'.slug()", "uni"),
    ("'it’s o’clock'.title()", "It’s O’clock"),
    ("'.hidden'.file_extension()", ""),
    ("'/sea.jpeg'.with_extension('.png')", "/sea.png"),
    ("'2024-02-29'.add_time(1, 'years')", "2025-02-28T00:00:00.000Z"),
    ("'2026-01-31T12:00:00+02:00'.add_time(90, 'minutes')", "2026-01-31T11:30:00.000Z"),
    ("'2026-06-01T12:00:00Z'.format_time('%-d.%-m. %A', 'America/New_York')", "1.6. Monday"),
    ("timestamp('2026-01-31T12:00:00Z').start_of('week')", "2026-01-26T00:00:00.000Z"),
    ("'aXbX'.regex_replace('X', '')", "ab"),
    ("'ab'.regex_split('')", ["ab"]),
    ("'héllo'.regex_find_all('é.')", ["él"]),
    ("format_bytes(999)", "999 bytes"),
    ("format_duration(59.6)", "1:00"),
    ("clamp(inputs.n, 0, 1)", 1.0),
    ("to_json(inputs.data)", '{"list":[3,1,2],"none":null,"text":"x"}'),
    ("parse_json('[1e400]'.replace('e400', ''))", [1]),
    ("inputs.photos.sort_by('size_bytes', true).names()", ["2.jpeg", "1.jpeg"]),
    ("'a'.default('b') + 'c'", "ac"),
]


@pytest.mark.parametrize(("text", "result"), RESULTS)
def test_functions_work_together(text: str, result: Any) -> None:
    assert evaluate(text) == result


FAULTS = [
    ("[1, 'a'].sort()", "sort() compares numbers, or texts, with one another; here is “a” beside 1."),
    (
        "[1, null].max()",
        (
            "max() compares numbers, or texts, with one another; here is nothing (null) beside 1. "
            "without_nulls() takes nulls out."
        ),
    ),
    ("inputs.text.substring(inputs.n)", "“start” of substring() must be a whole number, not 2.5."),
    ("'a'.split('')", "split() needs a separator; characters(…) takes a text apart letter by letter."),
    ("regex_find('a', '(')", "The pattern is not valid: missing ): (."),
    ("'a'.regex_replace('a', '\\\\2')", "The replacement names a group that the pattern does not have."),
    (
        "'2026-01-31'.format_time('%Q')",
        "A time has no part “%Q”; those there are, are %Y %m %d %H %M %S and others.",
    ),
    ("'x'.format_time()", "“time” of format_time() must be a time such as 2026-01-31T12:00:00Z, not “x”."),
    ("'2026-01-31'.format_time('%Y', 'Mars')", "There is no time zone “Mars”; one is Europe/Berlin, or UTC."),
    ("'2026-01-31'.format_time('%Y', '../etc/passwd')", "There is no time zone “../etc/passwd”; one is"),
    ("'2026-01-31'.add_time(1, 'day')", "There is no unit “day”. Did you mean “days”? Known are"),
    ("'9999-12-31'.add_time(1, 'years')", "The time lies outside of the years 1 to 9999."),
    ("parse_json('{')", "parse_json() was given a text that is no JSON: Input data was truncated."),
    ("base64_decode('AA==')", "The text holds the character U+0000, which cannot be stored."),
    ("base64_decode('/w==')", "These base64 hold bytes that are no text; a step has to handle them."),
    ("sqrt(-1)", "sqrt() cannot work with these values: "),
    ("chunk([1], 0)", "chunk() makes lists of 1 item or more, not 0."),
    ("inputs.data.get('list').first().lower()", "“text” of lower() must be text, not 3."),
    ("[inputs.data].sort_by('nope')", "sort_by() found an object without “nope”."),
    ("[1, 2].map(n, chunk([n], 0))", "chunk() makes lists of 1 item or more, not 0."),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_what_a_function_cannot_do_is_said_in_its_words(text: str, message: str) -> None:
    assert fault_of(text).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lowr(inputs.text)", "There is no function “lowr”. Did you mean “lower”?"),
        ("inputs.text.trimm()", "There is no function “trimm”. Did you mean “trim”?"),
        (
            "inputs.text.replace('a')",
            (
                "replace() does not take these arguments. "
                "It is written text.replace(old: text, new: text) → text."
            ),
        ),
        (
            "upper(1)",
            "upper() cannot be used with a number. It is written text.upper() → text.",
        ),
        (
            "[1].flatten()",
            "flatten() cannot be used with a list of numbers. It is written lists.flatten() → any[].",
        ),
        ("now()", "There is no function “now”."),
    ],
)
def test_a_function_that_is_not_there_or_not_so_is_a_complaint(text: str, message: str) -> None:
    with pytest.raises(Fault) as caught:
        ENVIRONMENT.compile(text)
    assert caught.value.message == message


def test_what_one_side_refuses_the_other_may_make_up_for() -> None:
    assert evaluate("chunk([1], 0).size() == 1 || true") is True
    assert evaluate("is_empty(inputs.data.list) ? 'none' : string(inputs.data.list.first())") == "3"


# Bounds --------------------------------------------------------------------------------------------------


BIG: dict[str, Any] = {
    "inputs_text": "x" * 1_000_000,
    "inputs_texts": ["y" * 100] * 10_000,
    "inputs_photos": [asset(number) for number in range(10_000)],
}
EXPLODING = [
    "range(1, 1000000000)",
    "range(0, 9223372036854775806)",
    "'x'.pad_start(1000000000)",
    "'x'.repeat(9223372036854775807)",
    "inputs.text.replace('x', inputs.text)",
    "inputs.text.regex_replace('', inputs.text)",
    "inputs.texts.join(inputs.text)",
    "inputs.text.truncate(3, inputs.text.repeat(5))",
    "range(1, 100000).map(n, n)",
    "range(1, 2001).map(n, n)",
    "range(1, 2000).map(n, range(1, 2000))",
    "range(1, 2000).map(n, inputs.text.lower())",
    "range(1, 2000).exists(n, inputs.text.lower() == 'x')",
    "range(1, 2000).exists(n, inputs.photos.first().name == string(n))",
    "range(1, 2000).all(n, range(1, 2000).all(m, inputs.texts.first() == 'x'))",
    "['x'.pad_start(900000)].exists(s, range(1, 1999).exists(n, s.upper() == 'y'))",
    "['x'.pad_start(900000)].exists(s, range(1, 1999).exists(n, (s + s).contains(string(n))))",
    "inputs.texts.map(t, t.upper())",
    f"[{', '.join(['inputs.photos.reverse().size()'] * 60)}]",
    f"[{', '.join(['inputs.text.sha256()'] * 110)}]",
    "'x'" + ".pad_end(5000000)" * 20,
    "'ab'" + ".replace('a', 'aaaaaaaaaa')" * 9,
    "inputs.text.regex_find_all('x.*y|x').size()",
    "inputs.text.regex_find('(x|y)*x(x|y){200}z')",
    "'x'.repeat(5000000).matches('(x+x+)+y')" + " || 'x'.repeat(5000000).matches('(x+x+)+y')" * 30,
]


@pytest.mark.parametrize("text", EXPLODING)
def test_an_expression_that_would_explode_is_refused_with_a_sentence(text: str) -> None:
    message = fault_of(text, **BIG)
    assert any(word in message for word in ("too large", "at most 2,000 items", "more than 10,000 items")), (
        message
    )


@pytest.mark.parametrize(
    "text",
    [
        "inputs.photos.names().distinct().size()",
        "inputs.photos.sort_by('name').first().name",
        "inputs.photos.chunk(100).size()",
        "inputs.texts.join('').size()",
        "inputs.text.replace('x', 'yy').size()",
        "inputs.text.regex_find('y') == ''",
        "to_json(inputs.photos).size() > 0",
        "inputs.photos.total_bytes()",
    ],
)
def test_a_list_of_ten_thousand_and_a_text_of_a_million_are_no_trouble(text: str) -> None:
    assert evaluate(text, **BIG) is not None


@pytest.mark.parametrize(
    "text",
    [
        "inputs.photos.map(p, p.name.lower().trim() + '!' + string(p.size_bytes))",
        "inputs.photos.filter(p, p.name.file_extension() == 'jpeg').map(p, p.name.file_stem().slug())",
        "inputs.photos.chunk(50).map(row, row.map(p, p.name.upper()))",
        "inputs.photos.map(p, is_image(p) ? p.name.split('.').first() : 'none')",
    ],
)
def test_what_people_write_over_many_files_runs(text: str) -> None:
    photos = [asset(number) for number in range(900)]
    assert len(evaluate(text, inputs_photos=photos)) in {900, 18}


def test_a_budget_is_used_up_by_all_functions_together() -> None:
    with metered(Meter(work=10_000)):
        library()["lower"]("x" * 4_000)
        with pytest.raises(Refused, match="too large"):
            library()["lower"]("x" * 4_000)
    assert library()["lower"]("X") == "x"
    assert meter.current().refusals == []


def test_a_pattern_that_kills_others_is_a_walk_through_the_text() -> None:
    assert evaluate("inputs.text.regex_find('(x+x+)+y')", inputs_text="x" * 100_000) == ""
    assert "1,001" in fault_of(f"regex_find('a', '{'a' * 1001}')")
    assert "repeats too much" in fault_of(f"regex_find('a', '{'[a-z]{0,1000}' * 50}')")


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from 3.12 on")
@pytest.mark.parametrize(
    "text",
    [
        "default(inputs.data.none, 'x')",
        "[null, null].without_nulls()",
        "[[null], [{'a': null}]].flatten()",
        "[null, 1].map(n, default(n, 2))",
        "inputs.data.get('none')",
        "lower(inputs.data.none)",
        "[].first()",
    ],
)
def test_nulls_given_to_functions_do_not_wear_none_out(text: str) -> None:
    compiled, _ = ENVIRONMENT.compile(text)

    def run() -> None:
        answer_of(compiled, VALUES)

    run()
    gc.collect()
    gc.disable()
    try:
        before = sys.getrefcount(None)
        for _ in range(2_000):
            run()
        assert sys.getrefcount(None) - before > -200  # more of them are no harm
    finally:
        gc.enable()
