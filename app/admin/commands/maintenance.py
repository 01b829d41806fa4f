"""`studio maintenance on|off|show`: a time in which nothing new starts."""

import click

from app.admin.options import Span, as_json
from app.admin.tools import Tools, whoever, with_tools
from app.kit.codec import encode_text
from app.resources.maintenance import service
from app.resources.maintenance.schemas import Maintenance
from app.store.database import Scope


def main(arguments: list[str]) -> int:
    """The exit code: 0 done, 1 the box cannot be used, 2 the options cannot."""
    try:
        maintenance.main(arguments, "studio maintenance")
    except SystemExit as end:
        return int(end.code or 0)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def maintenance() -> None:
    """A time in which nothing new starts; what runs ends, and sign-in and results work all the time."""


@maintenance.result_callback()
def _leave(code: int) -> None:
    raise SystemExit(code)


@maintenance.command("on")
@click.option("--in", "in_s", type=Span(), default="0s", help="How long from now, such as 10m. Now without.")
@click.option("--message", default="", help="What people are told beside the time.")
@as_json
def on(in_s: float, message: str, as_json: bool) -> int:
    """Announce it, or begin it at once; the page shows everybody a countdown."""

    async def act(tools: Tools) -> None:
        async with tools.database.transaction(Scope.system()) as tx:
            found = await service.begin_maintenance(
                tx, tools.engine, in_s=in_s, message=message[:300], by=whoever()
            )
        _tell(found, as_json)

    return with_tools("studio-maintenance", act)


@maintenance.command("off")
@as_json
def off(as_json: bool) -> int:
    """End it or call it off; queued steps go on at once."""

    async def act(tools: Tools) -> None:
        async with tools.database.transaction(Scope.system()) as tx:
            found = await service.end_maintenance(tx, tools.engine, by=whoever())
        _tell(found, as_json)

    return with_tools("studio-maintenance", act)


@maintenance.command("show")
@as_json
def show(as_json: bool) -> int:
    """Whether the box is in maintenance, or when it will be."""

    async def act(tools: Tools) -> None:
        async with tools.database.transaction(Scope.nobody()) as tx:
            found = await service.maintenance(tx, tools.engine)
        _tell(found, as_json)

    return with_tools("studio-maintenance", act)


def _tell(found: Maintenance, as_json: bool) -> None:
    if as_json:
        click.echo(encode_text(found))
        return
    said = f" “{found.message}”" if found.message else ""
    if found.is_on:
        click.echo(
            f"The box is in maintenance, said {found.said_by}.{said} `studio maintenance off` ends it."
        )
    elif found.starts_at is not None:
        moment = found.starts_at.astimezone().strftime("%d %b %H:%M:%S %Z")
        click.echo(f"Maintenance begins at {moment}, said {found.said_by}.{said}")
    else:
        click.echo("The box is not in maintenance, and none is announced.")
