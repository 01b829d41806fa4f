"""Who may answer: by role, by name, somebody else than the requester, each once."""

from typing import Any

import pytest

from app.flow.roles import Role
from app.flow.waits import Answer, AnsweredAlready, NotAsked, Who
from app.kit.clock import now
from app.kit.ids import new_id

ADA = new_id()


def given(**fields: Any) -> Answer:
    """Ada's answer, an editor's unless said otherwise."""
    return Answer(
        **{"at": now(), "by": ADA, "name": "Ada", "email": "ada@example.org", "role": Role.editor, **fields}
    )


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (Who(), True),
        (Who(role=Role.editor), True),
        (Who(role=Role.viewer), True),
        (Who(role=Role.admin), False),
        (Who(people=("ada@example.org",)), True),
        (Who(people=(" ADA@Example.org ",)), True),
        (Who(people=(str(ADA),)), True),
        (Who(people=("bob@example.org",)), False),
        (Who(role=Role.admin, people=("ada@example.org",)), True),
        (Who(role=Role.viewer, people=("bob@example.org",)), True),
    ],
)
def test_a_role_or_a_name_lets_a_person_answer(who: Who, may: bool) -> None:
    assert (who.refusal(given(), []) is None) == may


def test_a_program_without_a_role_is_not_let_in_by_one() -> None:
    with pytest.raises(NotAsked):
        Who(role=Role.viewer).admit(Answer(at=now()), [])


def test_the_requester_may_be_left_out_even_by_name() -> None:
    who = Who(people=("ada@example.org",), not_requester=True)
    assert who.refusal(given(), []) is None
    assert "somebody else" in str(who.refusal(given(is_requester=True), []))


def test_each_person_answers_once() -> None:
    with pytest.raises(AnsweredAlready):
        Who().admit(given(value=2), [given(value=1)])
    Who().admit(given(by=new_id()), [given(value=1)])


def test_a_refusal_says_which_role_is_needed() -> None:
    assert "admin" in str(Who(role=Role.admin).refusal(given(), []))
