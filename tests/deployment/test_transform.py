"""deploy/transform.py: batch transform, of a file here or of files in S3."""

from typing import Any

import pytest

from deployment.aws import Aws, Owner

MINE = "s3://sagemaker-eu-west-1-123456789012/penguins/mine"
JOB = "penguins-other"
FAILED = {"TransformJobStatus": "Failed", "FailureReason": "AlgorithmError: see logs"}
HEADER = b"island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year\n"
NEVER = {"error": ["ValidationException", "Could not find it", 400]}
UNTRAINED = {"shape": True, "TrainingJobStatus": "Failed"}


@pytest.fixture
def trained(owner: Owner) -> Owner:
    """Give an owner who has trained."""
    ran = owner.deploy("train.py")
    assert ran.status == 0, ran.log
    return owner


def test_rows_are_uploaded_and_predicted_by_the_model_that_was_trained_last(
    trained: Owner, aws: Aws
) -> None:
    ran = trained.deploy("transform.py")
    assert ran.status == 0, ran.log
    assert ran.hosts == []
    assert {call.seen for call in ran.calls} == {"moto"}
    (job,) = ran.parameters("CreateTransformJob")
    given = job["TransformInput"]
    assert (given["ContentType"], given["SplitType"]) == ("text/csv", "Line")
    output = job["TransformOutput"]
    assert (output["Accept"], output["AssembleWith"]) == ("text/csv", "Line")
    assert "DataProcessing" not in job
    assert (
        not {"BatchStrategy", "MaxPayloadInMB"} & job.keys()
    )  # asked of the container
    payload = (trained.home / "local-test/payload.csv").read_bytes()
    address = given["DataSource"]["S3DataSource"]["S3Uri"]
    assert aws.files(address) == {f"{address}payload.csv": payload}
    (model,) = ran.parameters("CreateModel")
    assert model["ModelName"] == job["ModelName"]
    assert "@sha256:" in model["PrimaryContainer"]["Image"]
    assert model["PrimaryContainer"]["ModelDataUrl"].endswith("/model.tar.gz")


def test_the_second_run_takes_the_first_job_and_shows_its_output(
    trained: Owner, aws: Aws
) -> None:
    (job,) = trained.deploy("transform.py").parameters("CreateTransformJob")
    place = job["TransformOutput"]["S3OutputPath"]
    aws.put(f"{place}payload.csv.out", b"Adelie\nGentoo\n")
    ran = trained.deploy("transform.py")
    assert ran.status == 0, ran.log
    assert not {"CreateTransformJob", "CreateModel"} & {c.operation for c in ran.calls}
    shown = f"{place}payload.csv.out begins with:\n    Adelie\n    Gentoo\n"
    assert ran.log.endswith(f"{shown}Next: python deploy/register.py\n")


def test_a_join_has_each_row_and_ids_are_not_sent_to_the_model(trained: Owner) -> None:
    joined = trained.deploy("transform.py", "--join")
    (job,) = joined.parameters("CreateTransformJob")
    assert job["DataProcessing"] == {"JoinSource": "Input"}
    with_ids = trained.deploy("transform.py", "--ids", "2", "--mark")
    (job,) = with_ids.parameters("CreateTransformJob")
    join = {"InputFilter": "$[2:]", "JoinSource": "Input"}
    assert job["DataProcessing"] == join
    assert job["Environment"] == {"MODEL_BATCH_BAD_RECORDS": "mark"}


def test_a_header_is_left_out_and_rows_with_another_one_are_others(
    trained: Owner, aws: Aws
) -> None:
    rows = trained.home / "mine.csv"
    rows.write_bytes(b"island,size\nDream,1\n")
    ran = trained.deploy("transform.py", str(rows), "--header")
    assert "The header is left out: island,size\n" in ran.log
    (job,) = ran.parameters("CreateTransformJob")
    address = job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    assert aws.files(address) == {f"{address}mine.csv": b"Dream,1\n"}
    rows.write_bytes(b"isle,size\nDream,1\n")
    whole = trained.deploy("transform.py", str(rows))
    (other,) = whole.parameters("CreateTransformJob")
    assert other["TransformInput"] != job["TransformInput"]


@pytest.mark.penguins
def test_a_header_that_the_training_data_have_is_not_sent(
    trained: Owner, aws: Aws
) -> None:
    rows, row = trained.home / "mine.csv", b"Biscoe,40,18,180,3950,male,2007\n"
    rows.write_bytes(HEADER + row)
    ran = trained.deploy("transform.py", str(rows))
    assert ran.status == 0, ran.log
    assert f"The header is left out: {HEADER.decode()}" in ran.log
    (job,) = ran.parameters("CreateTransformJob")
    address = job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    assert aws.files(address) == {f"{address}mine.csv": row}


@pytest.mark.penguins
@pytest.mark.parametrize(
    "header",
    [b"island,year,sex\n", b"species," + HEADER, HEADER.replace(b"island,", b"")],
)
def test_names_of_other_columns_or_in_another_order_are_not_left_out_unasked(
    trained: Owner, header: bytes
) -> None:
    rows = trained.home / "mine.csv"
    rows.write_bytes(header + b"any\n")
    ran = trained.deploy("transform.py", str(rows))
    assert ran.status == 1
    assert f"another order: write {HEADER.decode().strip()}. " in ran.log
    assert ran.parameters("CreateTransformJob") == []


def test_a_row_like_the_first_one_of_data_without_a_header_is_sent(
    trained: Owner, aws: Aws
) -> None:
    test_dir = trained.home / "local-test/test-dir/input"
    (test_dir / "config/hyperparameters.json").write_text("{}")
    (test_dir / "data/training/penguins.csv").write_bytes(b"yes,no,no\nno,yes,no\n")
    rows = trained.home / "mine.csv"
    rows.write_bytes(b"no,no\nyes,no\n")
    (job,) = trained.deploy("transform.py", str(rows)).parameters("CreateTransformJob")
    address = job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    assert aws.files(address) == {f"{address}mine.csv": rows.read_bytes()}


def test_files_in_s3_are_taken_as_they_are_or_copied_without_their_headers(
    trained: Owner, aws: Aws
) -> None:
    for name in ("a/x.csv", "b/x.csv"):
        aws.put(f"{MINE}/rows/{name}", f"name\n{name}\n".encode())
    ran = trained.deploy("transform.py", f"{MINE}/rows/")
    (job,) = ran.parameters("CreateTransformJob")
    source = job["TransformInput"]["DataSource"]["S3DataSource"]
    assert source == {"S3DataType": "S3Prefix", "S3Uri": f"{MINE}/rows/"}
    ran = trained.deploy("transform.py", f"{MINE}/rows/", "--header")
    (job,) = ran.parameters("CreateTransformJob")
    address = job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    copied = {f"{address}{n}": f"{n}\n".encode() for n in ("a/x.csv", "b/x.csv")}
    assert aws.files(address) == copied


def test_the_model_of_a_job_that_is_named_predicts(trained: Owner) -> None:
    first = trained.deploy("train.py", "max_depth=2")
    (job,) = first.parameters("CreateTrainingJob")
    trained.deploy("train.py", "max_depth=3")
    ran = trained.deploy("transform.py", "--job", job["TrainingJobName"])
    (model,) = ran.parameters("CreateModel")
    assert job["TrainingJobName"] in model["PrimaryContainer"]["ModelDataUrl"]


def test_a_failed_job_gives_its_reason_and_may_be_started_again(trained: Owner) -> None:
    failed = trained.deploy("transform.py", DescribeTransformJob=[FAILED])
    assert failed.status == 1
    (job,) = failed.parameters("CreateTransformJob")
    name = job["TransformJobName"]
    assert f"{name} is not completed: AlgorithmError: see logs\n" in failed.log
    entry = {
        "TransformJobName": name,
        "CreationTime": "1",
        "TransformJobStatus": "Failed",
    }
    again = trained.deploy(
        "transform.py",
        ListTransformJobs=[{"TransformJobSummaries": [entry]}] * 2 + [{}],
    )
    (job,) = again.parameters("CreateTransformJob")
    assert job["TransformJobName"] == f"{name.removesuffix('-1')}-2"


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            "none.csv",
            "There is no file none.csv. Give a CSV of rows, without the target.",
        ),
        (f"{MINE}/none/", f"There is nothing in {MINE}/none/."),
    ],
)
def test_rows_that_are_not_there_are_named(
    trained: Owner, aws: Aws, rows: str, sentence: str
) -> None:
    aws.put(f"{MINE}/else", b"")
    ran = trained.deploy("transform.py", rows)
    assert ran.status == 1
    assert sentence in ran.log


@pytest.mark.parametrize(
    ("answer", "status"), [(NEVER, "not there"), (UNTRAINED, "Failed")]
)
def test_a_job_that_has_no_model_is_named_with_those_that_have_one(
    trained: Owner, answer: dict[str, Any], status: str
) -> None:
    (name,) = jobs_of(trained.aws)
    ran = trained.deploy("transform.py", "--job", JOB, DescribeTrainingJob=[answer])
    assert ran.status == 1
    sentence = (
        f"The training job {JOB} in eu-west-1 is {status}. Completed are: {name}."
    )
    assert ran.log == f"{sentence}\n"


def jobs_of(aws: Aws) -> list[str]:
    """List the training jobs of the account."""
    found = aws.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    return [job["TrainingJobName"] for job in found]


def test_without_a_trained_model_the_command_is_named(owner: Owner) -> None:
    ran = owner.deploy("transform.py")
    assert ran.status == 1
    assert ran.log.endswith("completed yet: python deploy/train.py\n")
