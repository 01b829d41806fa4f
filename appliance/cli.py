"""`studio`: the box at the command line. What needs the database is handed to `app.admin` as a process."""

import sys

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def studio() -> None:
    """One box for a GPU node: workflows for media and AI, run, watched live and kept."""


@studio.command()
def boot() -> None:
    """Start the box and stay with it until it ends."""
    from appliance.boot import main as boot_main

    sys.exit(boot_main())


@studio.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def status(as_json: bool) -> None:
    """How far the boot is, what runs, and where; exit code 0 means ready."""
    from appliance.status import show_status

    sys.exit(show_status(as_json))


@studio.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def version(as_json: bool) -> None:
    """Which Studio this is, and with which Python, Postgres and Redis."""
    from appliance.status import show_version

    show_version(as_json)


@studio.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(arguments: tuple[str, ...]) -> None:
    """Run a workflow from a file, and watch it; see `studio run --help`."""
    from appliance.commands import become_admin

    become_admin("run", *arguments)


@studio.command(hidden=True)
@click.argument("program")
def launch(program: str) -> None:
    """Become one program of the box. supervisord does this; by hand it is for looking into a failure."""
    from appliance.launch import main as launch_main

    launch_main(program)


def main() -> None:
    """The entry point of the `studio` command."""
    studio()


if __name__ == "__main__":
    main()
