"""A whole box examined and packed into a bundle, while it runs."""

import json
import tarfile
from pathlib import Path

import pytest

from tests.appliance.box import Box, box_environment, studio

pytestmark = pytest.mark.integration

SECRETS = {
    "ADMIN_PASSWORD": "nobody may read me, not even once",
    "WORKER_SHARED_SECRET": "workers-come-in-with-this-word-and-none-else",
    "JWT_SECRET_KEY": "sign-ins-are-signed-with-this-long-secret-word",
    "CLOUDFLARE_TUNNEL_TOKEN": "tunnel-token-that-opens-the-tunnel",
    "STUDIO_BACKUP_SSH_KEY": "key-that-opens-the-machine-of-the-backups",
    "AWS_SECRET_ACCESS_KEY": "key-that-opens-the-bucket-of-the-backups",
}


def test_a_healthy_box_is_found_well_and_its_bundle_holds_no_secret(tmp_path: Path) -> None:
    env = box_environment(tmp_path, STUDIO_ROLES="all", ADMIN_EMAIL="ada@example.org", **SECRETS)
    with Box(env) as box:
        box.wait_for("is ready")
        box.wait_for("Daemon at work")
        found = {one["check"]: one["finding"] for one in json.loads(studio(env, "doctor", "--json").stdout)}
        for name in ("api", "postgres", "redis", "listeners", "keys"):
            assert found[name]["verdict"] == "well", found[name]
        assert found["programs"]["verdict"] in ("well", "watch"), found["programs"]
        assert not [name for name, one in found.items() if one["verdict"] == "ill"], found

        out = tmp_path / "bundle.tar.gz"
        packed = studio(env, "support-bundle", "--out", str(out))
        assert packed.returncode == 0, packed.stderr
        assert "is there already" in studio(env, "support-bundle", "--out", str(out)).stderr

    contents = read(out)
    names = {name.split("/", 1)[1] for name in contents}
    assert {"about.json", "doctor.json", "health.json", "settings.json", "processes.json"} <= names
    assert any(name.startswith("logs/") for name in names)
    assert not [name for name, text in contents.items() if "could not be had" in text]
    made = [path.read_text().strip() for path in (tmp_path / "ws" / "keys").iterdir()]
    everything = "\n".join(contents.values())
    for secret in [*SECRETS.values(), *made, "ada@example.org"]:
        assert secret not in everything
    health = json.loads(next(text for name, text in contents.items() if name.endswith("health.json")))
    assert health["checks"]["database"]["status"] == "healthy"


def read(path: Path) -> dict[str, str]:
    """Every file of a bundle."""
    with tarfile.open(path) as archive:
        return {
            member.name: file.read().decode()
            for member in archive.getmembers()
            if (file := archive.extractfile(member)) is not None
        }
