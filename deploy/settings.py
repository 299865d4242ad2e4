"""YOURS: the names that all scripts of this folder use. The rest they look up."""

PROJECT = "penguins"  # the repository in ECR; all that is made in AWS begins with it
TAG = "latest"  # the pushed image that is taken; it is looked up, and named by digest
ROLE = PROJECT  # the role that SageMaker acts in: its name or ARN; role.sh makes it
BUCKET = ""  # without one: sagemaker-REGION-ACCOUNT, the SDK's own

TRAINING_INSTANCE = "ml.m5.large"
SERVING_INSTANCE = "ml.m5.large"
LOCAL_IMAGE = "sagemaker-model:local"  # what local-test/train-local.sh builds
OBJECTIVE = ("Maximize", "validation:accuracy")  # of tune.py
