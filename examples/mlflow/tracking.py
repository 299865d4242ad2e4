"""YOURS: what MLflow is told of a job, whatever its model is."""

import mlflow
import pandas as pd
import sklearn
from runtime import Job

VERSIONS = [f"scikit-learn=={sklearn.__version__}", f"pandas=={pd.__version__}"]


def record(job: Job, model, X) -> None:
    """Record a job that has evaluated and saved its model, as one run."""
    uri = job.hyperparameters.tracking_uri
    if not uri or not job.leader:  # of several hosts one has the model
        return
    try:
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment(job.hyperparameters.experiment)
        with mlflow.start_run(run_name=job.name or None) as run:
            mlflow.log_params(job.hyperparameters.model_dump())
            mlflow.log_metrics(job.metrics)
            mlflow.log_artifacts(str(job.output_data_dir), "report")
            mlflow.log_artifacts(str(job.model_dir), "sagemaker")
            mlflow.sklearn.log_model(
                model,
                name="model",
                input_example=X.head(5),  # from which MLflow learns the columns
                serialization_format="cloudpickle",
                pip_requirements=VERSIONS,
            )
    except Exception as exc:  # noqa: BLE001 -- of MLflow, of the network, of AWS
        print(f"the job is not recorded in MLflow as a whole: {exc}", flush=True)
    else:
        print(f"recorded in MLflow as run {run.info.run_id}", flush=True)
