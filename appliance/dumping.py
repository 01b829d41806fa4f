"""What `studio dump` prints."""

import sys

import msgspec
from rich.console import Console

from app.kit.settings import SettingsFaults, load_settings
from appliance import major
from appliance.refusal import Refusal


def show_dump(as_json: bool) -> int:
    """Dump and tell; the exit code of the refusal when there is one."""
    try:
        done = major.dump(load_settings())
    except SettingsFaults as exc:
        sys.stderr.write(f"{exc}\n")
        return 78
    except Refusal as exc:
        sys.stderr.write(f"{exc.sentence}\n")
        return exc.exit_code
    if as_json:
        sys.stdout.write(msgspec.json.encode(done).decode() + "\n")
        return 0
    console = Console(highlight=False)
    console.print(
        f"The database of Postgres {done.major} is in {done.file} ({done.size_bytes / 1e6:,.1f} MB)."
    )
    console.print(
        "Start the volume with a newer Postgres; it is read in at the boot. Do not start the old one."
    )
    return 0
