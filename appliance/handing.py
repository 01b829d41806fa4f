"""Commands of `studio` that `app.admin` carries out: they need the database, the API or the language."""

import click


def handed_on(name: str, sentence: str) -> click.Command:
    """The command that goes on as `python -m app.admin name`, with every word that follows it."""

    @click.command(add_help_option=False, context_settings={"ignore_unknown_options": True}, help=sentence)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        from appliance.handover import become_admin  # which reads the settings' code; a `--help` needs none

        become_admin(name, *arguments)

    return command
