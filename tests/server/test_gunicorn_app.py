import subprocess
import sys
from pathlib import Path

from harness import ECHO, ROOT, Server, copy_program, environment

# What `serve` does until gunicorn loads the model.
STARTING = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
made = runpy.run_path(sys.argv[1] + "/serve")
from runtime.server.gunicorn_app import GunicornApp
server = made["ServerContext"].of(made["Settings"].read())
app = GunicornApp(server)
assert {name: getattr(app.cfg, name) for name in ("workers", "backlog")} == {
    "workers": 3, "backlog": 2048
}
assert app.cfg.env == server.environment()
print("numpy" in sys.modules, "main" in sys.modules)
"""


def test_nothing_imports_numpy_before_the_variables_are_set(tmp_path: Path) -> None:
    """X-08: numpy reads the thread variables once, when it is imported."""
    program = copy_program(tmp_path / "program")
    done = subprocess.run(
        [sys.executable, "-c", STARTING, str(program)],
        env=environment(MODEL_SERVER_WORKERS=3),
        capture_output=True,
        text=True,
    )
    assert done.stdout == "False False\n", done.stderr


def test_settings_are_read_once_whatever_the_owners_code_sets(
    tmp_path: Path, base_dir: Path
) -> None:
    """Also by a worker that loads its own copy."""
    setting = f"import os\nos.environ['MODEL_SERVER_TIMEOUT'] = 'none'\n{ECHO}"
    program = copy_program(tmp_path / "program", setting)
    with Server(program, base_dir, MODEL_PRELOAD="false") as server:
        assert server.ready().invoke("1").status_code == 200


def test_the_variables_of_gunicorns_command_line_change_nothing(
    tmp_path: Path, base_dir: Path
) -> None:
    """What configures the server is one object."""
    program = copy_program(tmp_path / "program")
    variables = {"GUNICORN_CMD_ARGS": "--workers 7", "WEB_CONCURRENCY": 7, "PORT": 1}
    with Server(program, base_dir, MODEL_SERVER_WORKERS=1, **variables) as server:
        assert server.ready().invoke("1").status_code == 200
        assert len(server.workers()) == 1


# A master with gunicorn's kind of handler, which stops each worker as soon as there is
# one; then each worker's status, and whether the master still hears.
STOPPING = """
import os, signal
from runtime.server.gunicorn_app import when_ready
noted = []
signal.signal(signal.SIGTERM, lambda *_: noted.append(1))
when_ready(None)
for _ in range(100):
    if not (worker := os.fork()):
        signal.alarm(5)  # what has not heard ends by this, and with another status
        while True:
            signal.pause()
    os.kill(worker, signal.SIGTERM)
    print(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]))
os.kill(os.getpid(), signal.SIGTERM)
assert noted == [1]
"""


def test_a_worker_hears_a_stop_from_its_first_moment_on() -> None:
    """X-03: else the server waits for it until it is killed."""
    done = subprocess.run(
        [sys.executable, "-c", STOPPING],
        env=environment(PYTHONPATH=ROOT / "model"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["-15"] * 100
