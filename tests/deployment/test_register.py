"""deploy/register.py, and what was approved on an endpoint."""

from deployment.aws import BUCKET, MEASURED, Aws, Owner


def test_a_version_has_metrics_and_what_was_approved_is_served(
    owner: Owner, aws: Aws
) -> None:
    model, digest = aws.train(), aws.push("2")
    ran = owner.deploy("register.py")
    assert ran.status == 0, ran.log
    (made,) = ran.parameters("CreateModelPackage")
    (container,) = made["InferenceSpecification"]["Containers"]
    assert container["ModelDataUrl"] == model
    assert container["Image"].endswith(f"/penguins@{digest}")
    assert made["ModelApprovalStatus"] == "PendingManualApproval"
    shown = made["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert shown["ContentType"] == "application/json"
    key = shown["S3Uri"].removeprefix(f"s3://{BUCKET}/")
    stored = aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert stored == MEASURED

    refused = owner.deploy("endpoint.py", "--approved")
    assert refused.status == 1
    assert (
        "No version is approved. Next: python deploy/register.py --approve"
        in refused.log
    )

    approved = owner.deploy("register.py", "--approve")
    assert approved.status == 0, approved.log
    assert approved.parameters("CreateModelPackage") == []
    assert approved.log.endswith("Next: python deploy/endpoint.py --approved\n")

    aws.push("3")  # which nobody has approved
    served = owner.deploy("endpoint.py", "--approved")
    assert served.status == 0, served.log
    (serving,) = served.parameters("CreateModel")
    assert serving["PrimaryContainer"]["Image"].endswith(f"/penguins@{digest}")


def test_a_job_that_has_measured_nothing_is_registered_without_metrics(
    owner: Owner, aws: Aws
) -> None:
    model = aws.train()
    key = model.removeprefix(f"s3://{BUCKET}/").replace("model.tar", "output.tar")
    aws.client("s3").delete_object(Bucket=BUCKET, Key=key)
    ran = owner.deploy("register.py", "--approve")
    assert ran.status == 0, ran.log
    assert "The job has measured nothing" in ran.log
    assert "ModelMetrics" not in ran.parameters("CreateModelPackage")[0]
