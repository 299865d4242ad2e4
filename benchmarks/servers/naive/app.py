"""What one writes first: FastAPI, a DataFrame for each request, one thread a call."""

import io
import os
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

model = joblib.load(Path(os.environ["MODEL_DIR"]) / "model.joblib")
names = list(model.feature_names_in_)
app = FastAPI()


@app.get("/ping")
def ping() -> str:
    """Say that it is there."""
    return ""


@app.post("/invocations")
async def invocations(request: Request) -> Response:
    """Predict the rows of a CSV body."""
    body = await request.body()

    def answer() -> str:
        rows = pd.read_csv(io.BytesIO(body), header=None, names=names)
        return "".join(f"{label}\n" for label in model.predict(rows))

    return Response(await run_in_threadpool(answer), media_type="text/csv")


@app.post("/json")
def json(instances: list[list[Any]]) -> list[str]:
    """Predict the rows of a JSON body."""
    labels: list[str] = model.predict(pd.DataFrame(instances, columns=names)).tolist()
    return labels
