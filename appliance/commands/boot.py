"""`studio boot`: what the container starts."""

import sys

import click


@click.command()
def command() -> None:
    """Start the box and stay with it until it ends."""
    from appliance.boot import main

    sys.exit(main())
