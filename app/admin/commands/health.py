"""`studio health`: every part of the box as its API sees it, asked without the API."""

import click

from app.admin.tools import Tools, with_tools
from app.kit.codec import encode_text
from app.resources.infrastructure import service
from app.resources.infrastructure.looking import Box
from app.store.bus import Bus


def main(arguments: list[str]) -> int:
    """The exit code: 0 healthy, 1 not, or the box cannot be asked."""
    try:
        health.main(arguments, "studio health")
    except SystemExit as end:
        return int(end.code or 0)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="For machines: every fact as well.")
def health(as_json: bool) -> None:
    """Every part of the box with a sentence, and what to do where it is not well."""

    async def act(tools: Tools) -> int:
        bus = Bus.open(tools.settings.redis.url)
        try:
            found = await service.full(Box(tools.settings, tools.database, bus.redis))
        finally:
            await bus.close()
        if as_json:
            click.echo(encode_text(found))
        else:
            for name, one in found.checks.items():
                click.echo(f"{one.status:9} {name}: {one.detail}")
                if one.remedy:
                    click.echo(f"          {one.remedy}")
        return 0 if found.status == "healthy" else 1

    raise SystemExit(with_tools("studio-health", act))
