"""`studio launch PROGRAM`: what supervisord calls for each program."""

import click


@click.command(hidden=True)
@click.argument("program")
def command(program: str) -> None:
    """Become one program of the box. supervisord does this; by hand it is for looking into a failure."""
    from appliance.launch import main

    main(program)
