"""What all tests share: how hard Hypothesis tries, quiet TensorFlow, fresh fork servers, a home."""

import gc
import os
import signal
from multiprocessing import forkserver

import pytest
from hypothesis import settings

# Read by Keras and TensorFlow when the first test imports them.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A shell has what it starts in the background ignore Ctrl-C, and so would the commands tested here.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A process has one backend of Keras: `make test-jax` runs these by themselves.
collect_ignore = [] if os.environ["KERAS_BACKEND"] == "jax" else ["crosscheck/xla"]

# "ci" tries the same examples every time; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=200, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="module", autouse=True)
def _a_fork_server_of_its_own():
    """The standard library has one server a process, with the imports of whoever came first.

    A command has one runtime, so it never matters there; here each file may have its own.
    """
    yield
    forkserver._forkserver._stop()  # "method used by unit tests to stop the server"


@pytest.fixture(scope="module", autouse=True)
def _garbage_is_only_looked_for_in_what_a_file_makes():
    """Keras collects garbage before each model, and the import of TensorFlow alone has left
    it a million objects to search: what is alive when a file begins is not searched again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # a graph of TensorFlow alone has 10,000s of objects


@pytest.fixture(scope="session", autouse=True)
def _a_home_of_its_own(tmp_path_factory):
    """What is kept beyond a command is not kept beyond the tests."""
    os.environ["CNNBENCH_HOME"] = str(tmp_path_factory.mktemp("home"))


@pytest.fixture
def undrawn(monkeypatch):
    """Empty pictures in the pages of runs: to draw them takes most of the time of a small run."""

    def empty(draw, suffixes, *, words):
        return [b"<svg></svg>" for _ in suffixes]

    monkeypatch.setattr("cnnbench.reporting.style.images", empty)
