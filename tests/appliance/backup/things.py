"""A small box with something in it: rows that refer to one another, files, and a kit."""

import hashlib
import os
from pathlib import Path

from app.kit.blobs import BlobFolder
from app.kit.recovery import Kit
from app.kit.settings import Settings, load_settings
from appliance import keys, passport, storage
from appliance.backup.kit import kit_of
from appliance.backup.restic import Repository
from appliance.postgres import DATABASE, Cluster

TABLES = """
    CREATE TABLE alembic_version (version_num text);
    INSERT INTO alembic_version VALUES ('0001_first');
    CREATE TABLE blobs (sha256 text PRIMARY KEY, size_bytes bigint NOT NULL);
    CREATE TABLE things (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name text, made_at timestamptz
        DEFAULT clock_timestamp(), sha256 text REFERENCES blobs);
"""


def settings_in(folder: Path, **more: str) -> Settings:
    """The settings of a box in this folder, with its keys made."""
    env = environment_in(folder, **more)
    storage.prepare(load_settings(env))
    settings = keys.ensure(load_settings(env), env)
    passport.stamp(settings, passport.read(settings))
    return settings


def environment_in(folder: Path, **more: str) -> dict[str, str]:
    """What such a box is started with."""
    return {"WORKSPACE_PATH": str(folder / "ws"), "STUDIO_RUN_DIR": str(folder / "run"), **more}


def add(settings: Settings, cluster: Cluster, name: str, content: bytes | None = None) -> str:
    """One more thing with a file, stored as the box does: the file first, the rows when it is there."""
    blobs = BlobFolder(settings.blobs_dir, settings.tmp_dir)
    scratch = blobs.new_scratch()
    scratch.write_bytes(os.urandom(2000) if content is None else content)
    blob = blobs.adopt(scratch)
    cluster.run_sql(
        f"INSERT INTO blobs VALUES ('{blob.sha256}', {blob.size_bytes}) ON CONFLICT DO NOTHING;"  # noqa: S608
        f"INSERT INTO things (name, sha256) VALUES ('{name}', '{blob.sha256}')",
        DATABASE,
    )
    return blob.sha256


def rows_of(cluster: Cluster) -> list[str]:
    """Every row there is, as text."""
    return cluster.run_sql(
        "SELECT 'thing', t::text FROM things t UNION ALL SELECT 'blob', b::text FROM blobs b ORDER BY 1, 2",
        DATABASE,
    ).splitlines()


def files_of(settings: Settings) -> dict[str, str]:
    """Every file by its name, with the hash of what is in it."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in settings.blobs_dir.rglob("*")
        if path.is_file()
    }


def repository_of(kit: Kit) -> Repository:
    """As `studio restore` opens it."""
    return Repository(kit.repository, kit.password, kit.box_id)


def kit_in(settings: Settings) -> Kit:
    """The kit of this box."""
    return kit_of(settings)
