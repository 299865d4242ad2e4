"""Checkpoints: what a job that is started anew goes on from (T-45, T-47, T-49).

One checkpoint is one zip file, which is there whole or not at all, and whose members
carry checksums: the state of the work, and the model so far as it would lie in the
model folder.
"""

import functools
import json
import os
import re
import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import joblib

from runtime.errors import ClientError
from runtime.models import artifact
from runtime.training.environment import Environment

Found = TypeVar("Found")
KEPT = 3  # the newest of each host
_MADE_FOR = "made_for.json"
_STATE = "state.joblib"
_TEMPORARY = ".sagemaker-ignore"  # a suffix that is not uploaded (T-46)


class Checkpoints:
    """The checkpoints of one host, in a folder that hosts and jobs may share (T-45).

    `made_for` are the hyperparameters of this job: what a job with others left in the
    folder is not gone on from.
    """

    def __init__(self, folder: Path, host: str, made_for: Mapping[str, Any]) -> None:
        self.folder = folder
        self._host = host
        self._made_for = json.dumps(made_for, sort_keys=True).encode()
        for torn in folder.glob(f".{host}-*{_TEMPORARY}"):  # its job was killed
            torn.unlink(missing_ok=True)

    def save(self, state: Any, model: Mapping[str, artifact.Write]) -> None:
        """Write a checkpoint, then prune the oldest; `model` may be empty.

        A full disk costs this checkpoint, not the job.
        """
        number = max((number for number, _ in self._files()), default=0) + 1
        file = self.folder / f"{self._host}-{number:06d}.zip"
        partial = self.folder / f".{file.name}{_TEMPORARY}"
        members = {
            _STATE: lambda member: joblib.dump(state, member),
            **model,
            # Last: an index that is damaged may lose entries, and then loses this one.
            _MADE_FOR: lambda member: member.write(self._made_for),
        }
        try:
            _write(partial, members)
            partial.replace(file)
        except OSError as exc:
            print(f"the job goes on without the checkpoint {file}: {exc}")
        finally:
            partial.unlink(missing_ok=True)
        for _, old in self._files()[:-KEPT]:
            old.unlink(missing_ok=True)

    def load(self) -> tuple[Any, Any]:
        """Read state and model of the newest checkpoint that is whole.

        Returns: the model is None where it had none, both where there is nothing.
        """

        def read(archive: zipfile.ZipFile) -> tuple[Any, Any]:
            has_model = artifact.ESTIMATOR in archive.namelist()
            model = _load(archive, artifact.ESTIMATOR) if has_model else None
            return _load(archive, _STATE), model

        file, found = self._newest(read)
        if found is None:
            return None, None
        print(f"going on from the checkpoint {file}", flush=True)
        return found

    def promote(self, model_dir: Path) -> Path | None:
        """Copy the newest model to the model folder; nothing is unpickled.

        Returns: the checkpoint that it comes from; None where none holds a model.
        """

        def copy(archive: zipfile.ZipFile) -> bool | None:
            if artifact.ESTIMATOR not in archive.namelist():
                return None
            for name in (artifact.ESTIMATOR, artifact.DESCRIPTION):
                with archive.open(name) as member:
                    content = functools.partial(shutil.copyfileobj, member)
                    artifact.write(model_dir / name, content)
            return True

        return self._newest(copy)[0]

    def _newest(
        self, read: Callable[[zipfile.ZipFile], Found | None]
    ) -> tuple[Path | None, Found | None]:
        """Read the newest checkpoint of this job that has what is asked for."""
        for _, file in reversed(self._files()):
            try:
                with zipfile.ZipFile(file) as archive:
                    if damaged := archive.testzip():
                        print(f"{file} is skipped: {damaged} in it is damaged")
                    elif archive.read(_MADE_FOR) != self._made_for:
                        print(f"{file} is skipped: made with other hyperparameters")
                    elif (found := read(archive)) is not None:
                        return file, found
            except Exception as exc:  # noqa: BLE001 -- what is damaged raises anything
                print(f"{file} is skipped: {type(exc).__name__}: {exc}")
        return None, None

    def _files(self) -> list[tuple[int, Path]]:
        """List this host's checkpoints by number; markers have other names (T-46)."""
        name = re.compile(rf"{re.escape(self._host)}-(\d+)\.zip")
        matches = ((name.fullmatch(path.name), path) for path in self.folder.iterdir())
        return sorted((int(match[1]), path) for match, path in matches if match)


def checkpoints_of(job: Environment, made_for: Mapping[str, Any]) -> Checkpoints:
    """Open the checkpoints of a job; without CheckpointConfig they end with it."""
    folder = job.base_dir / "checkpoints"
    with suppress(ClientError, KeyError, TypeError):  # not in the contract (T-26)
        folder = Path(job.config("checkpointconfig.json")["LocalPath"])
    if folder.is_dir():
        return Checkpoints(folder, job.host, made_for)
    folder = Path(tempfile.mkdtemp())
    weakref.finalize(job, shutil.rmtree, folder, ignore_errors=True)
    return Checkpoints(folder, job.host, made_for)


def _write(file: Path, members: Mapping[str, artifact.Write]) -> None:
    with file.open("wb") as stream:
        with zipfile.ZipFile(stream, "w") as archive:
            for name, write in members.items():
                with archive.open(name, "w", force_zip64=True) as member:
                    write(member)
        stream.flush()
        os.fsync(stream.fileno())  # on the disk before it gets its name


def _load(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(name) as member:
        return joblib.load(member)
