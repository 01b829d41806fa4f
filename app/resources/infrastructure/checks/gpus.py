"""The cards that the workers began with still answer. A box without cards has nothing to check."""

from app.flow.wording import count, listing
from app.resources.infrastructure import facts
from app.resources.infrastructure.looking import Box, Check, Finding, degraded, healthy, unhealthy


async def look(box: Box) -> Finding | None:
    """Compare what each worker sees with what it began with."""
    workers = [worker for worker in await box.see(facts.worker_facts) if worker.is_alive]
    cards = await box.see(facts.cards)
    gone = [worker for worker in workers if worker.gpus_missing]
    if gone:
        missing = sum(worker.gpus_missing for worker in gone)
        return unhealthy(
            f"{count(missing, 'graphics card')} of {listing([worker.name for worker in gone])} "
            f"{'does' if missing == 1 else 'do'} not answer any more.",
            "Look for Xid errors in the host's kernel log (dmesg); a restart of the machine, or another pod, "
            "brings a card back.",
            cards=len(cards),
            missing=missing,
        )
    if not cards:
        return None
    told = [f"{card.name} (card {card.index}, Xid {card.xid})" for card in cards if card.xid is not None]
    if told:
        return degraded(
            f"The driver told an error of {listing(told)}.",
            "Look the number up in NVIDIA's catalogue of Xid errors; memory that failed (48, 63, 64, 94, "
            "95) wants a restart of the machine, or another pod.",
            cards=len(cards),
            missing=0,
        )
    hot = [card.name for card in cards if (card.temperature_c or 0) >= 90]
    if hot:
        return degraded(
            f"{listing(hot)} runs at 90 °C or more.", "See to its cooling.", cards=len(cards), missing=0
        )
    return healthy(f"{count(len(cards), 'graphics card')} at work.", cards=len(cards), missing=0)


CHECK = Check(name="gpus", look=look)
