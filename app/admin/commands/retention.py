"""`studio retention preview|run`: what has ended and may go, on this box, for whoever runs it."""

import click

from app.admin.tools import Tools, whoever, with_tools
from app.engine.retention import Gone
from app.flow.wording import count, size
from app.kit.codec import encode_text
from app.resources.assets import collection
from app.resources.audit.record import record, record_of_box
from app.resources.retention import acts, model, service
from app.resources.retention.model import Kept
from app.resources.retention.service import RetentionPreview
from app.store.database import Scope


def main(arguments: list[str]) -> int:
    """The exit code: 0 done, 1 the database did not answer, 2 the options cannot be used."""
    code: int = retention.main(arguments, "studio retention", standalone_mode=False) or 0
    return code


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def retention() -> None:
    """What has ended and may go: ended runs, their events and log lines, and bytes that nothing names.

    The daemon lets it go by itself; results and uploads stay until a person deletes them.
    """


@retention.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def preview(as_json: bool) -> int:
    """What would go now, organization by organization. Nothing is written."""
    return with_tools("studio-retention", lambda tools: _preview(tools, as_json))


@retention.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def run(as_json: bool) -> int:
    """Let go now what the daemon would let go within the hour."""
    return with_tools("studio-retention", lambda tools: _run(tools, as_json))


async def _preview(tools: Tools, as_json: bool) -> None:
    found: list[tuple[Kept, RetentionPreview]] = []
    for one in await _organizations(tools):
        async with tools.database.transaction(Scope.organization(one.organization_id)) as tx:
            found.append((one, await service.preview(tx, tools.engine, one.organization_id, one.terms)))
    async with tools.database.transaction(Scope.system()) as tx:
        unused = await collection.outlook(tx, tools.blobs, tools.settings.collect_after_s)
    if as_json:
        organizations = [{"id": one.organization_id, "name": one.name, "preview": it} for one, it in found]
        click.echo(encode_text({"organizations": organizations, "bytes": unused}))
        return
    for one, it in found:
        click.echo(f"{one.name}: {_kept(it)}.")
        click.echo(
            f"  would go: {count(it.runs.instances, 'run')} with {count(it.runs.steps, 'step')} and "
            f"{count(it.runs.files, 'file')} made on the way ({size(it.runs.files_bytes)}); "
            f"{count(it.runs.events + it.details.events, 'event')} and "
            f"{count(it.runs.log_lines + it.details.log_lines, 'log line')}; "
            f"about {size(it.rows_bytes)} of the database"
        )
        if it.runs.held:
            click.echo(f"  stay, because later runs go on from them: {count(it.runs.held, 'run')}")
        if it.results_kept:
            click.echo(f"  stay, because results are never taken: {count(it.results_kept, 'file')}")
    click.echo(
        f"Bytes that nothing names: {size(unused.due.bytes)} go now, {size(unused.waiting.bytes)} when "
        f"their grace of {unused.grace_s // 3600} hours is over; "
        f"{size(unused.freed_30_days.bytes)} were freed in 30 days."
    )
    if unused.held_by:
        click.echo(f"Nothing is deleted while this runs: {', '.join(unused.held_by)}.")


def _kept(it: RetentionPreview) -> str:
    instances, details = it.terms.instances_days, it.terms.details_days
    return (
        f"runs are kept {'for ever' if instances is None else f'{instances} days'}, their events and log "
        f"lines {'as long' if details is None else f'{details} days'}"
    )


async def _run(tools: Tools, as_json: bool) -> None:
    gone = Gone()
    for one in await _organizations(tools):
        cleared = await service.clear(tools.database, tools.engine, one.organization_id, one.terms)
        async with tools.database.transaction(Scope.organization(one.organization_id)) as tx:
            here = cleared.gone
            await record(tx, acts.RUN, whoever(), runs=here.instances, events=here.events)
        gone += cleared.gone
    freed = await collection.collect(tools.database, tools.blobs, tools.settings.collect_after_s)
    async with tools.database.transaction(Scope.system()) as tx:
        await record_of_box(tx, acts.COLLECTED, whoever(), files=freed.files, size=size(freed.bytes))
    if as_json:
        click.echo(encode_text({"gone": gone, "freed": freed}))
        return
    click.echo(
        f"Gone: {count(gone.instances, 'run')}, {count(gone.steps, 'step')}, {count(gone.events, 'event')}, "
        f"{count(gone.log_lines, 'log line')} and {count(gone.files, 'file')} made on the way."
    )
    click.echo(f"Freed: {count(freed.files, 'blob')}, {size(freed.bytes)}.")


async def _organizations(tools: Tools) -> list[Kept]:
    async with tools.database.transaction(Scope.system()) as tx:
        return await model.every_organization(tx)
