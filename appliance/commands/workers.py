"""`studio workers`: the number of steps at once is ours, the rest is asked of the database by `app.admin`."""

import sys

import click


@click.command("scale", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("lanes", nargs=-1)
@click.option(
    "--wait", help="Let running steps end first, at most so long: 30s, 10m. Without: hand them back."
)
def scale(lanes: tuple[str, ...], wait: str | None) -> None:
    """How many steps a lane runs at once: `studio workers scale cpu=4 gpu=1`. Kept over restarts."""
    from app.kit.settings import SettingsFaults, load_settings
    from appliance import scale as scaling
    from appliance.refusal import Refusal

    try:
        settings = load_settings()
        wanted = scaling.read(lanes)
        scaling.scale(settings, wanted, wait=wait)
    except (Refusal, SettingsFaults) as exc:
        click.echo(str(exc), err=True)
        sys.exit(getattr(exc, "exit_code", 1))
    said = ", ".join(f"{lane} {slots}" for lane, slots in wanted.items())
    click.echo(f"Steps at once: {said}.")


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """The lanes of this box: list, drain, resume, scale; see `studio workers --help`."""
    from appliance.handover import become_admin

    if arguments[:1] == ("scale",):
        scale.main(list(arguments[1:]), "studio workers scale")
    become_admin("workers", *arguments)
