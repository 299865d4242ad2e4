import threading

import pytest

from harness import linux_only
from runtime.errors import ModelError, ThreadsLeft
from runtime.server.preload import unthreaded


def test_loading_that_leaves_no_thread_behind_may_precede_a_fork() -> None:
    """X-09: the kernel may list a thread for a moment longer than Python does."""
    with unthreaded():
        done = threading.Thread(target=lambda: None)
        done.start()
        done.join()


@linux_only
def test_loading_that_leaves_a_thread_behind_may_not_precede_a_fork() -> None:
    """X-09."""
    finish = threading.Event()
    left = threading.Thread(target=finish.wait)
    try:
        with pytest.raises(ThreadsLeft, match="left 1 threads behind"), unthreaded():
            left.start()
    finally:
        finish.set()
        left.join()


def test_an_error_while_loading_is_not_hidden_by_the_threads_it_left() -> None:
    finish = threading.Event()
    left = threading.Thread(target=finish.wait)

    def load() -> None:
        left.start()
        msg = "corrupt"
        raise ModelError(msg)

    try:
        with pytest.raises(ModelError, match="corrupt"), unthreaded():
            load()
    finally:
        finish.set()
        left.join()
