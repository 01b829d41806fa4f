"""`callbacks.<step>`: read anywhere, no dependency, and only of a step that waits for a call."""

from typing import Any

import pytest

from app.flow.check import check
from app.flow.document import parse
from app.flow.program import compile_program
from app.steps.discovery import catalog


def node(node_id: str, kind: str, **fields: Any) -> dict[str, Any]:
    given = fields.pop("with_", {})
    return {"id": node_id, "type": kind, "with": given, **fields}


def document(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"schema": 1, "nodes": list(nodes), **fields}


WAIT = node("wait", "webhook.wait")


@pytest.mark.parametrize(
    ("expression", "wait", "complaint"),
    [
        ("{{ callbacks.wait }}", WAIT, None),
        ("Call {{ callbacks.wait }}, please", WAIT, None),
        ("{{ callbacks.wait.startsWith('http') ? 'a' : 'b' }}", WAIT, None),
        ("{{ callbacks.wiat }}", WAIT, "wait"),
        ("{{ callbacks.call }}", WAIT, "does not wait for a call"),
        ("{{ callbacks }}", WAIT, "callbacks.wait"),
        ("{{ callbacks.wait }}", node("wait", "webhook.wait", each=[1, 2]), "address of its own"),
    ],
)
def test_only_the_address_of_a_step_that_waits_for_a_call_is_known(
    expression: str, wait: dict[str, Any], complaint: str | None
) -> None:
    found = check(document(node("call", "core.set", with_={"value": expression}), wait), catalog())
    assert [one.node for one in found] == ([] if complaint is None else ["call"])
    assert complaint is None or complaint in found[0].message


def test_reading_an_address_makes_nothing_wait_even_in_a_circle() -> None:
    call = node("call", "core.set", with_={"value": "{{ callbacks.wait }}"})
    wait = node("wait", "webhook.wait", needs=["call"])
    raw = document(call, wait, outputs={"where": "{{ callbacks.wait }}"})
    assert check(raw, catalog()) == []
    program = compile_program(parse(raw), catalog())
    assert (program.roots, program.callbacks) == (("call",), frozenset({"wait"}))
