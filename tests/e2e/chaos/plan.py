"""The plan of disturbances: pure, so that a seed says what will be done to the box and in which order.

A plan is made of rounds. Every round does each thing once, in an order of its own, so the shortest plan does
everything and no program is hit more often than the box's watchdog allows (20 ends in ten minutes). A worker
is frozen after the far one was killed: that one is left alone then for long enough to be the frozen one.
"""

import random
from enum import StrEnum
from typing import Final

import msgspec

PAUSE_S: Final = (2.0, 5.0)  # between two acts: some meet a box that has recovered, some one that has not


class What(StrEnum):
    """What is done to the box."""

    kill_cpu_worker = "kill the cpu worker"
    kill_gpu_worker = "kill the gpu worker"
    kill_far_worker = "kill the far worker"
    kill_children = "kill the model processes"
    kill_api = "kill the API"
    kill_daemon = "kill the daemon"
    kill_redis = "kill Redis"
    flush_redis = "empty Redis"
    kill_backend = "kill a backend of Postgres"
    kill_postgres = "kill Postgres"
    kill_everything = "kill everything"
    freeze_worker = "freeze a worker"  # SIGSTOP for longer than a lease
    ring_wildly = "ring wildly"  # bells of the past, of nobody, twice and in any order
    repeat_calls = "repeat calls"  # what the far worker said before is said again, in any order
    lose_answers = "lose answers"  # of the API to the far worker, after it has committed


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One disturbance."""

    pause_s: float  # after the act before it
    what: What
    seed: int  # of the choices it makes itself


def _order(chance: random.Random) -> list[What]:
    """Everything once, in an order by chance."""
    order = chance.sample(list(What), len(What))
    killed, frozen = order.index(What.kill_far_worker), order.index(What.freeze_worker)
    if frozen < killed:
        order[frozen], order[killed] = order[killed], order[frozen]
    return order


def make_plan(seed: int, seconds: float) -> tuple[Act, ...]:
    """As many acts as fit into `seconds` of pauses, but at least one whole round."""
    chance = random.Random(seed)
    acts: list[Act] = []
    passed_s = 0.0
    while True:
        for what in _order(chance):
            act = Act(pause_s=chance.uniform(*PAUSE_S), what=what, seed=chance.getrandbits(32))
            passed_s += act.pause_s
            if passed_s > seconds and len(acts) >= len(What):
                return tuple(acts)
            acts.append(act)
