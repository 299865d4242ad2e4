"""AWS' API for the tests of a push: moto's server, over what a registry really holds.

Usage: python -m clients.ecr PORT, in the folder tests and the environment .venv-ecr.
What was pushed past the API is in moto before it is asked for an image; what it puts
is in the registry afterwards. The name of each action is a line of stdout.
"""

import contextlib
import json
import sys
from functools import cache
from io import BytesIO
from typing import Any

from moto.ecr.exceptions import ImageAlreadyExistsException
from moto.ecr.models import Repository, ecr_backends
from moto.server import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple

from clients.ecr_registry import ACCOUNT, Registry

OF_IMAGES = ("BatchGetImage", "DescribeImages", "PutImage")

MOTO = DomainDispatcherApplication(create_backend_app)
registry_of = cache(Registry)


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """Answer one request of the API. Form: WSGI."""
    action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    print(action, flush=True)
    if action not in OF_IMAGES:
        return MOTO(environ, start_response)
    repository = named_repository(environ)
    if repository is None:
        return MOTO(environ, start_response)
    fetch(repository)
    answer = MOTO(environ, start_response)
    publish(repository)
    return answer


def named_repository(environ: dict[str, Any]) -> Repository | None:
    """Give the repository that a request names, if there is one."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    environ["wsgi.input"] = BytesIO(body)  # moto reads it too
    region = environ["HTTP_AUTHORIZATION"].split("/")[2]
    repositories = ecr_backends[ACCOUNT][region].repositories
    return repositories.get(json.loads(body)["repositoryName"])


def fetch(repository: Repository) -> None:
    """Put into moto what the registry holds."""
    backend = ecr_backends[ACCOUNT][repository.region_name]
    name, registry = repository.name, registry_of(repository.region_name)
    for tag, digest in registry.tags(name).items():
        manifest = registry.manifest(name, digest)
        media_type = manifest.headers["Content-Type"]
        with contextlib.suppress(ImageAlreadyExistsException):
            backend.put_image(name, manifest.text, tag, media_type, digest)


def publish(repository: Repository) -> None:
    """Put into the registry the tags that moto has set or moved."""
    name, registry = repository.name, registry_of(repository.region_name)
    held = registry.tags(name)
    for image in repository.images:
        media_type = image.image_manifest_media_type
        for tag in image.image_tags:
            if held.get(tag) != image.image_digest:
                registry.put(name, tag, image.image_manifest, media_type)


if __name__ == "__main__":
    run_simple(
        "127.0.0.1",
        int(sys.argv[1]),
        application,
        threaded=True,
        request_handler=MotoRequestHandler,
    )
