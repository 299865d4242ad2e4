"""How good a model is on rows that it has not seen, and a page that shows it.

Here live the metrics with their intervals, the importance of columns and report.html.
What a job is does not: this package takes a fitted estimator, X and y, and writes into
a folder that it is told. Only `runtime.training` imports it, and a notebook may.
"""

from runtime.evaluation.evaluate import METRICS, Evaluation, evaluate

__all__ = ["METRICS", "Evaluation", "evaluate"]
