"""The processes of `serve`: gunicorn, its workers, and what they share.

Nothing here reads a body or knows a row. Imported by `serve` and `main.py` only.
"""
