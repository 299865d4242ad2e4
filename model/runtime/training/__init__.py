"""A training job, from SageMaker's folders to an exit status that tells the truth.

What `docker run IMAGE train` does: `runner` is the list of it, in order, and `job` what
the owner's `train` is handed. Nothing here knows HTTP. Only the owner's `train` imports
it, through `runtime`; what is imported before the job begins is light, so that a stop
is heard at once.
"""
