"""How each estimator becomes nodes of ONNX, where skl2onnx computes something else.

`registry` lists who converts what. The others are by kind: `features` and `encoders`
make columns of columns, `classifiers`, `ensembles` (of `trees`) and `boosters` predict,
and `several` answers several labels or numbers a row. They write what scikit-learn
computes with the `Value`s of `nodes`, which look as numpy's arrays do; `answers` has
what classifiers share.
"""
