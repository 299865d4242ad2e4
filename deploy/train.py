"""Trains in SageMaker, or with --local by the SDK's local mode, in your Docker engine.

The same image, data and hyperparameters are trained once: the second time their job is
found. Hyperparameters are those of local-test; NAME=VALUE goes on top of them.
"""

import argparse
import sys
import time

import account
import data
import job
import jobs
import local
import progress
import script

options = argparse.ArgumentParser(description=__doc__)
options.add_argument("values", nargs="*", metavar="NAME=VALUE")
options.add_argument("--data", help="s3://BUCKET/FOLDER/, in the place of local-test's")
options.add_argument("--spot", action="store_true", help="cheaper; may be interrupted")
options.add_argument("--again", action="store_true", help="train the same once more")
options.add_argument("--local", action="store_true", help="here, without an account")


def main() -> None:
    """Find the job or start it, follow it, and say what has become of it."""
    given = options.parse_args()
    values = job.hyperparameters(given.values)
    if given.local:
        local.train(values)
        return
    image = account.image()
    channels = data.given(given.data) if given.data else data.upload()
    again = time.time() if given.again else 0
    name = script.name_of(image, values, data.contents(channels), given.spot, again)
    if earlier := jobs.newest(jobs.TRAINING, name, "InProgress", "Completed"):
        name = earlier["TrainingJobName"]
        print("The same has been trained before; --again trains it once more.")
    else:
        trainer = job.trainer(name, image, values, spot=given.spot)
        trainer.train(job.inputs(channels), wait=False, logs=False)
        name = trainer._latest_training_job.training_job_name
        print(f"The job {name} has been started, with {values}.")
    report(name)


def report(name: str) -> None:
    """Follow a job to its end, and print its metrics or why it has no model."""
    ended = progress.follow(jobs.TRAINING, name)
    if ended["TrainingJobStatus"] != "Completed":
        reason = ended.get("FailureReason", "it was stopped")
        sys.exit(f"{name} has no model: {reason}\nNext: python deploy/logs.py {name}")
    for metric in ended.get("FinalMetricDataList", []):
        print(f"{metric['MetricName']} is {metric['Value']:.4g}")
    seconds = ended.get("BillableTimeInSeconds", 0)
    print(f"The job {name} has been completed; {seconds} s are billed.")
    print(f"Its model is {ended['ModelArtifacts']['S3ModelArtifacts']}")
    print("Next: python deploy/endpoint.py")


if __name__ == "__main__":
    script.run(main)
