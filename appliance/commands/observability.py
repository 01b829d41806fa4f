"""`studio observability FOLDER`: alert rules for Prometheus and dashboards for Grafana, to take along."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def command(folder: Path, as_json: bool) -> None:
    """Write alert rules for Prometheus and dashboards for Grafana into FOLDER."""
    from app.kit.codec import encode_text
    from appliance.observability.shipped import write_into

    try:
        written = write_into(folder)
    except OSError as exc:
        raise click.ClickException(f"{folder} cannot be written ({exc.strerror}).") from exc
    paths = [str(path) for path in written]
    click.echo(encode_text(paths) if as_json else "\n".join(paths))
