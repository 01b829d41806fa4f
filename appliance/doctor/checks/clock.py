"""The clock is kept right by somebody."""

import ctypes
import ctypes.util
import os

from appliance.doctor.finding import Finding, Patient, unknown, watch, well

STA_UNSYNC = 0x40
SIZE = 512  # more than any struct timex has
STATUS_AT, OFFSET_AT, MAXERROR_AT = 40, 8, 24  # of the 64-bit struct timex; adjtimex(2)


def look(patient: Patient) -> Finding:  # noqa: ARG001  every check takes its patient
    """Ask the kernel whether anything disciplines its clock; schedules, tokens and leases live by it."""
    if ctypes.sizeof(ctypes.c_long) != 8:
        return unknown("This kernel's answer is not understood.", "Compare `date` with another clock.")
    library = ctypes.CDLL(ctypes.util.find_library("c") or "libc.so.6", use_errno=True)
    buffer = ctypes.create_string_buffer(SIZE)
    if library.adjtimex(buffer) < 0:
        return unknown(f"The kernel does not tell: {os.strerror(ctypes.get_errno())}.", "Compare `date`.")
    status = int.from_bytes(buffer.raw[STATUS_AT : STATUS_AT + 4], "little", signed=True)
    error_s = int.from_bytes(buffer.raw[MAXERROR_AT : MAXERROR_AT + 8], "little", signed=True) / 1e6
    if status & STA_UNSYNC:
        return watch(
            "Nothing keeps this machine's clock right.",
            "Run chrony or systemd-timesyncd on the host; certificates and tokens fail when it is far off.",
        )
    return well(f"It is kept right, within {error_s:.3f} s.", error_s=error_s)
