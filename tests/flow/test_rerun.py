"""What a new run keeps and what it runs: closed under dependency, for every graph and every past."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.flow import plan, rerun
from app.flow.document import parse
from app.flow.edits import file_ids, fitting, with_files
from app.flow.ports import Asset
from app.flow.program import Program, compile_program
from app.flow.rerun import ItemEdit, NothingToRetry, Past, Standing, Takeover, Wish
from app.flow.states import STEP_MOVES, StepStatus, is_settled
from app.kit.errors import Invalid
from app.steps.discovery import catalog
from tests.flow.samples import asset, said

COMPLETED = Past(status=StepStatus.completed)
SKIPPED = Past(status=StepStatus.skipped)
FAILED = Past(status=StepStatus.failed, has_error=True)
CUT_OFF = Past(status=StepStatus.cancelled)


def node(node_id: str, kind: str = "debug.work", **fields: Any) -> dict[str, Any]:
    """One node; `values` is its `with`."""
    given_values = fields.pop("values", {"value": 1})
    return {"id": node_id, "type": kind, "with": given_values, **fields}


def program(*nodes: dict[str, Any], **fields: Any) -> Program:
    """A compiled document of these nodes."""
    return compile_program(parse({"schema": 1, "name": "Again", "nodes": list(nodes), **fields}), catalog())


def spread(node_id: str = "fan", **fields: Any) -> dict[str, Any]:
    """A fan-out."""
    return node(node_id, each="{{ inputs.list }}", values={"value": "{{ item }}"}, **fields)


LIST = {"inputs": {"list": {"type": "json"}, "title": {"type": "text", "default": ""}}}
CHAIN = program(node("a"), node("b", needs=["a"]), node("c", needs=["b"]), node("side"))
RETRY = Wish(keeps=True, failures=True)


def takes(takeover: Takeover) -> dict[str, str]:
    """What becomes of each node, in one word."""
    return {
        **dict.fromkeys(takeover.kept, "kept"),
        **dict.fromkeys(takeover.edited, "edited"),
        **dict.fromkeys(takeover.partly, "partly"),
        **dict.fromkeys(takeover.fresh, "fresh"),
    }


# Wishes --------------------------------------------------------------------------------------------------


def test_a_retry_keeps_what_ended_well_and_runs_the_rest() -> None:
    past = {"a": COMPLETED, "b": FAILED, "c": CUT_OFF, "side": SKIPPED}
    found = rerun.take_over(CHAIN, past, RETRY)
    assert takes(found) == {"a": "kept", "b": "fresh", "c": "fresh", "side": "kept"}


def test_a_run_without_a_failure_has_nothing_to_retry() -> None:
    with pytest.raises(NothingToRetry):
        rerun.take_over(CHAIN, dict.fromkeys(CHAIN.nodes, COMPLETED), RETRY)


def test_whoever_was_told_an_address_is_told_the_new_one() -> None:
    called_back = program(
        node("before"),
        node("call", values={"value": "{{ callbacks.wait }}"}, needs=["before"]),
        node("wait", "webhook.wait", values={}, needs=["call"]),
    )
    found = rerun.take_over(called_back, {"before": COMPLETED, "call": COMPLETED, "wait": FAILED}, RETRY)
    assert takes(found) == {"before": "kept", "call": "fresh", "wait": "fresh"}
    by_hand = Wish(keeps=True, outputs={"wait": {"body": 1, "query": {}, "headers": {}}})
    past = dict.fromkeys(called_back.nodes, COMPLETED)
    assert takes(rerun.take_over(called_back, past, by_hand))["call"] == "kept"


def test_one_step_runs_again_with_what_depends_on_it() -> None:
    found = rerun.take_over(CHAIN, dict.fromkeys(CHAIN.nodes, COMPLETED), Wish(keeps=True, nodes=("b",)))
    assert takes(found) == {"a": "kept", "b": "fresh", "c": "fresh", "side": "kept"}


def test_values_given_to_a_step_make_it_run_and_stay_until_others_come() -> None:
    wish = Wish(keeps=True, values={"b": {"value": 5}})
    found = rerun.take_over(CHAIN, dict.fromkeys(CHAIN.nodes, COMPLETED), wish)
    assert takes(found) == {"a": "kept", "b": "fresh", "c": "fresh", "side": "kept"}
    assert found.given == {"b": {"value": 5}}
    past = {**dict.fromkeys(CHAIN.nodes, COMPLETED), "b": replace(FAILED, given={"value": 5, "seconds": 1})}
    assert rerun.take_over(CHAIN, past, RETRY).given == {"b": {"value": 5, "seconds": 1}}
    assert rerun.take_over(CHAIN, past, replace(wish, values={"b": {"value": 6}})).given == {
        "b": {"value": 6, "seconds": 1}
    }
    assert rerun.take_over(CHAIN, past, RETRY, unchanged={"a", "c", "side"}).given == {}
    assert rerun.take_over(CHAIN, past, Wish(keeps=False)).given == {}


def test_a_kept_result_of_another_version_of_its_type_is_told_or_run_again() -> None:
    compiled = program(node("a"), spread(), node("side"), **LIST)
    now = compiled.nodes["a"].version
    past = {
        "a": replace(COMPLETED, type_version=now + 6),
        "fan": replace(opened(StepStatus.failed), type_version=now + 6),
        "side": replace(COMPLETED, type_version=now),
    }
    found = rerun.take_over(compiled, past, RETRY)
    assert takes(found) == {"a": "kept", "fan": "partly", "side": "kept"}
    assert found.outdated == {"a": now + 6, "fan": now + 6}
    found = rerun.take_over(compiled, past, replace(RETRY, renews=True))
    assert takes(found) == {"a": "fresh", "fan": "fresh", "side": "kept"}
    assert found.outdated == {}


def test_without_a_wish_to_keep_everything_runs_again() -> None:
    found = rerun.take_over(CHAIN, dict.fromkeys(CHAIN.nodes, COMPLETED), Wish(keeps=False))
    assert set(takes(found).values()) == {"fresh"}


def test_outputs_given_by_hand_stand_and_what_depends_on_them_runs() -> None:
    wish = Wish(keeps=True, outputs={"a": {"value": 5, "number": 1}})
    found = rerun.take_over(CHAIN, {"a": FAILED, "b": CUT_OFF, "c": CUT_OFF, "side": COMPLETED}, wish)
    assert takes(found) == {"a": "edited", "b": "fresh", "c": "fresh", "side": "kept"}


def test_a_failure_the_run_went_on_without_is_kept_unless_failures_are_tried_again() -> None:
    compiled = program(node("a", on_error="continue"), node("b", needs=["a"]), node("c"))
    past = {"a": FAILED, "b": COMPLETED, "c": COMPLETED}
    assert takes(rerun.take_over(compiled, past, Wish(keeps=True, nodes=("c",))))["a"] == "kept"
    assert takes(rerun.take_over(compiled, past, RETRY)) == {"a": "fresh", "b": "fresh", "c": "kept"}
    cut_off = {**past, "a": CUT_OFF}
    assert takes(rerun.take_over(compiled, cut_off, Wish(keeps=True, nodes=("c",))))["a"] == "fresh"


def test_steps_that_asked_for_what_has_changed_run_again() -> None:
    compiled = program(
        node("titled", values={"value": "{{ inputs.title }}"}),
        node("after", needs=["titled"]),
        node("chosen", when="{{ inputs.title != '' }}"),
        spread(),
        **LIST,
    )
    past = dict.fromkeys(compiled.nodes, COMPLETED)
    found = rerun.take_over(compiled, past, Wish(keeps=True), new_inputs={"title"})
    assert takes(found) == {"titled": "fresh", "after": "fresh", "chosen": "fresh", "fan": "kept"}
    found = rerun.take_over(compiled, past, Wish(keeps=True), new_inputs={"list"})
    assert takes(found)["fan"] == "fresh"


def test_a_step_that_may_end_the_instance_is_asked_again() -> None:
    compiled = program(node("a"), node("end", "core.stop", needs=["a"], values={}))
    found = rerun.take_over(compiled, dict.fromkeys(compiled.nodes, COMPLETED), Wish(keeps=True))
    assert takes(found) == {"a": "kept", "end": "fresh"}


# Fan-outs ------------------------------------------------------------------------------------------------


def opened(status: StepStatus, *, failed: int = 0, total: int = 5) -> Past:
    """A fan-out that has opened its list."""
    return Past(status=status, has_error=status is StepStatus.failed, items_total=total, items_failed=failed)


def test_a_fan_out_that_did_not_finish_goes_on_where_it_was() -> None:
    compiled = program(spread(), node("after", needs=["fan"]), **LIST)
    for status in (StepStatus.failed, StepStatus.cancelled):
        found = rerun.take_over(compiled, {"fan": opened(status), "after": CUT_OFF}, RETRY)
        assert takes(found) == {"fan": "partly", "after": "fresh"}
        assert found.partly["fan"] == rerun.Partly(keeps_failed=False)
    never_opened = {"fan": FAILED, "after": CUT_OFF}
    assert takes(rerun.take_over(compiled, never_opened, RETRY))["fan"] == "fresh"


def test_a_retry_runs_the_failed_items_of_a_fan_out_that_collects() -> None:
    compiled = program(spread(on_item_error="collect"), **LIST)
    past = {"fan": opened(StepStatus.completed, failed=2)}
    assert takes(rerun.take_over(compiled, past, RETRY)) == {"fan": "partly"}
    assert takes(rerun.take_over(compiled, past, Wish(keeps=True))) == {"fan": "kept"}


def test_one_item_runs_again_and_failed_ones_beside_it_stay_collected() -> None:
    compiled = program(spread(on_item_error="collect"), node("after", needs=["fan"]), **LIST)
    wish = Wish(keeps=True, items=(ItemEdit(step="fan", index=3, values={"value": "x"}),))
    past = {"fan": opened(StepStatus.completed, failed=1), "after": COMPLETED}
    found = rerun.take_over(compiled, past, wish)
    assert takes(found) == {"fan": "partly", "after": "fresh"}
    assert found.partly["fan"] == rerun.Partly(edits={3: {"value": "x"}}, keeps_failed=True)


# Another version -----------------------------------------------------------------------------------------


def test_only_what_changes_a_nodes_outputs_makes_it_another() -> None:
    def definition(*nodes: dict[str, Any]) -> Any:
        return program(*nodes).definition

    before = definition(node("a"), node("b"), node("c"), node("gone"))
    after = definition(
        node("a", name="A", note="Slowly.", timeout_s=9, priority=5, retry={"max": 1}),
        node("b", values={"value": True}),
        node("c", needs=["a"]),
        node("new"),
    )
    assert rerun.unchanged_nodes(before, after) == {"a"}


def test_what_a_new_version_changed_runs_with_all_behind_it() -> None:
    past = dict.fromkeys(("a", "b", "c", "side", "gone"), COMPLETED)
    found = rerun.take_over(CHAIN, past, Wish(keeps=True), unchanged={"a", "c", "side"})
    assert takes(found) == {"a": "kept", "b": "fresh", "c": "fresh", "side": "kept"}


def test_inputs_are_compared_by_value_and_kind() -> None:
    before = {"a": 1, "b": [1], "c": None, "gone": 1}
    assert rerun.changed_inputs(before, {"a": True, "b": [1], "c": None, "new": 1}) == {"a", "gone", "new"}


# Complaints ----------------------------------------------------------------------------------------------


def test_a_wish_for_what_is_not_there_is_refused_with_every_complaint() -> None:
    compiled = program(spread(), node("after", needs=["fan"]), **LIST)
    wish = Wish(
        keeps=True,
        nodes=("aftr", "after"),
        values={"fan": {}, "beside": {}},
        outputs={"after": {}, "nothing": {}},
        items=(
            ItemEdit(step="fan", index=5),
            ItemEdit(step="after", index=0),
            ItemEdit(step="nowhere", index=0),
        ),
    )
    with pytest.raises(Invalid) as refusal:
        rerun.take_over(compiled, {"fan": opened(StepStatus.completed), "after": COMPLETED}, wish)
    assert {each.field: each.message for each in refusal.value.complaints} == {
        "from[0]": "There is no step “aftr” in this version. Did you mean “after”?",
        "with.fan": "Step “fan” runs once for each item of a list; give the values to single items.",
        "with.beside": "There is no step “beside” in this version. There is “after” and “fan”.",
        "outputs.after": "Step “after” either runs again or gets outputs by hand, not both.",
        "outputs.nothing": "There is no step “nothing” in this version. There is “after” and “fan”.",
        "items[0].index": "Step “fan” has 5 items, counted from 0; there is no 5.",
        "items[1].step": "Step “after” did not run once for each item of a list.",
        "items[2].step": "There is no step “nowhere” in this version. There is “after” and “fan”.",
    }


def test_an_item_of_a_step_that_runs_as_a_whole_cannot_be_chosen() -> None:
    compiled = program(node("a"), spread(needs=["a"]), **LIST)
    wish = Wish(keeps=True, nodes=("a",), items=(ItemEdit(step="fan", index=0),))
    with pytest.raises(Invalid) as refusal:
        rerun.take_over(compiled, {"a": COMPLETED, "fan": opened(StepStatus.completed)}, wish)
    assert [each.field for each in refusal.value.complaints] == ["items[0].step"]


# Values given by hand ------------------------------------------------------------------------------------

PICTURES = program(
    node("one", "image.transform", values={"image": "{{ inputs.photo }}", "width": 8}),
    node("many", "image.transform", each="{{ [inputs.photo] }}", values={"image": "{{ item }}", "width": 8}),
    inputs={"photo": {"type": "image"}},
)


def facts(value: dict[str, Any]) -> dict[str, Asset]:
    return {value["asset"]: Asset(**value)}


def test_a_file_given_by_hand_is_what_its_asset_is() -> None:
    photo = asset(1)
    claimed = {"asset": photo["asset"], "mime": "image/png", "sha256": "f" * 64}
    wish = Wish(
        keeps=True,
        outputs={
            "one": {"image": claimed, "width": 8.0, "height": 8},
            "many": {"image": [claimed], "width": [8], "height": [8]},
        },
        items=(ItemEdit(step="many", index=0, values={"image": claimed, "width": 9}),),
    )
    assert file_ids(PICTURES, wish) == [photo["asset"]]
    found = fitting(PICTURES, with_files(PICTURES, wish, facts(photo)))
    assert found.outputs == {
        "one": {"image": photo, "width": 8, "height": 8},
        "many": {"image": [photo], "width": [8], "height": [8]},
    }
    assert found.items[0].values == {"image": photo, "width": 9}


@pytest.mark.parametrize("claimed", ["x", 5, ["x"], None])
def test_a_file_that_is_not_there_is_said_so(claimed: Any) -> None:
    wish = Wish(keeps=True, outputs={"one": {"image": {"asset": claimed, "mime": "image/png"}}})
    with pytest.raises(Invalid) as refusal:
        with_files(PICTURES, wish, {})
    ((node_id, field, _, message),) = said(refusal.value.complaints)
    assert (node_id, field) == ("one", "outputs.image")
    assert "There is no file" in message


def test_values_that_do_not_fit_are_refused_one_by_one() -> None:
    film = asset(2, "video/mp4")
    wish = Wish(
        keeps=True,
        outputs={
            "one": {"image": film, "picture": 1, "width": 8, "height": 8},
            "many": {"image": film, "width": [8], "height": ["high"]},
        },
        items=(ItemEdit(step="many", index=0, values={"width": "wide", "image": None, "wdth": 8}),),
    )
    with pytest.raises(Invalid) as refusal:
        fitting(PICTURES, wish)
    assert {(each.node, each.field) for each in refusal.value.complaints} == {
        ("one", "outputs.image"),
        ("one", "outputs.picture"),
        ("many", "outputs.image"),
        ("many", "outputs.height"),
        ("many", "with.width"),
        ("many", "with.image"),
        ("many", "with.wdth"),
    }


def test_values_for_a_step_are_held_to_its_inputs() -> None:
    photo = asset(2, "image/png")
    claimed = Wish(keeps=True, values={"one": {"image": {"asset": photo["asset"], "name": "forged"}}})
    assert file_ids(PICTURES, claimed) == [photo["asset"]]
    filled = with_files(PICTURES, claimed, facts(photo))
    assert filled.values["one"]["image"]["name"] == photo["name"]
    assert fitting(PICTURES, filled).values == filled.values
    with pytest.raises(Invalid) as refusal:
        fitting(PICTURES, Wish(keeps=True, values={"one": {"width": "wide", "wdth": 8}}))
    assert {(each.node, each.field) for each in refusal.value.complaints} == {
        ("one", "with.width"),
        ("one", "with.wdth"),
    }


def test_an_output_that_must_be_there_is_missed() -> None:
    with pytest.raises(Invalid, match="do not fit"):
        fitting(PICTURES, Wish(keeps=True, outputs={"one": {}}))


# For every graph and every past --------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn) -> Program:
    """A workflow of up to eight steps, some of them fan-outs, some tolerated when they fail."""
    nodes = []
    for number in range(draw(st.integers(1, 8))):
        earlier = [f"n{before}" for before in range(number)]
        fields: dict[str, Any] = {
            "needs": draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else [],
            "on_error": draw(st.sampled_from(["fail", "continue"])),
            "join": draw(st.sampled_from(["all", "any", "always"])),
        }
        values = {"value": "{{ inputs.title }}" if draw(st.booleans()) else 1}
        if draw(st.integers(0, 3)) == 0:
            fields["each"] = "{{ inputs.list }}"
        nodes.append(node(f"n{number}", values=values, **fields))
    return program(*nodes, **LIST)


@st.composite
def pasts(draw: st.DrawFn, compiled: Program) -> dict[str, Past]:
    """How its steps may have ended; some were not there."""
    found = {}
    for node_id, one in compiled.nodes.items():
        status = draw(st.sampled_from([status for status in StepStatus if is_settled(STEP_MOVES, status)]))
        has_error = status is StepStatus.failed or (status is StepStatus.cancelled and draw(st.booleans()))
        total = draw(st.integers(0, 3)) if one.has_each and draw(st.booleans()) else None
        past = Past(
            status=status,
            has_error=has_error,
            items_total=total,
            items_failed=draw(st.integers(0, 1)),
            type_version=draw(st.sampled_from([None, one.version, one.version + 1])),
            given=draw(st.sampled_from([{}, {"value": 3}])),
        )
        if draw(st.integers(0, 9)):
            found[node_id] = past
    return found


@st.composite
def wishes(draw: st.DrawFn, compiled: Program) -> Wish:
    """Something to run again."""
    names = list(compiled.nodes)
    edited = draw(st.lists(st.sampled_from(names), unique=True, max_size=2))
    rest = [name for name in names if name not in edited]
    plain = draw(st.permutations([name for name in rest if not compiled.nodes[name].has_each]))
    return Wish(
        keeps=draw(st.integers(0, 4)) > 0,
        failures=draw(st.booleans()),
        nodes=tuple(draw(st.lists(st.sampled_from(rest), unique=True, max_size=2))) if rest else (),
        values={name: {"value": 2} for name in plain[: draw(st.integers(0, 1))]},
        outputs={name: {"value": 1, "number": 1} for name in edited},
        renews=draw(st.booleans()),
    )


class Case:
    """A takeover and what led to it."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.program = draw(graphs())
        self.past = draw(pasts(self.program))
        self.wish = draw(wishes(self.program))
        self.unchanged = set(draw(st.lists(st.sampled_from(list(self.program.nodes)), unique=True)))
        self.new_inputs = frozenset(draw(st.sets(st.sampled_from(["title", "list"]))))
        try:
            self.takeover = rerun.take_over(
                self.program,
                self.past,
                self.wish,
                unchanged=self.unchanged,
                new_inputs=self.new_inputs,
            )
        except NothingToRetry:
            assume(False)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any of them."""
    return Case(draw)


@settings(deadline=None)
@given(cases())
def test_every_node_becomes_one_thing(case: Case) -> None:
    found = case.takeover
    parts = [set(found.kept), set(found.edited), set(found.partly), set(found.fresh)]
    assert sum(map(len, parts)) == len(case.program.nodes)
    assert set().union(*parts) == set(case.program.nodes)


@settings(deadline=None)
@given(cases())
def test_nothing_kept_rests_on_what_may_come_out_otherwise(case: Case) -> None:
    for node_id in (*case.takeover.kept, *case.takeover.partly):
        assert case.program.nodes[node_id].dependencies <= case.takeover.kept
        assert case.past[node_id].status is not StepStatus.pending


@settings(deadline=None)
@given(cases())
def test_nothing_runs_without_a_reason(case: Case) -> None:
    for node_id in case.takeover.fresh:
        one, past = case.program.nodes[node_id], case.past.get(node_id)
        assert (
            not case.wish.keeps
            or past is None
            or node_id in {*case.wish.nodes, *case.wish.values}
            or node_id not in case.unchanged
            or (case.wish.renews and past.type_version not in {None, one.version})
            or bool(case.new_inputs & one.asks)
            or not one.dependencies <= case.takeover.kept
            or past.status in {StepStatus.failed, StepStatus.cancelled}
        )


@settings(deadline=None)
@given(cases())
def test_a_takeover_can_always_be_run_to_its_end(case: Case) -> None:
    """Whatever ends next, every step that is not settled opens at last, and none twice."""
    compiled, found = case.program, case.takeover
    statuses = {node_id: case.past[node_id].status for node_id in found.kept}
    standing = rerun.standing(compiled, found, statuses, {})
    open_nodes = set(compiled.nodes) - found.settled
    ended: list[str] = []
    while ready := [
        node_id
        for node_id in sorted(open_nodes)
        if plan.may_open(
            compiled.nodes[node_id],
            waits_for=standing[node_id].waits_for,
            led_here=standing[node_id].led_here,
        )
    ]:
        node_id = ready[0]
        open_nodes.remove(node_id)
        ended.append(node_id)
        for after in compiled.nodes[node_id].successors:
            before = standing[after]
            standing[after] = Standing(before.waits_for - 1, before.led_here + 1)
    assert not open_nodes
    assert all(each.waits_for == 0 for each in standing.values())
