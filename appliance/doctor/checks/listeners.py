"""Only one port is open to others."""

import psutil

from appliance.doctor.finding import Finding, Patient, ill, unknown, well

LOOPBACK = ("127.", "::1", "::ffff:127.")


def look(patient: Patient) -> Finding:
    """Which programs of the box listen where. Postgres, Redis and workers have no business on a network."""
    if not patient.is_up:
        return unknown("The box does not run.", "Start it, then ask again.")
    try:
        boot = int((patient.settings.run_dir / "supervisord.pid").read_text())
        family = [psutil.Process(boot), *psutil.Process(boot).children(recursive=True)]
    except (OSError, ValueError, psutil.Error):
        return unknown("The processes of the box could not be listed.", "Ask as the user who started it.")
    opened: dict[int, str] = {}
    for process in family:
        try:
            listening = [one for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
            for one in listening:
                if not str(one.laddr.ip).startswith(LOOPBACK):
                    opened[one.laddr.port] = process.name()
        except psutil.AccessDenied:
            return unknown(f"{process.name()} cannot be looked into.", "Ask as root.")
        except psutil.NoSuchProcess:
            continue
    opened.pop(patient.settings.port, None)
    if opened:
        said = ", ".join(f"{name} on {port}" for port, name in sorted(opened.items()))
        return ill(
            f"More than the API listens for others: {said}.", "Close these, or put a firewall before them."
        )
    return well(f"Others reach port {patient.settings.port} and nothing else of the box.")
