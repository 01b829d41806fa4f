"""`studio logs`: the last lines of every program, as the volume keeps them."""

import sys

import click


@click.command()
@click.option(
    "--program", "-p", "programs", multiple=True, help="Of this program: api, postgres, worker-gpu …"
)
@click.option("--level", type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False))
@click.option("--since", help="Not older than this: 90s, 15m, 2h, 3d, or 2026-11-25T16:00.")
@click.option("--instance", help="Only lines about this instance.")
@click.option("--grep", "text", help="Only lines that hold this text, whatever its case.")
@click.option("--lines", "-n", default=100, show_default=True, help="How many at most.")
@click.option("--follow", "-f", is_flag=True, help="Go on as lines come, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON object a line.")
def command(  # noqa: PLR0917  click hands options over by name
    programs: tuple[str, ...],
    level: str | None,
    since: str | None,
    instance: str | None,
    text: str | None,
    lines: int,
    follow: bool,
    as_json: bool,
) -> None:
    """The last lines of every program of the box, the newest at the end; exit code 1 when none are kept."""
    from app.kit.ring import Wanted
    from appliance.lines import moment, show_lines

    try:
        oldest = None if since is None else moment(since)
    except ValueError as exc:
        raise click.BadParameter(str(exc), param_hint="--since") from exc
    wanted = Wanted(
        programs=frozenset(programs),
        level=level.upper() if level else None,
        since=oldest,
        instance=instance,
        text=text,
    )
    sys.exit(show_lines(wanted, most=lines, follow=follow, as_json=as_json))
