"""What the scripts of this folder share. Without the SDK they end here."""

import sys
from importlib.util import find_spec

if find_spec("sagemaker") is None or find_spec("sagemaker.train") is None:  # as in v2
    sys.exit('The SageMaker Python SDK v3 is missing: pip install "sagemaker>=3"')
