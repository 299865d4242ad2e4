"""What SageMaker gives a training job: folders, channels, hosts, the variables SM_*.

Alone spells the places below /opt/ml, and who of several hosts may fill the model
folder. It is imported before a job begins, and so imports little itself.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from runtime.errors import ClientError
from runtime.resources import cpu_count

_ALIASES = {"training": "train", "train": "training"}  # both are habits (T-19)


class Environment:
    """The tree under a base folder (T-10). No key of its files is required (T-17)."""

    def __init__(self, base_dir: Path) -> None:
        self.base_dir = base_dir
        self.model_dir = base_dir / "model"  # for the model and nothing else (T-36)
        self.output_data_dir = base_dir / "output/data"  # for all the rest (T-37)
        # Its first characters are what SageMaker shows as FailureReason (T-40).
        self.failure_file = base_dir / "output/failure"

    @cached_property
    def resources(self) -> dict[str, Any]:
        """What resourceconfig.json says; `hosts` and `current_host` always (T-20)."""
        found = self.config("resourceconfig.json")
        host = found.get("current_host", "localhost")
        return {"hosts": [host], **found, "current_host": host}

    @cached_property
    def hosts(self) -> list[str]:
        """All hosts of the job, in the order of their ranks (T-21)."""
        return sorted(self.resources["hosts"])

    @property
    def host(self) -> str:
        """The name of the host that this is."""
        return str(self.resources["current_host"])

    @cached_property
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
        known, found = self.channels, self._known(name)
        folder = self.base_dir / "input/data" / found
        options = self._options.get(found) or {}
        if options.get("TrainingInputMode") == "Pipe":  # T-29
            message = (
                f"channel {found!r} is a pipe, which is read once and has no files: "
                "give it the input mode FastFile, which starts as quickly"
            )
            raise ClientError(message)
        if self.is_sharded(name) and _is_empty(folder):
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

    def is_sharded(self, name: str) -> bool:
        """Whether each host has some files of a channel, and no other host has them."""
        options = self._options.get(self._known(name)) or {}
        return bool(options.get("S3DistributionType") == "ShardedByS3Key")

    def _known(self, name: str) -> str:
        known = self.channels
        return next((n for n in (name, _ALIASES.get(name)) if n in known), name)

    def variables(self, hyperparameters: Mapping[str, Any]) -> dict[str, str]:
        """Give the variables of the training toolkit, spelt as it does (T-25)."""
        folders = {name: self.base_dir / "input/data" / name for name in self.channels}
        # A script asks for one of two habits, whichever name the channel has.
        aliases = {_ALIASES[n]: folders[n] for n in _ALIASES.keys() & folders.keys()}
        values = {
            "MODEL_DIR": self.model_dir,
            "INPUT_DIR": self.base_dir / "input",
            "INPUT_CONFIG_DIR": self.base_dir / "input/config",
            "OUTPUT_DIR": self.base_dir / "output",
            "OUTPUT_DATA_DIR": self.output_data_dir,
            "OUTPUT_INTERMEDIATE_DIR": self.base_dir / "output/intermediate",
            "CHANNELS": sorted(folders),
            **{f"CHANNEL_{n.upper()}": path for n, path in (aliases | folders).items()},
            "HPS": hyperparameters,
            **{f"HP_{name.upper()}": value for name, value in hyperparameters.items()},
            "USER_ARGS": arguments(hyperparameters),
            "HOSTS": self.resources["hosts"],
            "CURRENT_HOST": self.resources["current_host"],
            "RESOURCE_CONFIG": self.resources,
            "NETWORK_INTERFACE_NAME": self.resources.get("network_interface_name"),
            "CURRENT_INSTANCE_TYPE": self.resources.get("current_instance_type"),
            "CURRENT_INSTANCE_GROUP": self.resources.get("current_group_name"),
            "NUM_CPUS": cpu_count(),
            "NUM_GPUS": 0,
            "LOG_LEVEL": 20,
        }
        return {f"SM_{name}": _spelt(value) for name, value in values.items()}

    def config(self, name: str) -> dict[str, Any]:
        """Read a file of input/config as `read_json` does. Raises: ClientError."""
        return read_json(self.base_dir / "input/config" / name)

    @cached_property
    def _options(self) -> dict[str, Any]:
        return self.config("inputdataconfig.json")


def _is_empty(folder: Path) -> bool:
    return not any(path.is_file() for path in folder.rglob("*"))


def read_json(file: Path) -> dict[str, Any]:
    """Read a file of `input/config`, one JSON object; no file is an empty one (T-13).

    Raises: ClientError.
    """
    try:
        raw = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as exc:
        message = f"cannot read {file.resolve()}: {exc.strerror}"
        raise ClientError(message) from exc
    except (ValueError, RecursionError) as exc:
        message = f'{file.resolve()} should be JSON, such as {{"name": "1"}}: {exc}'
        raise ClientError(message) from exc
    if not isinstance(raw, dict):
        message = f'{file.resolve()} should be one object, such as {{"name": "1"}}'
        raise ClientError(message)
    return raw


def empty(folder: Path) -> None:
    """Remove what lies in a folder; the folder itself may be a mount and stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def hold(folder: Path) -> None:
    """Let the hosts that share the leader's model folder wait for its end (R-04)."""
    with suppress(OSError):  # a file system without locks
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def wait_for_leader(folder: Path) -> None:
    """Wait until the leader's process is gone, if it holds this folder too.

    So it is in local mode, which stops all hosts as soon as one ends (R-04). In
    SageMaker each host has a folder of its own: nobody holds it.
    """
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_SH)


def arguments(hyperparameters: Mapping[str, Any]) -> list[str]:
    """Give `--name value` for each hyperparameter, sorted; `-n` for one letter."""
    pairs = (
        ("-" * min(len(name), 2) + name, _word(value))
        for name, value in sorted(hyperparameters.items())
    )
    return [word for pair in pairs for word in pair]


def _word(value: Any) -> str:
    """Spell a value as an argument: as `str` does, and a mapping as k=v,k=v."""
    if isinstance(value, Mapping):
        return ",".join(f"{key}={value[key]}" for key in sorted(value))
    return "" if value is None else str(value)


def _spelt(value: Any) -> str:
    """Spell text as it is, nothing as nothing, and all else as compact JSON."""
    if value is None:
        return ""
    if isinstance(value, str | Path):
        return str(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
