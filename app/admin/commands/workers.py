"""`studio workers list|drain|resume`: who works, and letting a lane run dry."""

import asyncio
import time

import click

from app.admin.options import Span, as_json
from app.admin.tools import Tools, whoever, with_tools
from app.flow.messages import Lane
from app.flow.wording import count
from app.kit.codec import encode_text
from app.resources.audit.record import record_of_box
from app.resources.maintenance import acts, service
from app.resources.maintenance.schemas import LaneWork
from app.store.database import Scope

LOOK_EVERY_S = 0.5

some_lanes = click.argument("lanes", nargs=-1, type=click.Choice([str(lane) for lane in service.SERVED]))


def main(arguments: list[str]) -> int:
    """The exit code: 0 done, 1 the box cannot be used or steps still run, 2 the options cannot be used."""
    try:
        workers.main(arguments, "studio workers")
    except SystemExit as end:
        return int(end.code or 0)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def workers() -> None:
    """The lanes of this box and who works in them; `studio workers scale` changes how many steps at once."""


@workers.result_callback()
def _leave(code: int) -> None:
    raise SystemExit(code)


@workers.command("list")
@as_json
def list_lanes(as_json: bool) -> int:
    """Each lane: what runs, what waits, and whether it hands out steps."""

    async def act(tools: Tools) -> None:
        _tell(await _lanes(tools), as_json)

    return with_tools("studio-workers", act)


@workers.command("drain")
@some_lanes
@click.option(
    "--wait", "wait_s", type=Span(), default="0s", help="How long to wait for running steps to end."
)
@click.option("--message", default="", help="Why, for those whose steps wait.")
@as_json
def drain(lanes: tuple[str, ...], wait_s: float, message: str, as_json: bool) -> int:
    """Hand out no more steps of these lanes (all without one); what has begun goes on to its end.

    Ends with 1 when steps still run after the wait.
    """
    chosen = [Lane(lane) for lane in lanes] or list(service.SERVED)

    async def act(tools: Tools) -> int:
        async with tools.database.transaction(Scope.system()) as tx:
            for lane in chosen:
                await service.drain(tx, tools.engine, lane, message=message[:300], by=whoever())
        until = time.monotonic() + wait_s
        while True:
            found = await _lanes(tools)
            still = sum(one.running for one in found if one.lane in chosen)
            if not still or time.monotonic() >= until:
                break
            await asyncio.sleep(LOOK_EVERY_S)
        _tell(found, as_json)
        return 1 if still and wait_s else 0

    return with_tools("studio-workers", act)


@workers.command("resume")
@some_lanes
@as_json
def resume(lanes: tuple[str, ...], as_json: bool) -> int:
    """Hand out steps of these lanes again (of all without one)."""
    chosen = [Lane(lane) for lane in lanes] or list(service.SERVED)

    async def act(tools: Tools) -> None:
        async with tools.database.transaction(Scope.system()) as tx:
            for lane in chosen:
                await service.resume(tx, tools.engine, lane, by=whoever())
        _tell(await _lanes(tools), as_json)

    return with_tools("studio-workers", act)


@workers.command("scaled", hidden=True)
@click.argument("words", nargs=-1)
def scaled(words: tuple[str, ...]) -> int:
    """Write down that `studio workers scale` did its work, which needs no database."""

    async def act(tools: Tools) -> None:
        async with tools.database.transaction(Scope.system()) as tx:
            await record_of_box(tx, acts.SCALED, whoever(), lanes=", ".join(words)[:100])

    return with_tools("studio-workers", act)


async def _lanes(tools: Tools) -> list[LaneWork]:
    async with tools.database.transaction(Scope.system()) as tx:
        return await service.lanes(tx, tools.engine)


def _tell(found: list[LaneWork], as_json: bool) -> None:
    if as_json:
        click.echo(encode_text({"items": found}))
        return
    for one in found:
        state = one.closed_because or "It hands out steps."
        click.echo(
            f"{one.lane}: {count(one.running, 'step')} running, {count(one.queued, 'step')} waiting. {state}"
        )
