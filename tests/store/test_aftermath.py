"""What follows a commit: a few moves are waited for, the rest goes on in the background and ends cleanly."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest_asyncio

from app.kit.settings import Settings
from app.store.aftermath import AWAITED
from app.store.database import Database, Scope


class Steps:
    """Moves that lead to one another; each is a transaction with a message behind it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.moved: list[int] = []
        self.told: list[int] = []
        self.may_go_on = asyncio.Event()

    async def chain(self, left: int) -> None:
        """A move that leads to another one, so many times; the later ones wait for a sign."""
        if len(self.moved) > AWAITED:
            await self.may_go_on.wait()
        async with self.database.transaction(Scope.nobody()) as tx:
            self.moved.append(left)
            tx.after_commit(partial(self.tell, left))
            if left:
                tx.lead_to(partial(self.chain, left - 1))

    async def crowd(self, count: int) -> None:
        """One move that leads to many."""
        async with self.database.transaction(Scope.nobody()) as tx:
            for number in range(count):
                tx.lead_to(partial(self.note, number))
            tx.after_commit(partial(self.tell, -1))

    async def note(self, number: int) -> None:
        self.moved.append(number)

    async def tell(self, number: int) -> None:
        self.told.append(number)


@pytest_asyncio.fixture
async def own(settings: Settings) -> AsyncIterator[Database]:
    """A database that the test may close."""
    database = Database.open(settings, "aftermath")
    yield database
    await database.close()


async def test_a_caller_waits_for_a_few_moves_and_the_rest_follows(database: Database) -> None:
    steps = Steps(database)
    await steps.chain(AWAITED + 30)
    assert len(steps.moved) == AWAITED + 1, "its own and those it waits for"
    assert steps.told == steps.moved
    steps.may_go_on.set()
    await database.settled()
    assert steps.told == steps.moved == list(range(AWAITED + 30, -1, -1))


async def test_of_many_moves_at_once_all_are_made_in_order_and_messages_go_first(database: Database) -> None:
    steps = Steps(database)
    await steps.crowd(50)
    assert steps.told == [-1]
    assert steps.moved == list(range(AWAITED))
    await database.settled()
    assert steps.moved == list(range(50))


async def test_a_short_chain_is_over_when_its_caller_goes_on(database: Database) -> None:
    steps = Steps(database)
    await steps.chain(3)
    assert steps.moved == [3, 2, 1, 0]


async def test_an_end_finishes_the_move_that_has_begun_and_begins_no_other(own: Database) -> None:
    steps = Steps(own)
    await steps.chain(AWAITED + 30)
    await asyncio.sleep(0)  # the background has begun its first move, which waits for the sign
    ending = asyncio.create_task(own.end_aftermath())
    await asyncio.sleep(0)
    steps.may_go_on.set()
    await ending
    assert len(steps.moved) == AWAITED + 2
    assert steps.told == steps.moved


async def test_what_fails_in_the_background_keeps_nothing_else_from_being_done(database: Database) -> None:
    steps = Steps(database)

    async def fail() -> None:
        raise ValueError("a move that cannot be made")

    async with database.transaction(Scope.nobody()) as tx:
        for number in range(AWAITED):
            tx.lead_to(partial(steps.note, number))
        tx.lead_to(fail)
        tx.lead_to(partial(steps.note, AWAITED))
    await database.settled()
    assert steps.moved == list(range(AWAITED + 1))
