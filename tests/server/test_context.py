import os
import subprocess
import sys

from harness import ROOT, environment
from runtime.resources import cpu_count
from runtime.server.context import ServerContext
from runtime.settings import Settings

# Imports every module of ours, and prints what one of them did at once.
IMPORTING = """
import importlib, mmap, os, pkgutil, sys

class Watched(type(os.environ)):
    def __getitem__(self, name):
        frame = sys._getframe(1)
        while frame.f_code.co_filename.startswith("<frozen"):
            frame = frame.f_back
        if frame.f_code.co_filename.startswith(os.getcwd()):
            print(frame.f_code.co_filename, "reads", name)
        return super().__getitem__(name)

def audited(event, arguments):
    if event in ("os.mkdir", "os.fork", "os.exec", "subprocess.Popen"):
        print(event, arguments)

os.environ.__class__ = Watched
sys.addaudithook(audited)
mmap.mmap = None
import runtime
for module in pkgutil.walk_packages(runtime.__path__, "runtime."):
    if module.name.endswith("__main__"):  # a program
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as exc:  # a package that only some images have
        assert not exc.name.startswith("runtime"), exc
"""


def test_importing_a_module_reads_no_variable_and_makes_nothing() -> None:
    """Whoever imports it decides when."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING],
        cwd=ROOT / "model",
        env=environment(SAGEMAKER_MODEL_SERVER_WORKERS="many"),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_worker_that_is_warm_tells_all_processes() -> None:
    """H-13: `/ping` is 200 whichever worker is asked."""
    server = ServerContext.of(Settings.read({}))
    assert not server.warm
    if (child := os.fork()) == 0:
        server.set_warm()
        os._exit(0)
    os.waitpid(child, 0)
    assert server.warm
    assert not ServerContext.of(Settings.read({})).warm


def test_given_numbers_of_the_settings_are_obeyed() -> None:
    """H-74."""
    settings = Settings.read({"MODEL_SERVER_WORKERS": "3", "MODEL_SERVER_THREADS": "2"})
    budget = ServerContext.of(settings).budget
    assert (budget.workers, budget.threads) == (3, 2)


def test_a_table_of_models_is_in_one_process() -> None:
    """H-64, X-45: whatever the workers' number says; its threads have all CPUs."""
    environ = {"MODEL_SERVER_WORKERS": "3", "SAGEMAKER_MULTI_MODEL": "true"}
    budget = ServerContext.of(Settings.read(environ)).budget
    assert (budget.workers, budget.threads) == (1, cpu_count())


def test_native_libraries_have_one_thread_until_the_workers_have_forked() -> None:
    """X-08, X-09: and joblib's n_jobs=-1 means the budget from the start."""
    settings = Settings.read({"MODEL_SERVER_WORKERS": "2", "OMP_NUM_THREADS": "3"})
    environ = ServerContext.of(settings, "/tmp/counts").environment()
    assert environ["MODEL_SERVER_THREADS"] == environ["LOKY_MAX_CPU_COUNT"] == "3"
    for library in ("OMP", "OPENBLAS", "MKL"):
        assert environ[f"{library}_NUM_THREADS"] == "1"
    assert environ["PROMETHEUS_MULTIPROC_DIR"] == "/tmp/counts"
    assert "PROMETHEUS_MULTIPROC_DIR" not in ServerContext.of(settings).environment()
