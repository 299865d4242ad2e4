"""deploy/endpoint.py"""
from deployment.aws import Aws, Owner
import boto3

def test_x(owner: Owner, aws: Aws) -> None:
    sm = aws.client("sagemaker")
    sm.create_training_job(TrainingJobName="penguins-abc", AlgorithmSpecification={"TrainingImage":"x","TrainingInputMode":"File"},
      RoleArn="arn:aws:iam::123456789012:role/penguins", OutputDataConfig={"S3OutputPath":"s3://b/out"}, ResourceConfig={"InstanceType":"ml.m5.large","InstanceCount":1,"VolumeSizeInGB":1}, StoppingCondition={"MaxRuntimeInSeconds":10})
    print(sm.describe_training_job(TrainingJobName="penguins-abc"))
    ran = owner.deploy("endpoint.py")
    print(ran.log, ran.status)
    for c in ran.calls: print(c)
    for a in (["--rollback"], ["--serverless"], ["--async"]):
        ran = owner.deploy("endpoint.py", *a)
        print(a, ran.log, ran.status)
    assert 0
