"""What skl2onnx converts otherwise than scikit-learn computes, or not at all.

Everything in the graph is float64, as in scikit-learn: what is near a border of a tree,
of a bin or of a class is then on the same side of it. Trees become the one operator
that compares and adds in float64, `TreeEnsemble` of ai.onnx.ml 5, with scikit-learn's
own thresholds; forests see their values through float32, as they do in scikit-learn.

Each converter says what is wrong with skl2onnx 1.20 that it is there. The `registry`
puts all of them in the place of skl2onnx's own.
"""
