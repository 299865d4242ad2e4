"""Several hosts as one Dask cluster: `n_jobs=-1` means the cores of all of them.

`cluster` says who does what: the leader runs Dask's scheduler and `train`, and the
others wait for what becomes of it. Each host, the leader too, runs Dask's `workers`;
`attendance` knows who is there, and `network` at which address. A job on one host does
not import this, which alone imports Dask.
"""
