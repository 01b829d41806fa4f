"""`studio`: the box at the command line. What needs the database is handed to `app.admin` as a process."""

import pkgutil
from importlib import import_module

import click

from appliance import commands


class Commands(click.Group):
    """Every module of `appliance.commands` is a command, imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's own signature
        return sorted(_spoken(module.name) for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"{commands.__name__}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        command.name = cmd_name
        return command


def _spoken(module_name: str) -> str:
    return module_name.replace("_", "-")


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def studio() -> None:
    """One box for a GPU node: workflows for media and AI, run, watched live and kept."""


def main() -> None:
    """The entry point of the `studio` command."""
    studio()


if __name__ == "__main__":
    main()
