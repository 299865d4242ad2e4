"""The registries of .ci/registry.sh, which stand in for Amazon ECR, read over HTTPS."""

import ssl
from pathlib import Path
from typing import Any

import httpx

ACCOUNT = "123456789012"  # moto's
TAKES, READ_ONLY, KNOWS_ANOTHER = "eu-west-1", "eu-west-2", "eu-west-3"
DOCKER_V2 = "application/vnd.docker.distribution.manifest.v2+json"
# All that a registry could answer with, lists too: none is turned into another.
ANY = (
    f"{DOCKER_V2}, application/vnd.docker.distribution.manifest.list.v2+json"
    ", application/vnd.oci.image.manifest.v1+json"
    ", application/vnd.oci.image.index.v1+json"
)


def host_of(region: str) -> str:
    """Give the name of a registry, as Amazon forms it (I-01)."""
    return f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com"


class Registry:
    """What is held by the store that all regions share.

    Raises FileNotFoundError and httpx.TransportError where no registry answers.
    """

    def __init__(self, region: str = TAKES) -> None:
        host = host_of(region)
        authority = Path("/etc/docker/certs.d") / host / "ca.crt"
        self.client = httpx.Client(
            base_url=f"https://{host}/v2/",
            auth=("AWS", f"{ACCOUNT}-auth-token"),
            verify=ssl.create_default_context(cafile=str(authority)),
        )
        self.client.get("").raise_for_status()

    def tags(self, repository: str) -> dict[str, str]:
        """Give the digest of each tag."""
        answer = self.client.get(f"{repository}/tags/list")
        names = answer.json().get("tags") or []  # none: no such repository, or no tag
        return {tag: digest_of(self.manifest(repository, tag)) for tag in names}

    def manifest(self, repository: str, reference: str) -> httpx.Response:
        """Give the manifest of a tag or digest, in the media type that was pushed."""
        path = f"{repository}/manifests/{reference}"
        return self.client.get(path, headers={"Accept": ANY}).raise_for_status()

    def put(self, repository: str, tag: str, manifest: str, media_type: str) -> None:
        """Put a manifest, whose layers are there, under a tag."""
        self.client.put(
            f"{repository}/manifests/{tag}",
            content=manifest,
            headers={"Content-Type": media_type},
        ).raise_for_status()

    def blob_size(self, repository: str, digest: str) -> int:
        """Give the bytes that the registry holds for a layer or configuration."""
        answer = self.client.head(f"{repository}/blobs/{digest}").raise_for_status()
        return int(answer.headers["Content-Length"])

    def configuration(self, repository: str, reference: str) -> Any:
        """Give what an image says of itself: architecture, labels, layers."""
        part = self.manifest(repository, reference).json()["config"]["digest"]
        return self.client.get(f"{repository}/blobs/{part}").raise_for_status().json()

    def held(self) -> dict[str, dict[str, str]]:
        """Give the tags of all repositories."""
        names = self.client.get("_catalog", params={"n": 1000}).json()
        return {name: self.tags(name) for name in names["repositories"]}


def digest_of(manifest: httpx.Response) -> str:
    """Give the digest under which a manifest is held."""
    return str(manifest.headers["Docker-Content-Digest"])
