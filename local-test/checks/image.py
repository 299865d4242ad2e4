"""The image, before it is started: what `docker image inspect` knows."""

from __future__ import annotations

from checks.finding import advise, check, fail
from checks.launch import Docker


@check("I-06", "built for x86 instances", "docker build --platform linux/amd64")
def architecture(image: Docker) -> str:
    built = f"{image.about['Os']}/{image.about['Architecture']}"
    return built if built == "linux/amd64" else advise(f"{built}: for Graviton only")


@check("T-02", "signals reach the program", 'ENTRYPOINT ["program"], without a shell')
def entrypoint(image: Docker) -> str:
    words = image.config.get("Entrypoint") or []
    if words[:2] == ["/bin/sh", "-c"]:
        fail("a shell is process 1, and passes no SIGTERM on")
    if words and "tini" in words[0]:
        advise("tini takes `train` and `serve` for its own arguments (T-03)")
    return f"ENTRYPOINT {words}" if words else "no ENTRYPOINT: programs on PATH"


@check("T-06", "runs as root", "no USER: only root may read SageMaker's folders")
def user(image: Docker) -> str:
    name = image.config.get("User") or "root"
    return name if name.split(":")[0] in {"root", "0"} else fail(f"USER {name}")


@check("H-41", "below the 10 GB of serverless", "leave out what serving does not need")
def size(image: Docker) -> str:
    seen = f"{image.about['Size'] / 1e9:.2f} GB"
    return seen if image.about["Size"] < 10e9 else advise(seen)


CHECKS = (architecture, entrypoint, user, size)
