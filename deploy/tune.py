"""Looks for the best hyperparameters, in the ranges that `train --describe` prints.

What is given as NAME=VALUE has no range; what has no range keeps the value of
local-test. The same search is made once: the second time its job is found.
"""

from argparse import ArgumentParser

import settings
from helpers import account, data, jobs, script

from sagemaker.train.tuner import HyperparameterTuner

import train

options = ArgumentParser(description=__doc__)
options.add_argument("values", nargs="*", metavar="NAME=VALUE")
options.add_argument("--data", help="s3://BUCKET/FOLDER/, in the place of local-test's")
options.add_argument("--jobs", type=int, default=12, help="training jobs in all")
options.add_argument("--at-once", type=int, default=3, help="how many of them")
options.add_argument("--spot", action="store_true", help="cheaper; may be interrupted")


def main() -> None:
    given = options.parse_args()
    ranges, metrics = data.ranges(but=data.split(given.values)), data.metrics()
    values = data.hyperparameters(given.values)
    values = {name: values[name] for name in values if name not in ranges}
    image, channels = account.image(), data.in_s3(given.data)
    space = {name: vars(found) for name, found in ranges.items()}
    search = (settings.OBJECTIVE, space, values, data.contents(channels), given.jobs)
    name = script.name_of("tuning", image, *search, given.spot)
    if not jobs.there(jobs.TUNING, name):
        trainer = train.trainer(name, image, values, spot=given.spot)
        trainer.checkpoint_config = None  # jobs at once must not share a folder
        tuner = HyperparameterTuner(
            trainer,
            objective_type=settings.OBJECTIVE[0],
            objective_metric_name=settings.OBJECTIVE[1],
            hyperparameter_ranges=ranges,
            metric_definitions=metrics,
            max_jobs=given.jobs,
            max_parallel_jobs=given.at_once,
            tags=script.TAGS,
        )
        new = jobs.new_name(jobs.TUNING, name)
        tuner.tune(data.inputs(channels), job_name=new, wait=False)
        print(f"The search {new} has been started, over {', '.join(ranges)}.")
    ended = jobs.completed(jobs.TUNING, name)
    best = ended["BestTrainingJob"]
    reached = best["FinalHyperParameterTuningJobObjectiveMetric"]
    print(f"The best job has {best['TunedHyperParameters']}.")
    print(f"Its {reached['MetricName']} is {reached['Value']:.4g}.")
    print(f"Next: python deploy/endpoint.py --job {best['TrainingJobName']}")


if __name__ == "__main__":
    script.run(main)
