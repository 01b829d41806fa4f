"""What is looked at to say whether the box is well: one file a check, found, not listed.

A file brings `CHECK` and says what it found, with the remedy for whatever is not well:

    async def look(box: Box) -> Finding | None:
        newest = await box.see(newest_backup)       # asked once a look, however many checks want it
        if newest is None:
            return degraded("There is no backup yet.", "Make one: studio backup.")
        return healthy(f"The newest backup is of {newest}.", age_s=newest.age_s)

    CHECK = Check(name="backups", look=look)

- `healthy`, `degraded` (it works, but wants a look), `unhealthy`, and `unknown` (nobody could find out, which
  is never green); None where there is nothing to check on this box.
- It may take two seconds. What takes longer is found out by a job of the daemon and noted (`noted.py`), and
  the check judges the note and its age.
- What it raises counts as “could not be run”. `probe` is what `/readyz` asks instead and tells to everybody,
  so its sentences tell nothing about the inside; `closes_the_door`: nobody is sent here unless that is well.
- It stands on the System page, in `/api/v1/infrastructure/health` and in the metrics at once.
"""
