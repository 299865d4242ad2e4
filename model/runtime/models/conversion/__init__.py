"""An estimator as ONNX, which answers a row in a fraction of the time.

For the process at the end of a job. Read `onnx_export` first: it lets `inexact` refuse
what cannot be exact, converts the rest, and lets `equivalence` compare both on many
rows, most of which are `made_rows`. `converters` says what skl2onnx 1.20 converts
otherwise than scikit-learn computes, or not at all; `graph` repairs a whole graph.
`parts` and `fitted_trees` walk through a model; what goes wrong is a `refusal`.

Everything in the graph is float64, as in scikit-learn: what is near a border of a tree,
of a bin or of a class is then on the same side of it. Trees become the one operator
that compares and adds in float64, `TreeEnsemble` of ai.onnx.ml 5, with scikit-learn's
own thresholds; forests see their values through float32, as they do in scikit-learn.
XGBoost, which has float32 throughout, keeps it.
"""
