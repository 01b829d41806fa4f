"""`python -m app.migrations upgrade|current|look|check`: schema work as the owner role; the boot calls it."""

import sys

import msgspec
import psycopg
import sqlalchemy as sa

from app.kit.log import configure, get_logger
from app.kit.redaction import keep_secret
from app.kit.settings import SettingsFaults, load_settings
from app.migrations import runner

log = get_logger(__name__)


def main(argv: list[str]) -> int:
    """Exit code 0 when the database is as asked, 1 with a sentence when not."""
    try:
        settings = load_settings()
    except SettingsFaults as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    keep_secret(*settings.secrets)
    configure("studio-boot", settings.log)
    url = settings.database.owner_url
    try:
        match argv:
            case ["upgrade"]:
                if runner.upgrade(url):
                    log.info("database migrated", action="migrated", revision=runner.head())
            case ["check"]:
                runner.check(url)
            case ["look"]:
                sys.stdout.buffer.write(msgspec.json.encode(runner.look(url)) + b"\n")
            case ["current"]:
                sys.stdout.write(f"{runner.current(url) or 'empty'}\n")
            case _:
                sys.stderr.write("Use: python -m app.migrations upgrade|current|look|check\n")
                return 2
    except (runner.SchemaFromTheFuture, runner.SchemaBehind) as exc:
        log.error("%s", exc, action="migration_refused")
        return 1
    except (psycopg.OperationalError, sa.exc.OperationalError) as exc:
        reason = str(exc.orig if isinstance(exc, sa.exc.OperationalError) else exc).strip().splitlines()[0]
        log.error("the database does not answer; check DATABASE_URL", action="db_unreachable", reason=reason)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
