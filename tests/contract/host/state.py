"""A host's processes, as the host and the system tell them."""

from pathlib import Path

import httpx

from dev.host import Host


def workers(host: Host) -> list[dict]:
    return httpx.get(f"{host.url}/admin/host/status", timeout=20).json()["workers"]


def pid_of(host: Host) -> int:
    return workers(host)[0]["pid"]


def is_stopping(host: Host) -> bool:
    """Whether the host has told its workers to stop, or is gone."""
    try:
        return httpx.get(f"{host.url}/admin/host/status", timeout=20).json()["state"] == "Stopping"
    except httpx.TransportError:
        return True


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
