"""What the server tells of itself: log lines, and counters for Prometheus.

It imports nothing else of ours. Imported by `serving`, `server` and `training`.
"""
