"""Trains in SageMaker, or with --local by the SDK's local mode, in your Docker engine.

The same image, data and hyperparameters are trained once; then their job is found.
"""

from argparse import ArgumentParser

import settings
from helpers import account, data, jobs, local, script

from sagemaker.core.training import configs
from sagemaker.train import ModelTrainer

options = ArgumentParser(description=__doc__)
options.add_argument("values", nargs="*", metavar="NAME=VALUE", help="go on top")
options.add_argument("--data", help="s3://BUCKET/FOLDER/, in the place of local-test's")
options.add_argument("--spot", action="store_true", help="cheaper; may be interrupted")
options.add_argument("--local", action="store_true", help="here, without an account")


def trainer(job: str, image: str, given: dict[str, str], *, spot: bool) -> ModelTrainer:
    """Give what starts jobs of this name, with their date after it."""
    folder, hour = f"s3://{account.bucket()}/{settings.PROJECT}", 3600
    limits, kept = configs.StoppingCondition(max_runtime_in_seconds=hour), None
    if spot:  # it may wait for an instance, and goes on from its newest checkpoint
        limits.max_wait_time_in_seconds = 2 * hour
        kept = configs.CheckpointConfig(s3_uri=f"{folder}/checkpoints/{job}/")
    machine = {"instance_type": settings.TRAINING_INSTANCE, "instance_count": 1}
    return ModelTrainer(
        base_job_name=job,
        tags=script.SDK_TAGS,
        training_image=image,
        role=account.role(),
        hyperparameters=given,
        compute=configs.Compute(**machine, enable_managed_spot_training=spot),
        stopping_condition=limits,
        checkpoint_config=kept,
        output_data_config=configs.OutputDataConfig(s3_output_path=f"{folder}/output/"),
    ).with_metric_definitions(data.definitions())


def main() -> None:
    given = options.parse_args()
    values = data.hyperparameters(given.values)
    if given.local:
        local.train(values)
        return
    image, channels = account.image(), data.in_s3(given.data)
    name = script.name_of(image, values, data.contents(channels), given.spot)
    if not jobs.there(jobs.TRAINING, name):
        inputs = data.inputs(channels)
        trainer(name, image, values, spot=given.spot).train(inputs, wait=False)
        print(f"A training job has been started, with {values}.")
    ended = jobs.completed(jobs.TRAINING, name)
    archive = ended["ModelArtifacts"]["S3ModelArtifacts"]
    print(f"The model is {archive}.\nNext: python deploy/endpoint.py")


if __name__ == "__main__":
    script.run(main)
