"""A channel's files -> one DataFrame, and that into X and y.

`channel` lists the files and makes one table of theirs, `readers` reads one file (a
function a format), `options` holds what the owner says of columns, `target` splits X
and y. Nothing here knows of jobs, models or requests; what a cell means is said in
`tabular`, so that training and serving agree. `training` alone imports this package,
as `data.read`, and owners `split_target` from `runtime`.
"""

from runtime.data.channel import read

__all__ = ["read"]
