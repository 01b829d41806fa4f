"""`studio restore`: an empty machine, a repository and its recovery kit give the same box again."""

import sys
from pathlib import Path

import click


@click.command()
@click.argument("repository", required=False)
@click.option("--kit", type=click.Path(path_type=Path), help="The recovery kit, as a text file.")
@click.option("--at", metavar="TIME", help="A moment, as 2026-11-25T14:03:00Z; without it the newest backup.")
@click.option(
    "--replace",
    is_flag=True,
    help="Set aside the box on this volume, and what the database in DATABASE_URL holds.",
)
@click.option("--release", is_flag=True, help="Let a restored box work again.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def command(
    *, repository: str | None, kit: Path | None, at: str | None, replace: bool, release: bool, as_json: bool
) -> None:
    """Bring a box back from its backup: the same box, the same sign-ins, the same files.

    REPOSITORY is left out where the kit's still holds. The box must not run. With DATABASE_URL the database
    comes in there, which has to be empty; without it, onto this volume, wherever it was before. What was
    restored holds its schedules, deliveries and steps back until you look and say `studio restore --release`.
    """
    from appliance.backup import speak

    if release:
        sys.exit(speak.safely(speak.release, as_json=as_json))
    if kit is None:
        raise click.UsageError("A restore needs --kit FILE: a backup alone opens nothing.")
    sys.exit(
        speak.safely(
            speak.restore, as_json=as_json, repository=repository, kit_path=kit, at=at, replace=replace
        )
    )
