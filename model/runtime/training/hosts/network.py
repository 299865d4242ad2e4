"""Where hosts find each other: names and interfaces of a network that may be late.

SageMaker starts hosts apart, and a name may have no address yet (T-22).
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Interface
from typing import TypeVar

import psutil

from runtime.errors import HostLost
from runtime.training.environment import Environment

PORT = 8786  # Dask's own; at 8787 a scheduler answers HTTP, with a dashboard or without
PATIENCE = 15 * 60  # seconds that hosts may start apart, as in SageMaker's toolkit
Found = TypeVar("Found")


def reach(leader: str) -> tuple[str, str]:
    """Wait for the leader's port (T-22). Returns: this host's address, the leader's.

    Raises: HostLost.
    """

    def reached() -> tuple[str, str]:
        with socket.create_connection((leader, PORT), 5) as way:
            return way.getsockname()[0], way.getpeername()[0]

    message = (
        f"PlatformError: the leader {leader} did not answer at port {PORT} within "
        f"{PATIENCE} seconds: look for its own log"
    )
    return _first(reached, message)


def address(leader: Environment) -> str:
    """Give the address at which the other hosts find this one (T-21, T-22).

    That of its name, unless the interface that the job names is there, and has another
    (R-02). Raises: HostLost.
    """
    networks = _networks(leader.resources.get("network_interface_name"))

    def named() -> str:
        return socket.gethostbyname(leader.host)

    if not networks:
        message = (
            f"PlatformError: the name {leader.host} of this host had no address within "
            f"{PATIENCE} seconds"
        )
        return _first(named, message)
    with suppress(OSError):
        found = IPv4Address(named())
        if any(found in own.network for own in networks):
            return str(found)
    return str(networks[0].ip)


def _networks(interface: str | None) -> list[IPv4Interface]:
    """List the addresses of an interface; a name that there is not has none (R-02)."""
    return [
        IPv4Interface(f"{own.address}/{own.netmask}")
        for own in psutil.net_if_addrs().get(interface, ())
        if own.family == socket.AF_INET
    ]


def _first(ask: Callable[[], Found], message: str) -> Found:
    """Ask the network until it answers. Raises: HostLost, once that takes too long."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(OSError):
            return ask()
        time.sleep(0.5)
    raise HostLost(message)
