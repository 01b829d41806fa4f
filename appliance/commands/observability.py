"""`studio observability FOLDER`: alert rules for Prometheus and dashboards for Grafana, to take along."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def command(folder: Path) -> None:
    """Write alert rules for Prometheus and dashboards for Grafana into FOLDER."""
    from appliance.observability.shipped import write_into

    try:
        written = write_into(folder)
    except OSError as exc:
        raise click.ClickException(f"{folder} cannot be written ({exc.strerror}).") from exc
    for path in written:
        click.echo(path)
