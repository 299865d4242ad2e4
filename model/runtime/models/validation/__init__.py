"""The end of a job: can this model folder be served, and by ONNX too.

`__main__` is the process that is asked, and `folder` what decides: it loads the model,
and asks it for rows of the data that a request could have (`sendable`). `differing`
compares the answers with the estimator's own, `required` finds the columns that need a
value, and `staging` asks the folder anew with model.onnx in it.
"""
