"""What SageMaker mounts: folders, channels, hosts."""

import json
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import ClientError
from runtime.training.environment import Environment

FILE: dict[str, Any] = {  # of a real job, see T-16
    "TrainingInputMode": "File",
    "S3DistributionType": "FullyReplicated",
    "RecordWrapperType": "None",
}
RESOURCES: dict[str, Any] = {  # of a real job, see T-20
    "current_host": "algo-1",
    "current_instance_type": "ml.g4dn.12xlarge",
    "current_group_name": "homogeneousCluster",
    "hosts": ["algo-1"],
    "instance_groups": [
        {
            "instance_group_name": "homogeneousCluster",
            "instance_type": "ml.g4dn.12xlarge",
            "hosts": ["algo-1"],
        }
    ],
    "network_interface_name": "eth0",
}


def write(base_dir: Path, name: str, content: object) -> None:
    """Write a file of input/config."""
    (base_dir / "input/config" / name).write_text(json.dumps(content))


def folders(base_dir: Path, *names: str) -> None:
    """Make the folders of channels."""
    for name in names:
        (base_dir / "input/data" / name).mkdir()


def cluster(base_dir: Path, current: str, *hosts: str) -> Environment:
    """Give a host of several."""
    write(base_dir, "resourceconfig.json", {"current_host": current, "hosts": hosts})
    return Environment(base_dir)


def test_the_folders_are_those_of_the_contract(base_dir: Path) -> None:
    """T-10, T-36, T-37."""
    mounts = Environment(base_dir)
    assert mounts.model_dir == base_dir / "model"
    assert mounts.output_data_dir == base_dir / "output/data"


def test_channels_are_those_of_the_configuration(base_dir: Path) -> None:
    """T-16, T-17, T-33: a folder or a file beside them is none."""
    write(base_dir, "inputdataconfig.json", {"validation": FILE, "training": FILE})
    folders(base_dir, "training", "validation", "lost+found")
    (base_dir / "input/data/training-manifest").write_text("[]")
    assert Environment(base_dir).channels == ["training", "validation"]


@pytest.mark.parametrize("configured", [None, {}], ids=["no-file", "empty"])
def test_without_a_configuration_channels_are_the_folders(
    base_dir: Path, configured: object
) -> None:
    """T-17, T-33."""
    if configured is not None:
        write(base_dir, "inputdataconfig.json", configured)
    folders(base_dir, "training", "test")
    (base_dir / "input/data/training-manifest").write_text("[]")
    assert Environment(base_dir).channels == ["test", "training"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        None,
        {"TrainingInputMode": "File"},
        {"TrainingInputMode": "FastFile", "ContentType": "text/csv"},
        {**FILE, "S3DistributionType": "ShardedByS3Key"},
        {**FILE, "SomethingNew": {"of": ["next", "year"]}},
    ],
    ids=["none", "null", "local-mode", "fast-file", "sharded", "new-key"],
)
def test_no_key_of_a_channel_is_required_and_none_harms(
    base_dir: Path, options: object
) -> None:
    """T-09, T-16, T-17, T-28."""
    write(base_dir, "inputdataconfig.json", {"training": options})
    folders(base_dir, "training")
    (base_dir / "input/data/training/rows.csv").write_text("a\n1\n")
    assert Environment(base_dir).channel("training") == base_dir / "input/data/training"


@pytest.mark.parametrize(("asked", "there"), [("training", "train"), ("train",) * 2])
def test_train_and_training_are_one_channel(
    base_dir: Path, asked: str, there: str
) -> None:
    """T-19."""
    folders(base_dir, there)
    assert Environment(base_dir).channel(asked) == base_dir / "input/data" / there


def test_where_there_are_both_each_is_itself(base_dir: Path) -> None:
    """T-19."""
    folders(base_dir, "train", "training")
    assert Environment(base_dir).channel("train").name == "train"
    assert Environment(base_dir).channel("training").name == "training"


@pytest.mark.parametrize("name", ["a", "A.b-c_9", "x" * 64])
def test_any_name_that_sagemaker_takes_is_a_channel(base_dir: Path, name: str) -> None:
    """T-17, T-18."""
    write(base_dir, "inputdataconfig.json", {name: FILE})
    folders(base_dir, name)
    assert Environment(base_dir).channel(name).name == name


def test_a_channel_that_is_not_there_is_said_with_those_that_are(
    base_dir: Path,
) -> None:
    """T-17, T-34, X-37."""
    folders(base_dir, "train", "test")
    with pytest.raises(ClientError) as refused:
        Environment(base_dir).channel("validation")
    assert "no channel 'validation'" in str(refused.value)
    assert str(refused.value).endswith("channels of this job: test, train")


def test_a_job_may_have_no_channel(base_dir: Path) -> None:
    """T-18."""
    (base_dir / "input/data").rmdir()
    assert Environment(base_dir).channels == []
    with pytest.raises(ClientError, match=r"channels of this job: none$"):
        Environment(base_dir).channel("training")


def test_a_channel_of_another_instance_group_is_said_with_its_folder(
    base_dir: Path,
) -> None:
    """T-34, T-56: the configuration lists it for all hosts; this one lacks it."""
    write(base_dir, "inputdataconfig.json", {"training": FILE, "extra": FILE})
    folders(base_dir, "training")
    folder = base_dir / "input/data/extra"
    with pytest.raises(ClientError, match=f"no channel 'extra' at {folder}"):
        Environment(base_dir).channel("extra")
    assert Environment(base_dir).channel("training")


@pytest.mark.parametrize("wrapper", ["None", "RecordIO"])
def test_a_pipe_is_refused_with_the_input_mode_to_take(
    base_dir: Path, wrapper: str
) -> None:
    """T-29, T-30, T-31: none is offered; neither is a FIFO taken for a channel."""
    options = {"TrainingInputMode": "Pipe", "RecordWrapperType": wrapper}
    write(base_dir, "inputdataconfig.json", {"train": options})
    with pytest.raises(ClientError, match=r"'train' is a pipe.*mode FastFile"):
        Environment(base_dir).channel("training")


def test_a_host_that_was_dealt_no_file_says_why(base_dir: Path) -> None:
    """T-34: fewer objects than hosts."""
    sharded = {**FILE, "S3DistributionType": "ShardedByS3Key"}
    write(base_dir, "inputdataconfig.json", {"training": sharded})
    mounts = cluster(base_dir, "algo-2", "algo-1", "algo-2", "algo-3")
    for made in ([], ["training"]):  # no folder, then one without a file
        folders(base_dir, *made)
        with pytest.raises(ClientError) as refused:
            mounts.channel("training")
        for words in ("host algo-2", "ShardedByS3Key over 3 hosts", "FullyReplicated"):
            assert words in str(refused.value)
    (base_dir / "input/data/training/deep").mkdir()
    (base_dir / "input/data/training/deep/part-0").touch()
    assert mounts.channel("training")


def test_ranks_go_by_place_in_the_sorted_list(base_dir: Path) -> None:
    """T-20, T-21: algo-10 comes before algo-2."""
    mounts = cluster(base_dir, "algo-2", "algo-2", "algo-10", "algo-1")
    assert mounts.hosts == ["algo-1", "algo-10", "algo-2"]
    assert mounts.host == "algo-2"
    assert not mounts.leader
    assert cluster(base_dir, "algo-10", "algo-2", "algo-10").leader


def test_exactly_one_host_leads_whatever_the_names(base_dir: Path) -> None:
    """T-21, T-38."""
    hosts = [f"machine-{n}" for n in range(1, 21)]
    leaders = [host for host in hosts if cluster(base_dir, host, *hosts).leader]
    assert leaders == ["machine-1"]


@pytest.mark.parametrize(
    "content",
    [None, {}, {"current_host": "algo-1"}, RESOURCES, {**RESOURCES, "topology": {}}],
    ids=["no-file", "empty", "local-mode", "real", "new-key"],
)
def test_a_job_of_one_host_leads_itself(base_dir: Path, content: object) -> None:
    """T-09, T-20, T-21."""
    if content is not None:
        write(base_dir, "resourceconfig.json", content)
    mounts = Environment(base_dir)
    assert mounts.hosts == [mounts.host]
    assert mounts.leader


def test_private_files_are_not_opened(base_dir: Path) -> None:
    """T-26: neither their absence nor their content matters."""
    for name in ("init-config.json", "trainingjobconfig.json", "profilerconfig.json"):
        (base_dir / "input/config" / name).write_bytes(b"\0")
    folders(base_dir, "training")
    assert Environment(base_dir).channels == ["training"]
    assert Environment(base_dir).leader


@pytest.mark.parametrize("name", ["inputdataconfig.json", "resourceconfig.json"])
def test_a_file_that_is_not_json_is_named(base_dir: Path, name: str) -> None:
    """T-16, T-20."""
    (base_dir / "input/config" / name).write_text("{")
    with pytest.raises(ClientError, match=name):
        _ = Environment(base_dir).channels, Environment(base_dir).hosts
