"""SageMaker's container contract, which `train` and `predictor.py` need not know."""

__version__ = "0.1.0"
