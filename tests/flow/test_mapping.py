"""Mappings: a request becomes inputs by expressions or by names, and mistakes are found when it is saved."""

from typing import Any

import pytest

from app.flow.definition import Definition
from app.flow.document import parse
from app.flow.mapping import WebRequest, check_mapping, compile_mapping, take_by_name
from app.flow.placed import ExpressionFailed
from app.kit.errors import Invalid


def request(body: Any = None, **more: Any) -> WebRequest:
    return WebRequest(**{"method": "POST", "headers": {}, "query": {}, "body": body, **more})


def definition(**inputs: dict[str, Any]) -> Definition:
    node = {"id": "a", "type": "core.set", "with": {"value": 1}}
    return parse({"schema": 1, "name": "Test", "inputs": inputs, "nodes": [node]})


def test_expressions_read_every_part_of_a_request() -> None:
    mapping = compile_mapping(
        {
            "title": "{{ body.title }}",
            "event": "{{ headers['x-github-event'] }}",
            "page": "{{ double(query.page) + 1 }}",
            "line": "{{ method }} by {{ body.user.name }}",
            "whole": "{{ body }}",
            "ids": {"list": "{{ body.items.map(one, one.id) }}", "fixed": 1},
        }
    )
    found = mapping.render(
        request(
            {"title": "Hi", "user": {"name": "Ada"}, "items": [{"id": 7}, {"id": 8}]},
            headers={"x-github-event": "push"},
            query={"page": "2"},
        )
    )
    assert found["whole"]["title"] == "Hi"
    assert {name: value for name, value in found.items() if name != "whole"} == {
        "title": "Hi",
        "event": "push",
        "page": 3,
        "line": "POST by Ada",
        "ids": {"list": [7, 8], "fixed": 1},
    }


@pytest.mark.parametrize("text", ["{{ body.missing }}", "{{ headers['x-none'] + '' }}", "{{ body.title.x }}"])
def test_what_a_request_does_not_say_is_an_error_with_its_place(text: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        compile_mapping({"a": text}).render(request({"title": "Hi"}))
    assert caught.value.complaint().field == "inputs.a"


def test_what_may_be_missing_can_be_asked_for() -> None:
    mapping = compile_mapping({"a": "{{ has(body.title) ? body.title : 'none' }}"})
    assert mapping.render(request({}))["a"] == "none"
    assert mapping.render(request({"title": "Hi"}))["a"] == "Hi"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ inputs.title }}", "There is no “inputs” here; a request has “body”"),
        ("{{ steps.a.outputs.b }}", "There is no “steps” here"),
        ("{{ bdy.title + '' }}", "There is nothing called “bdy”; a request has “body”"),
        ("{{ bdy.title }}", "There is nothing called “bdy”; a request has “body”"),
        ("{{ method + 1 }}", "cannot combine text and a number"),
        ("{{ body.title", "never closed"),
        ("{{ }}", "There is nothing between"),
        ("{{ body.list.map(body, body) }}", "a meaning of its own"),
    ],
)
def test_a_mistake_is_found_when_the_mapping_is_saved(text: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        compile_mapping({"a": text, "b": "{{ body.fine }}"})
    (complaint,) = caught.value.complaints
    assert words in complaint.message
    assert (complaint.field, complaint.column is not None) == ("inputs.a", True)


def test_a_mapping_must_fit_the_inputs_of_its_workflow() -> None:
    wanted = definition(
        title={"type": "text", "max": 5},
        count={"type": "number"},
        note={"type": "text", "default": ""},
    )
    check_mapping(compile_mapping({"title": "{{ body.t }}", "count": "{{ body.c }}"}), wanted)
    check_mapping(compile_mapping({"title": "fixed", "count": 5}), wanted)
    with pytest.raises(Invalid) as caught:
        check_mapping(
            compile_mapping({"title": "too long for it", "count": "{{ method }}", "tilte": 1}), wanted
        )
    assert {one.field for one in caught.value.complaints} == {"inputs.title", "inputs.count", "inputs.tilte"}
    with pytest.raises(Invalid) as caught:
        check_mapping(compile_mapping({"title": "{{ body.t }}"}), wanted)
    (missing,) = caught.value.complaints
    assert (missing.field, "required" in missing.message) == ("inputs.count", True)


def test_a_mapping_is_bounded() -> None:
    deep: Any = "{{ body }}"
    for _ in range(40):
        deep = [deep]
    with pytest.raises(Invalid):
        compile_mapping({"a": deep})
    with pytest.raises(Invalid):
        compile_mapping({"a": "{{ body }}" * 30_000})


def test_without_a_mapping_fields_go_where_their_names_say() -> None:
    wanted = definition(title={"type": "text"}, page={"type": "text"}, other={"type": "text"})
    found = take_by_name(
        request({"title": "Hi", "more": 1, "page": "body"}, query={"page": "query", "other": "q"}), wanted
    )
    assert found == {"title": "Hi", "page": "body", "other": "q"}


@pytest.mark.parametrize("body", [{"a": 1}, [1, 2], "text", None, 5])
def test_an_input_called_payload_takes_the_whole_body(body: Any) -> None:
    wanted = definition(payload={"type": "json"})
    assert take_by_name(request(body), wanted) == {"payload": body}


def test_a_body_with_a_field_called_payload_keeps_it_so() -> None:
    wanted = definition(payload={"type": "json"})
    assert take_by_name(request({"payload": 1, "more": 2}), wanted) == {"payload": 1}
