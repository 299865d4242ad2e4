"""Predicts a file of rows, or all files of a folder in S3, by batch transform.

The same rows are predicted once by a model: the second time their output is found.
"""

from argparse import ArgumentParser

import settings
from helpers import account, jobs, local, rows, script

from sagemaker.core.transformer import Transformer

options = ArgumentParser(description=__doc__)
options.add_argument("rows", nargs="?", default=rows.PAYLOAD, help="file, or s3://...")
options.add_argument("--header", action="store_true", help="leave the first line out")
options.add_argument("--join", action="store_true", help="rows before predictions")
options.add_argument("--ids", type=int, default=0, help="columns to join, not to send")
options.add_argument("--mark", action="store_true", help="a wrong row becomes ERROR")
options.add_argument("--job", default="", help="whose model predicts; else the last")
options.add_argument("--local", action="store_true", help="here, and nothing joined")


def main() -> None:
    given = options.parse_args()
    if given.local:
        local.transform(rows.here(given.rows), header=given.header)
        return
    job, place = jobs.trained(given.job), rows.in_s3(given.rows, header=given.header)
    model = jobs.model_of(job)
    how = (account.listed(place), given.join, given.ids, given.mark)
    name = script.name_of("transform", model, place, *how)
    output = f"s3://{account.bucket()}/{settings.PROJECT}/predictions/{name}/"
    if not jobs.there(jobs.TRANSFORM, name):
        new = jobs.new_name(jobs.TRANSFORM, name)
        Transformer(
            model,
            instance_count=1,
            instance_type=settings.SERVING_INSTANCE,
            output_path=output,
            accept="text/csv",  # a join needs one type for rows and predictions
            assemble_with="Line",
            tags=script.TAGS,
            env={"MODEL_BATCH_BAD_RECORDS": "mark"} if given.mark else None,
        ).transform(
            place,
            job_name=new,
            content_type="text/csv",
            split_type="Line",  # how many a request has, SageMaker asks the container
            input_filter=f"$[{given.ids}:]" if given.ids else None,
            join_source="Input" if given.join or given.ids else None,
            wait=False,
        )
        print(f"The job {new} has been started, with the model {model}.")
    jobs.completed(jobs.TRANSFORM, name)
    account.show(output)
    print("Next: python deploy/register.py")


if __name__ == "__main__":
    script.run(main)
