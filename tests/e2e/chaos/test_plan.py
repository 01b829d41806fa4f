"""The plan: the same seed the same plan, everything in it, and never more than the box's watchdog bears."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.watchdog import EXITS_ALLOWED, WINDOW_S
from tests.e2e.chaos.plan import PAUSE_S, What, make_plan

seeds = st.integers(0, 2**32)


@given(seeds, st.floats(0, 1800))
def test_a_seed_says_everything(seed: int, seconds: float) -> None:
    plan = make_plan(seed, seconds)
    assert plan == make_plan(seed, seconds)
    assert {act.what for act in plan} == set(What)
    assert all(PAUSE_S[0] <= act.pause_s <= PAUSE_S[1] for act in plan)


@given(seeds)
def test_a_longer_plan_begins_as_the_shorter_one(seed: int) -> None:
    short, long = make_plan(seed, 60), make_plan(seed, 600)
    assert long[: len(short)] == short
    assert sum(act.pause_s for act in long) <= 600


@given(seeds)
def test_the_far_worker_is_free_to_be_frozen_in_every_round(seed: int) -> None:
    plan = make_plan(seed, 0)
    order = [act.what for act in plan]
    assert order.index(What.kill_far_worker) < order.index(What.freeze_worker)


@given(seeds)
def test_no_program_is_killed_more_often_than_the_watchdog_allows(seed: int) -> None:
    at_s, kills_s = 0.0, dict[What, list[float]]()
    for act in make_plan(seed, 3 * WINDOW_S):
        at_s += act.pause_s
        kills_s.setdefault(act.what, []).append(at_s)
    for moments in kills_s.values():
        for first, last in zip(moments, moments[EXITS_ALLOWED:], strict=False):
            assert last - first > WINDOW_S
