"""The owner's pattern: train as SageMaker would, then ask for predictions."""
