"""A volume that was made natively on Debian 12, with its Postgres 15, goes on in the image, which has 17."""

import json
import os
from pathlib import Path

import pytest

from appliance import postgres
from tests.appliance.box import Box, box_environment, studio
from tests.e2e.image.conftest import Start
from tests.e2e.person import OWNER, Person

FORMER = 15
NATIVE_ROLES = "postgres,redis,api,daemon"

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or list(postgres.installed()) != [FORMER],
    reason="wants root on a machine with Debian 12's Postgres",
)


def test_a_volume_of_debian_12_goes_on_in_the_image(start: Start, volume: Path, tmp_path: Path) -> None:
    env = box_environment(tmp_path, STUDIO_ROLES=NATIVE_ROLES, **OWNER) | {
        "WORKSPACE_PATH": str(volume),
        "STORAGE_LOCAL_DIR": str(tmp_path / "local"),
    }
    with Box(env) as native:
        native.wait_for("Studio is ready at")
        person = Person(f"http://127.0.0.1:{env['PORT']}")
        person.log_in(OWNER["ADMIN_EMAIL"], OWNER["ADMIN_PASSWORD"])
        photos = person.sample_photos()
        photo = person.download(photos[0]["asset"])
        person.close()
        assert studio(env, "backup", "--json").returncode == 0
        kit = studio(env, "backup", "kit", "--out", str(volume / "kit.txt"))
        assert kit.returncode == 0, kit.stderr
        assert native.stop() == 0, native.text

    container = start(volume=volume)
    container.wait_until_ready(within_s=300)

    assert f"moved from Postgres {FORMER}" in container.log()
    person = Person(container.url)
    person.log_in(OWNER["ADMIN_EMAIL"], OWNER["ADMIN_PASSWORD"])
    assert person.download(photos[0]["asset"]) == photo
    # Workers read the files and the database takes what they make.
    run = person.start(person.sample_workflow()["id"], {"photos": photos, "title": "From twelve to thirteen"})
    assert person.wait_for_end(run["id"])["status"] == "completed", container.log()
    person.close()
    # By itself, because no moment after the move could be reached before.
    container.wait_for_line("Backup done")
    container.wait_for_line("Drill done")  # and proved
    # A backup of the former one is restored here, too; its first boot moves it like the volume.
    again = ("env", "WORKSPACE_PATH=/var/lib/again", "STUDIO_RUN_DIR=/run/again")
    first = json.loads(container.run("studio", "backup", "list", "--json").stdout)["snapshots"][-1]
    restored = container.run(
        *again,
        *("studio", "restore", "/workspace/backups/repository", "--kit", "/workspace/kit.txt"),
        *("--at", first["made_at"], "--json"),
    )
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert json.loads(restored.stdout)["snapshot"] == first["id"]
    assert container.run("cat", f"/var/lib/again/postgres/{FORMER}/PG_VERSION").stdout.strip() == str(FORMER)
