"""A channel's files -> one DataFrame, and that into X and y.

`channel` makes one table of all files: `files` lists and opens them, `csv_files` and
`arrow_files` read one, `partitions` reads the names of folders, `column_types` gives a
column its type. `options` holds what the owner says of columns, `advice` is what the
log says of them, `kinds` compares two channels, `target` splits X and y and infers the
task.

Nothing here knows of jobs, models or requests; what a cell means is said in `tabular`,
so that training and serving agree. `training` alone imports this package; owners import
`split_target` and `infer_task` from `runtime`.
"""

from runtime.data.channel import read
from runtime.data.kinds import Learned, learn
from runtime.data.target import infer_task, split_target

__all__ = ["Learned", "infer_task", "learn", "read", "split_target"]
