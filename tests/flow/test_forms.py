"""Forms in the middle of a run: read, filled in and refused by the rules of a workflow's inputs."""

from typing import Any

import pytest

from app.flow.check import check
from app.flow.forms import FormUnfit, FormUnreadable, facts_within, files_in, fill_in, form_of
from app.flow.ports import Asset
from app.kit.ids import new_id
from app.steps.discovery import catalog

PHOTO = Asset(asset=str(new_id()), name="a.png", mime="image/png", size_bytes=1, sha256="0" * 64)
FIELDS = {
    "caption": {"type": "text", "label": "Caption", "max": 10},
    "times": {"type": "number", "default": 3, "min": 1},
    "photos": {"type": "image[]", "default": []},
}


def test_values_are_filled_in_with_defaults_and_facts() -> None:
    form = form_of(FIELDS)
    raw = {"caption": "Hi", "photos": [{"asset": PHOTO.asset, "name": "forged"}]}
    assert files_in(form, raw) == [PHOTO.asset]
    values = fill_in(form, raw, {PHOTO.asset: PHOTO})
    assert values["times"] == 3
    assert values["photos"][0]["name"] == "a.png"
    assert facts_within(values) == {PHOTO.asset: PHOTO}


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({}, "inputs.caption"),
        ({"caption": "much too long a text"}, "inputs.caption"),
        ({"caption": "Hi", "times": 0}, "inputs.times"),
        ({"caption": "Hi", "title": "x"}, "inputs.title"),
        ({"caption": "Hi", "photos": [{"asset": str(new_id())}]}, "inputs.photos[0]"),
        ("Hi", None),
    ],
)
def test_values_that_do_not_fit_are_refused_one_by_one(raw: Any, field: str | None) -> None:
    with pytest.raises(FormUnfit) as caught:
        fill_in(form_of(FIELDS), raw, {})
    assert [one.field for one in caught.value.complaints] == ([field] if field else [])


@pytest.mark.parametrize(
    "fields",
    [
        {"a b": {"type": "text"}},
        {"a": {"type": "txt"}},
        {"a": "text"},
        {"a": {"type": "number", "default": "x"}},
    ],
)
def test_fields_that_are_not_declared_well_are_said_so(fields: dict[str, Any]) -> None:
    with pytest.raises(FormUnreadable) as caught:
        form_of(fields)
    assert str(caught.value.complaints[0].field).startswith("fields.a")


def complaints(fields: dict[str, Any]) -> list[Any]:
    """What is said of a form in a document."""
    ask = {"id": "ask", "type": "human.form", "with": {"question": "Well?", "fields": fields}}
    return check({"schema": 1, "nodes": [ask]}, catalog())


def test_a_form_is_checked_when_its_workflow_is_saved() -> None:
    assert complaints(FIELDS) == []
    (one,) = complaints({"a": {"type": "number", "default": "x"}})
    assert (one.node, one.field) == ("ask", "with.fields.a.default")


def test_a_field_that_is_worked_out_waits_for_the_run() -> None:
    assert complaints({"a": {"type": "text", "choices": "{{ ['a', 'b'] }}"}}) == []
    assert len(complaints({f"f{n}": {"type": "text"} for n in range(201)})) == 1
