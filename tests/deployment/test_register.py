import io, tarfile, json
from deployment.aws import Aws, Owner
def test_x(owner: Owner, aws: Aws) -> None:
    sm = aws.client("sagemaker")
    s3 = aws.client("s3"); s3.create_bucket(Bucket="bucket-b", CreateBucketConfiguration={"LocationConstraint":"eu-west-1"})
    f = io.BytesIO()
    with tarfile.open(fileobj=f, mode="w:gz") as t:
        i = tarfile.TarInfo("evaluation.json"); i.size=2; t.addfile(i, io.BytesIO(b"{}"))
    s3.put_object(Bucket="bucket-b", Key="out/penguins-abc/output/output.tar.gz", Body=f.getvalue())
    sm.create_training_job(TrainingJobName="penguins-abc", AlgorithmSpecification={"TrainingImage":"x","TrainingInputMode":"File"},
      RoleArn="arn:aws:iam::123456789012:role/penguins", OutputDataConfig={"S3OutputPath":"s3://bucket-b/out"}, ResourceConfig={"InstanceType":"ml.m5.large","InstanceCount":1,"VolumeSizeInGB":1}, StoppingCondition={"MaxRuntimeInSeconds":10}, Tags=[{"Key":"project","Value":"penguins"}])
    for a in (["register.py"],["register.py", "--approve"], ["endpoint.py","--approved"], ["clean.py", "--all"]):
        ran = owner.deploy(*a)
        print(a, ran.log, ran.status)
        for c in ran.calls: print(c)
    assert 0
