"""One `POST /invocations`, from the body to the answer.

The endpoint, the reading of a body, the batcher, the thread that predicts. Nothing here
starts a process or reads the environment. Imported by `server` and `main.py`.
"""
