"""What `studio upgrade` says: to people in sentences, to machines as one line of JSON."""

from rich.table import Table

from app.kit.passport import Seen
from app.kit.settings import Settings
from app.kit.version import studio_version
from appliance import passport, storage, upgrade
from appliance.backup.speak import console, say_json, spoken, watched
from appliance.files import FolderLock
from appliance.refusal import Refusal
from appliance.rehearsal import rehearse as try_on_a_copy


def rehearse(settings: Settings, *, as_json: bool) -> int:
    """Try the migrations on a copy; the exit code tells how it went."""
    with watched(as_json) as watch:
        found = try_on_a_copy(settings, watch)
    if as_json:
        say_json(found)
    else:
        console.print(
            f"Backup {found.snapshot} of {spoken(found.moment)} was restored in {found.restore_s:.1f} s."
        )
        console.print(found.sentence, style="green" if found.is_right else "red")
    return 0 if found.is_right else 1


def status(settings: Settings, *, as_json: bool) -> int:
    """Which versions were here."""
    box = passport.read(settings)
    if box is None:
        raise Refusal(f"There is no box at {settings.workspace} yet. Start it once with `studio boot`.")
    if as_json:
        return say_json({"version": box.version, "this": studio_version(), "seen": box.seen})
    console.print(f"The volume was last used by Studio {box.version}; this is {studio_version()}.")
    table = Table(
        "version", "schema", "since", "before it", "backup", "how it went", box=None, pad_edge=False
    )
    for seen in box.seen:
        table.add_row(
            seen.version,
            seen.schema or "",
            spoken(seen.since),
            seen.former or "",
            seen.backup or "",
            _how(seen),
        )
    console.print(table)
    return 0


def back(settings: Settings, *, as_json: bool) -> int:
    """Go back to before the last upgrade."""
    storage.make_run_dir(settings)
    lock = FolderLock(settings.workspace)
    lock.take()  # refuses while a box runs here
    try:
        with watched(as_json) as watch:
            undone, aside = upgrade.undo(settings, lambda phase: watch.show(phase, None))
    finally:
        lock.release()
    if as_json:
        return say_json({"undone": undone, "set_aside": aside})
    console.print(
        f"The database is again as backup {undone.backup} holds it. Start Studio {undone.former} (image tag "
        f"{undone.former}). What was here lies in {aside}; delete it when nobody misses it."
    )
    return 0


def healthy(settings: Settings, *, as_json: bool) -> int:
    """Somebody has seen that it works."""
    seen = upgrade.believe(settings)
    if as_json:
        return say_json(seen)
    console.print(f"Studio {seen.version} is healthy here since {spoken(seen.healthy_at)}.", style="green")
    return 0


def retry(settings: Settings, *, as_json: bool) -> int:
    """Forget that this version failed."""
    forgot = upgrade.retry(settings)
    if as_json:
        return say_json({"may_retry": forgot})
    console.print(
        "This version may try again: `studio boot`." if forgot else "Nothing was brought back here."
    )
    return 0


def _how(seen: Seen) -> str:
    match seen.outcome:
        case "undone":
            return f"brought back: {seen.failure or 'somebody asked for it'}"
        case "healthy":
            return f"healthy since {spoken(seen.healthy_at)}"
        case "failed":
            return f"failed: {seen.failure}"
        case "untried":
            return f"not tried out whole: {seen.canary}" if seen.canary else "not tried out yet"
