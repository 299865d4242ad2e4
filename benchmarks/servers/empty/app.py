"""The limit of HTTP: a FastAPI route that predicts nothing."""

from fastapi import FastAPI, Request, Response

app = FastAPI()


@app.get("/ping")
def ping() -> str:
    """Say that it is there."""
    return ""


@app.post("/invocations")
async def invocations(request: Request) -> Response:
    """Read the body, and answer as if it had one row."""
    await request.body()
    return Response("Adelie\n", headers={"content-type": "text/csv"})
