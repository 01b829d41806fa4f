"""The NVIDIA cards of this machine through NVML: what they are, how they are, and whether they still answer.

A card can stop to answer in the middle of everything: it falls off the bus, its memory fails, its driver is
reloaded. Then NVML tells an error for it, or hangs; the others go on.
"""

from typing import Any, Final

from app.flow.messages import Gpu
from app.kit.log import get_logger

log = get_logger(__name__)

# What a program did to itself, says NVIDIA's catalogue of Xid errors; the card is as good as before.
XIDS_OF_PROGRAMS: Final = frozenset({13, 31, 43, 45, 68, 69})


class Cards:
    """Every card; NVML is opened once, because opening takes up to a second. An absent card is normal."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._driver: str | None = None
        self._events: Any = None
        self._xids: dict[int, int] = {}
        self._silent: set[int] = set()
        try:
            import pynvml

            pynvml.nvmlInit()
            self._nvml = pynvml
            self._driver = _text(pynvml.nvmlSystemGetDriverVersion())
        except Exception as exc:  # noqa: BLE001  every way NVML fails means "no card"
            log.debug("no NVIDIA card", action="no_gpu", reason=str(exc))
            return
        self._listen()

    def read(self) -> list[Gpu]:
        """Every card that answers now; blocking for some milliseconds, or for ever with one that is lost."""
        if self._nvml is None:
            return []
        self._hear()
        try:
            count = int(self._nvml.nvmlDeviceGetCount())
        except self._nvml.NVMLError as exc:
            log.warning("the driver of the cards does not answer", action="gpu_silent", reason=str(exc))
            return []
        read = [(index, self._card_or_none(index)) for index in range(count)]
        return [card for _, card in read if card is not None]

    def _card_or_none(self, index: int) -> Gpu | None:
        try:
            card = self._card(index)
        except self._nvml.NVMLError as exc:
            if index not in self._silent:  # told once, not every few seconds
                log.error("a card does not answer", action="gpu_silent", gpu=index, reason=str(exc))
            self._silent.add(index)
            return None
        self._silent.discard(index)
        return card

    def _card(self, index: int) -> Gpu:
        nvml = self._nvml
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        return Gpu(
            index=index,
            name=_text(nvml.nvmlDeviceGetName(handle)),
            memory_total_bytes=int(memory.total),
            memory_used_bytes=int(memory.used),
            utilization_percent=self._optional(lambda: int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)),
            temperature_c=self._optional(
                lambda: int(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
            ),
            driver=self._driver,
            xid=self._xids.get(index),
        )

    def _optional(self, ask: Any) -> int | None:
        """A fact some cards do not tell (vGPUs, MIG slices)."""
        try:
            found: int = ask()
        except self._nvml.NVMLError:
            return None
        return found

    def _listen(self) -> None:
        """Have the driver keep its Xid errors for us, card by card; some (vGPUs, WSL) tell none."""
        nvml = self._nvml
        try:
            events = nvml.nvmlEventSetCreate()
            count = int(nvml.nvmlDeviceGetCount())
        except nvml.NVMLError:
            return
        for index in range(count):
            try:
                handle = nvml.nvmlDeviceGetHandleByIndex(index)
                nvml.nvmlDeviceRegisterEvents(handle, nvml.nvmlEventTypeXidCriticalError, events)
            except nvml.NVMLError:
                continue
            self._events = events

    def _hear(self) -> None:
        """Note the errors that were told since the last time."""
        while self._events is not None:
            try:
                event = self._nvml.nvmlEventSetWait_v2(self._events, 0)
                index, xid = int(self._nvml.nvmlDeviceGetIndex(event.device)), int(event.eventData)
            except self._nvml.NVMLError:  # nothing more, or of a card that has no number any more
                return
            log.error("the driver tells an error of a card", action="gpu_xid", gpu=index, xid=xid)
            if xid not in XIDS_OF_PROGRAMS:
                self._xids[index] = xid


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
