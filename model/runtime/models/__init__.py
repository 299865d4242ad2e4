"""A model folder, and what it takes to predict with it.

The files and how they are written, the owner's Predictor, scikit-learn or ONNX Runtime
behind it; in `conversion` how a job makes ONNX of an estimator and proves that both
answer alike, and in `validation` the process at a job's end that asks the folder.
Nothing here knows HTTP or a training job. Imported by `serving`, `server` and
`training`.
"""
