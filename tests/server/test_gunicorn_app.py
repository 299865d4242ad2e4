import subprocess
import sys
from pathlib import Path

from harness import ECHO, Server, copy_program, environment

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
