"""A workflow as one file: what is in it, what never is, and which files are refused with which words."""

import copy
from typing import Any

import msgspec
import pytest

from app.flow.portable import (
    Embedded,
    NeededSecret,
    NeededStep,
    Needs,
    Portable,
    nodes_of,
    pack,
    redirected,
    remarks,
    unpack,
)
from app.flow.signatures import Called, calls_of
from app.kit.codec import decode_any, encode
from app.kit.errors import Invalid
from app.steps.discovery import catalog
from tests.flow.samples import CATALOG, picture_story

OTHER = "01890000-0000-7000-8000-000000000001"
BACK = "01890000-0000-7000-8000-000000000002"


def embedded(definition: dict[str, Any], number: int = 7) -> Embedded:
    return Embedded(id=BACK, version=number, name="Picture story", definition=definition)


def calling(workflow: str = OTHER, **more: Any) -> dict[str, Any]:
    """A document that runs another workflow twice: in a node, and in the body of one."""
    call = {"id": "call", "type": "core.workflow", "with": {"workflow": workflow, **more}}
    body = {"nodes": [call], "outputs": {}}
    loop = {"id": "loop", "type": "core.repeat", "with": {"body": body}}
    return {"schema": 1, "name": "Calls", "nodes": [call, loop]}


def test_a_file_is_read_back_as_it_was_packed() -> None:
    packed = pack(embedded(picture_story()), (), CATALOG, "1.2.3")
    assert packed.studio_version == "1.2.3"
    assert packed.definition == picture_story()
    assert packed.needs.steps == (
        NeededStep(kind="image.draw", version=CATALOG["image.draw"].version),
        NeededStep(kind="video.film", version=CATALOG["video.film"].version),
    )
    assert unpack(decode_any(encode(packed))) == packed


def test_what_is_written_into_a_secret_field_never_travels() -> None:
    document = picture_story()
    document["nodes"][0]["with"]["token"] = "hunter2"
    packed = pack(embedded(document), (), CATALOG, "1")
    assert b"hunter2" not in encode(packed)
    assert packed.needs.secrets == (NeededSecret(workflow=None, node="frames", field="token"),)
    assert document["nodes"][0]["with"]["token"] == "hunter2"
    words = [remark.message for remark in remarks(packed.needs, CATALOG)]
    assert words == ["The secret did not travel along."]


def test_an_expression_that_names_a_secret_stays_and_is_told() -> None:
    document = picture_story()
    document["nodes"][0]["with"]["token"] = "{{ secrets.portal }}"
    packed = pack(embedded(document), (), CATALOG, "1")
    assert packed.definition == document
    assert [secret.field for secret in packed.needs.secrets] == ["token"]


def test_a_bare_definition_is_a_file_too() -> None:
    portable = unpack(picture_story())
    assert (portable.name, portable.definition) == ("Picture story", picture_story())
    assert portable.workflows == ()


@pytest.mark.parametrize(
    ("raw", "field", "words"),
    [
        ([], None, "not a list of 0"),
        ({}, None, "says neither"),
        ({"format": "n8n"}, "format", "a file of “n8n”"),
        ({"format": "studio.workflow"}, "format_version", "not nothing"),
        (
            {"format": "studio.workflow", "format_version": 2, "studio_version": "9.9"},
            "format_version",
            "another Studio (9.9)",
        ),
        ({"format": "studio.workflow", "format_version": 1}, "name", "“name” is missing"),
        (
            {"format": "studio.workflow", "format_version": 1, "name": "x" * 201, "definition": {}},
            "name",
            "at most 200 characters",
        ),
        (
            {"format": "studio.workflow", "format_version": 1, "name": "a\0", "definition": {}},
            None,
            "U+0000",
        ),
        (
            {
                "format": "studio.workflow",
                "format_version": 1,
                "name": "a",
                "definition": {},
                "workflows": [{"id": OTHER, "version": None, "name": "b", "definition": {}}] * 2,
            },
            "workflows",
            "twice",
        ),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_fault(raw: Any, field: str | None, words: str) -> None:
    with pytest.raises(Invalid) as refusal:
        unpack(raw)
    complaint = refusal.value.complaints[0]
    assert complaint.field == field
    assert words in complaint.message


def test_every_workflow_that_is_run_can_be_directed_elsewhere_also_in_bodies() -> None:
    document = calling(version=3)
    before = copy.deepcopy(document)
    moved = redirected(document, catalog(), {Called(OTHER, 3): Called(BACK, 1)}.get)
    assert set(calls_of(moved, catalog())) == {Called(BACK, 1)}
    assert document == before
    loose = redirected(document, catalog(), lambda _: Called(BACK))
    assert set(calls_of(loose, catalog())) == {Called(BACK)}
    assert redirected(document, catalog(), lambda _: None) == document


def test_nodes_in_bodies_are_found_with_the_others() -> None:
    assert [node["id"] for node, _, _ in nodes_of(calling(), catalog())] == ["call", "loop", "call"]
    assert list(nodes_of(None, catalog())) == []
    assert list(nodes_of({"nodes": [1, {"type": []}, {"type": "no.such"}]}, catalog())) == []


def test_a_step_type_of_another_version_is_remarked_upon() -> None:
    here = CATALOG["image.draw"].version
    needs = Needs(steps=(NeededStep(kind="image.draw", version=here + 1),))
    assert "here it is an older one" in remarks(needs, CATALOG)[0].message
    assert remarks(Needs(steps=(NeededStep(kind="image.draw", version=here),)), CATALOG) == []


def test_fields_of_a_later_minor_version_are_passed_over() -> None:
    raw = msgspec.to_builtins(Portable(name="a", definition={"schema": 1}))
    assert unpack({**raw, "colour": "green"}).name == "a"
