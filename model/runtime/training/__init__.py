"""A training job, from SageMaker's folders to an exit status that tells the truth.

What `docker run IMAGE train` does: the order of a job, what `train` is handed, folders
and hyperparameters, SIGTERM, failures, checkpoints. Nothing here knows HTTP. Only the
owner's `train` imports it, through `runtime`.
"""
