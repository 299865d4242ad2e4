"""What the scripts of deploy/ look up, and what they say where it is not there."""

from deployment.aws import Aws, Owner

LOOK_UP = """
from common import account, script

script.run(lambda: print(account.role(), account.bucket(), account.image()))
"""


def test_names_are_looked_up_and_the_image_is_one_by_digest(
    owner: Owner, aws: Aws
) -> None:
    (owner.home / "deploy/look_up.py").write_text(LOOK_UP)
    digest = aws.push("2")  # the tag has moved
    ran = owner.deploy("look_up.py")
    assert ran.status == 0, ran.log
    assert ran.hosts == []
    *_, line = ran.log.splitlines()
    role, bucket, image = line.split()
    assert role == "arn:aws:iam::123456789012:role/penguins"
    assert bucket == "sagemaker-eu-west-1-123456789012"
    assert image.endswith(f"dkr.ecr.eu-west-1.amazonaws.com/penguins@{digest}")
