"""Fixtures: an AWS that is moto's server, and an owner of a checkout."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment.aws import Aws, Owner, moto


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with moto(tmp_path_factory.mktemp("moto") / "log") as aws:
        yield aws


@pytest.fixture
def aws(moto_server: Aws) -> Aws:
    """Give an account with nothing in it."""
    moto_server.reset()
    return moto_server


@pytest.fixture
def owner(aws: Aws, tmp_path: Path) -> Owner:
    """Give an owner who has made the role and pushed the image."""
    aws.make_role()
    aws.push()
    return Owner(tmp_path, aws)
