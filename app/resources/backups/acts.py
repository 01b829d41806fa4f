"""What was asked of the box's backups, and who saw its recovery kit."""

from typing import Final

from app.kit.backups import Wish
from app.resources.audit.record import Act

KIT_SHOWN: Final = Act("backup.kit_shown", "saw the recovery kit of the box")
WISHED: Final[dict[Wish, Act]] = {
    "backup": Act("backup.wished", "asked for a backup"),
    "drill": Act("backup.drill_wished", "asked for a proof of the newest backup"),
    "release": Act("backup.released", "let the restored box go on"),
    "healthy": Act("upgrade.believed", "marked the version of the box as healthy"),
    "kit": Act("backup.kit_held", "showed that they hold the recovery kit of the box"),
}
