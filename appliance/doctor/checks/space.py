"""There is room on the volume."""

import os

from app.kit.volume import ROOM_FILE, Room, RoomState, read
from appliance.doctor.finding import Finding, Patient, ill, in_words, unknown, watch, well

FEWEST_INODES = 10_000


def look(patient: Patient) -> Finding:
    """What the keeper of the volume says, or the file system where no box runs; and room for more files."""
    settings = patient.settings
    try:
        held = os.statvfs(settings.workspace)
    except OSError as exc:
        return unknown(f"{settings.workspace} cannot be looked at: {exc.strerror}.", "See WORKSPACE_PATH.")
    free = held.f_bavail * held.f_frsize
    if held.f_files > 0 and held.f_favail < FEWEST_INODES:
        return ill(f"Only {held.f_favail:,} more files fit.", "Delete what is not needed.", free_bytes=free)
    room = read(settings.run_dir / ROOM_FILE, Room) if patient.is_up else None
    if room is not None and room.state is not RoomState.open:
        return ill(room.sentence, room.remedy, free_bytes=room.free_bytes)
    free = free if room is None else room.free_bytes
    if free < 2_000_000_000:
        return watch(f"{in_words(free)} are free.", "Make room: `studio retention preview`.", free_bytes=free)
    return well(f"{in_words(free)} are free.", free_bytes=free)
