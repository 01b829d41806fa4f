"""Asking people: what their answers come to, as a pure question to the step types."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from app.flow.check import check
from app.flow.messages import ErrorClass
from app.flow.roles import Role
from app.flow.waits import Answer
from app.kit.clock import now
from app.kit.errors import Invalid
from app.kit.ids import new_id
from app.steps.base import StepFailed, Wait
from app.steps.discovery import catalog
from app.steps.human_approve import HumanApprove, HumanApproveInputs, HumanApproveOutputs
from app.steps.human_form import HumanForm, HumanFormInputs

YES, NO = {"decision": "approved"}, {"decision": "rejected"}


def approval(**fields: Any) -> HumanApproveInputs:
    """The inputs of an approval."""
    return msgspec.convert({"question": "Publish?", **fields}, HumanApproveInputs)


def said(*values: Any) -> list[Answer]:
    """Answers of so many people, named by their turn."""
    return [Answer(at=now(), value=value, by=new_id(), name=f"P{turn}") for turn, value in enumerate(values)]


def decide(inputs: HumanApproveInputs, answers: Sequence[Answer]) -> HumanApproveOutputs | None:
    """What the answers come to."""
    return HumanApprove().answer(inputs, answers, now())


def outcome(inputs: HumanApproveInputs, *values: Any) -> HumanApproveOutputs:
    """The decision these answers come to."""
    done = decide(inputs, said(*values))
    assert done is not None
    return done


def test_one_approval_hands_the_value_on_with_who_gave_it() -> None:
    done = outcome(approval(value={"a": 1}), {**YES, "comment": " Lovely. "})
    assert (done.decision, done.value, done.comment) == ("approved", {"a": 1}, "Lovely.")
    assert done.answered_by == ["P0"]


def test_a_quorum_is_waited_for_and_all_of_it_named() -> None:
    inputs = approval(approvals=2)
    assert decide(inputs, said(YES)) is None
    done = outcome(inputs, {**YES, "comment": "Good."}, {**YES, "comment": "Fine."})
    assert (done.answered_by, done.comment) == (["P0", "P1"], "P0: Good.\nP1: Fine.")


def test_a_rejection_fails_the_step_and_says_who_and_why() -> None:
    with pytest.raises(StepFailed, match=r"P0 rejected “Publish\?”. Too loud.") as caught:
        decide(approval(), said({**NO, "comment": "Too loud."}))
    assert caught.value.error_class is ErrorClass.refused


def test_a_rejection_goes_on_where_that_is_wanted() -> None:
    done = outcome(approval(on_reject="go_on", choices=["a"]), NO)
    assert (done.decision, done.kept, done.answered_by) == ("rejected", [], ["P0"])


def test_more_than_one_rejection_may_be_needed() -> None:
    inputs = approval(approvals=2, rejections=2, on_reject="go_on")
    assert decide(inputs, said(NO)) is None
    assert decide(inputs, said(NO, YES)) is None
    assert outcome(inputs, NO, YES, YES).decision == "approved"
    assert outcome(inputs, NO, YES, NO).decision == "rejected"


def test_what_is_kept_comes_in_the_order_of_the_choices() -> None:
    inputs = approval(choices=["a", "b", "c"])
    assert outcome(inputs, {**YES, "kept": [2, 0]}).kept == ["a", "c"]


def test_with_several_approvals_only_what_all_keep_is_kept() -> None:
    inputs = approval(choices=["a", "b", "c"], approvals=2)
    assert outcome(inputs, {**YES, "kept": [0, 1]}, {**YES, "kept": [1, 2]}).kept == ["b"]
    with pytest.raises(Invalid) as caught:
        decide(inputs, said({**YES, "kept": [0]}, {**YES, "kept": [1, 2]}))
    assert "everybody" in caught.value.complaints[0].message


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "approved",
        {},
        {"decision": "perhaps"},
        {**YES, "more": 1},
        {**YES, "comment": "x" * 4001},
        YES,  # and nothing is said about the choices
        {**YES, "kept": []},
        {**YES, "kept": [3]},
        {**YES, "kept": [-1]},
        {**YES, "kept": [1, 1]},
        {**YES, "kept": [0, 1, 2]},
        {**NO, "kept": [0]},
    ],
)
def test_an_answer_that_does_not_fit_is_refused_with_its_place(wrong: Any) -> None:
    with pytest.raises(Invalid) as caught:
        decide(approval(choices=["a", "b", "c"], keep_max=2), said(wrong))
    assert caught.value.complaints[0].message


def test_keeping_without_choices_is_refused() -> None:
    with pytest.raises(Invalid):
        decide(approval(), said({**YES, "kept": [0]}))


def test_less_to_choose_from_than_has_to_be_kept_fails_at_once() -> None:
    with pytest.raises(StepFailed) as caught:
        HumanApprove().evaluate(approval(choices=["a"], keep_min=2), now())
    assert caught.value.error_class is ErrorClass.bad_input
    assert isinstance(HumanApprove().evaluate(approval(choices=[], keep_min=0), now()), Wait)


def test_who_is_asked_by_default_are_editors_and_people_named_alone() -> None:
    wait = HumanApprove().evaluate(approval(within_s=60), moment := now())
    assert wait.who is not None and wait.who.role is Role.editor
    assert wait.until == moment + timedelta(seconds=60)
    wait = HumanApprove().evaluate(approval(people=["ada@example.org"], exclude_requester=True), now())
    assert wait.who is not None
    assert (wait.who.role, wait.who.people, wait.who.not_requester) == (None, ("ada@example.org",), True)


@pytest.mark.parametrize(
    ("otherwise", "on_reject", "expected"),
    [
        ("approve", "fail", "approved"),
        ("reject", "go_on", "rejected"),
        ("reject", "fail", None),
        ("fail", "fail", None),
    ],
)
def test_when_time_is_up_the_default_counts(otherwise: str, on_reject: str, expected: str | None) -> None:
    inputs = approval(otherwise=otherwise, on_reject=on_reject, approvals=2, within_s=1, choices=["a", "b"])
    answers = said({**YES, "kept": [1]})
    if expected is None:
        with pytest.raises(StepFailed) as caught:
            HumanApprove().expire(inputs, answers, now())
        assert caught.value.error_class == (ErrorClass.timeout if otherwise == "fail" else ErrorClass.refused)
        return
    done = HumanApprove().expire(inputs, answers, now())
    assert isinstance(done, HumanApproveOutputs)
    assert (done.decision, done.kept) == (expected, ["b"] if expected == "approved" else [])


def test_with_nobody_there_an_approval_by_default_keeps_what_may_be_kept() -> None:
    done = HumanApprove().expire(approval(otherwise="approve", choices=["a", "b"], keep_max=1), [], now())
    assert isinstance(done, HumanApproveOutputs)
    assert (done.kept, done.answered_by) == (["a"], [])


@pytest.mark.parametrize(
    ("fields", "way", "word"),
    [
        ({}, "approved", None),
        ({}, "rejected", "on_reject"),
        ({"on_reject": "go_on"}, "rejected", None),
        ({"on_reject": "{{ 'go_on' }}"}, "rejected", None),
        ({}, "refused", "approved"),
    ],
)
def test_a_way_that_never_opens_is_complained_about(
    fields: dict[str, Any], way: str, word: str | None
) -> None:
    ask = {"id": "ask", "type": "human.approve", "with": {"question": "Publish?", **fields}}
    after = {"id": "after", "type": "core.set", "needs": [f"ask.{way}"], "with": {"value": 1}}
    found = check({"schema": 1, "nodes": [ask, after]}, catalog())
    assert [one.field for one in found] == ([] if word is None else ["needs[0]"])
    assert word is None or word in found[0].message


# Forms ----------------------------------------------------------------------------------------------

FIELDS = {"caption": {"type": "text"}, "times": {"type": "number", "default": 2}}


def form(**fields: Any) -> HumanFormInputs:
    """The inputs of a form."""
    return msgspec.convert({"question": "What?", "fields": FIELDS, **fields}, HumanFormInputs)


def test_a_filled_in_form_hands_its_values_on() -> None:
    done = HumanForm().answer(form(), said({"caption": "Hi"}), now())
    assert (done.values, done.answered_by) == ({"caption": "Hi", "times": 2}, "P0")


def test_a_form_that_does_not_fit_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        HumanForm().answer(form(), said({"times": "many"}), now())
    assert {one.field for one in caught.value.complaints} == {"inputs.caption", "inputs.times"}


def test_a_form_of_bad_fields_fails_its_step() -> None:
    with pytest.raises(StepFailed, match=r"fields\.a\.type") as caught:
        HumanForm().evaluate(form(fields={"a": {"type": "txt"}}), now())
    assert caught.value.error_class is ErrorClass.bad_input


def test_a_form_nobody_fills_in_may_take_its_defaults() -> None:
    done = HumanForm().expire(form(fields={"times": FIELDS["times"]}, otherwise="defaults"), [], now())
    assert not isinstance(done, Wait) and done.values == {"times": 2}
    for inputs in (form(), form(otherwise="defaults")):
        with pytest.raises(StepFailed) as caught:
            HumanForm().expire(inputs, [], now())
        assert caught.value.error_class is ErrorClass.timeout
