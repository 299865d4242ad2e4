"""A channel's files -> one DataFrame, and that into X and y.

`channel` lists the files and makes one table of them, `readers` reads one file (a
function a format), `partitions` reads the names of folders, `options` holds what the
owner says of columns, `odd_cells` warns of what makes text of numbers, `target` splits
X and y. Nothing here knows of jobs, models or requests; what a cell means is said in
`tabular`, so that training and serving agree. `training` alone imports this package;
owners import `split_target` from `runtime`.
"""

from runtime.data.channel import read
from runtime.data.target import split_target

__all__ = ["read", "split_target"]
