"""What SageMaker mounts for a training job: folders, channels, who the hosts are."""

from functools import cached_property
from pathlib import Path
from typing import Any

from runtime.errors import ClientError
from runtime.training import hyperparameters

_ALIASES = {"training": "train", "train": "training"}  # both are habits (T-19)


class Environment:
    """The tree under a base folder (T-10). No key of its files is required (T-17)."""

    def __init__(self, base_dir: Path) -> None:
        self.base_dir = base_dir

    @property
    def model_dir(self) -> Path:
        """Where the model goes, and nothing else (T-36)."""
        return self.base_dir / "model"

    @property
    def output_data_dir(self) -> Path:
        """Where everything but the model goes (T-37)."""
        return self.base_dir / "output/data"

    @cached_property
    def resources(self) -> dict[str, Any]:
        """What resourceconfig.json says; `hosts` and `current_host` always (T-20)."""
        found = self.config("resourceconfig.json")
        host = found.get("current_host", "localhost")
        return {"hosts": [host], **found, "current_host": host}

    @property
    def hosts(self) -> list[str]:
        """All hosts of the job, in the order of their ranks (T-21)."""
        return sorted(self.resources["hosts"])

    @property
    def host(self) -> str:
        """The name of the host that this is."""
        return str(self.resources["current_host"])

    @property
    def leader(self) -> bool:
        """Whether this host saves the model: the first one does (T-21, T-38)."""
        return self.host not in self.hosts[1:]

    @property
    def channels(self) -> list[str]:
        """Input channels: those of the configuration, else the folders (T-17)."""
        if self._options:
            return sorted(self._options)
        folders = (self.base_dir / "input/data").glob("*")
        return sorted(f.name for f in folders if f.is_dir())  # T-33: files too

    def channel(self, name: str) -> Path:
        """Give the folder of a channel; `training` and `train` are one.

        Raises: ClientError, which names the channels that there are.
        """
        known = self.channels
        found = next((n for n in (name, _ALIASES.get(name)) if n in known), name)
        folder = self.base_dir / "input/data" / found
        options = self._options.get(found) or {}
        if options.get("TrainingInputMode") == "Pipe":  # T-29
            message = (
                f"channel {found!r} is a pipe, which is read once and has no files: "
                "give it the input mode FastFile, which starts as quickly"
            )
            raise ClientError(message)
        if options.get("S3DistributionType") == "ShardedByS3Key" and _is_empty(folder):
            message = (
                f"channel {found!r} has no file for the host {self.host}: it is "
                f"ShardedByS3Key over {len(self.hosts)} hosts and has fewer objects "
                "than that; use fewer hosts, more files, or FullyReplicated"
            )
            raise ClientError(message)  # T-34
        if found not in known or not folder.is_dir():
            there = ", ".join(known) or "none"
            message = f"no channel {name!r} at {folder}; channels of this job: {there}"
            raise ClientError(message)
        return folder

    def config(self, name: str) -> dict[str, Any]:
        """Read a file of input/config; nothing where there is none.

        Raises: ClientError.
        """
        return hyperparameters.read(self.base_dir / "input/config" / name)

    @cached_property
    def _options(self) -> dict[str, Any]:
        return self.config("inputdataconfig.json")


def _is_empty(folder: Path) -> bool:
    return not any(path.is_file() for path in folder.rglob("*"))
