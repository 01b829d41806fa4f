"""A database that outlives its disk: Postgres on this machine, its log and its base backups on the volume.

For volumes that cannot hold a cluster (RunPod's network volumes refuse chown and ignore chmod).
`pg_receivewal` writes the log to the volume and is the synchronous standby, so a commit returns when the
volume has it. Each boot on an empty disk puts the newest base backup and the log after it together again.

On the volume, in `hydrate/<major>/`: `wal/`, `bases/<time>/`, and small files: `life`, who rebuilt last;
`acknowledged.json`, how far commits were confirmed.
"""
