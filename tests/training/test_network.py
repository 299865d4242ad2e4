"""The address of a host among others; contract/test_hosts has all else."""

import json
from pathlib import Path

import pytest

from harness import linux_only
from runtime.errors import HostLost
from runtime.training.environment import Environment
from runtime.training.hosts import network

OUTSIDE = "192.0.2.1"  # of no machine


def host(base_dir: Path, name: str, interface: str) -> Environment:
    """Give a host as the job describes it."""
    found = {"current_host": name, "network_interface_name": interface}
    file = base_dir / "input/config/resourceconfig.json"
    file.write_text(json.dumps(found))
    return Environment(base_dir)


@linux_only
@pytest.mark.parametrize(
    ("name", "interface", "address"),
    [
        ("127.3.2.1", "lo", "127.3.2.1"),  # one of several addresses of the interface
        (OUTSIDE, "lo", "127.0.0.1"),  # what the name resolves to may be wrong
        (OUTSIDE, "ethwe", OUTSIDE),  # as SDK v3 writes it, where there is eth0 alone
        ("no-such.invalid", "lo", "127.0.0.1"),
    ],
)
def test_a_host_is_where_its_name_or_its_interface_is(
    base_dir: Path, name: str, interface: str, address: str
) -> None:
    """R-02, T-20, T-21."""
    assert network.address(host(base_dir, name, interface)) == address


def test_a_name_without_an_address_is_told(
    base_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T-22."""
    monkeypatch.setattr(network, "PATIENCE", 0.1)
    with pytest.raises(HostLost, match=r"the name no-such\.invalid of this host"):
        network.address(host(base_dir, "no-such.invalid", "ethwe"))
