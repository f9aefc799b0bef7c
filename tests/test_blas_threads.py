"""Training and prediction take one BLAS thread while products are small, and give it back."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from layers import network

from tinynet import (
    SGD,
    Adam,
    Conv1D,
    Conv2D,
    Dense,
    Embedding,
    Identity,
    MSELoss,
    Sequential,
    fit,
    predict,
    train,
)
from tinynet.training import blas_threads, evaluation
from tinynet.training.blas_threads import OneThread, largest_product

ROOT = Path(__file__).parent.parent


class Library:
    """Stands in for a BLAS library with a number of threads."""

    def __init__(self, threads):
        self.threads, self.calls = threads, 0

    def get_num_threads(self):
        return self.threads

    def set_num_threads(self, threads):
        self.threads, self.calls = threads, self.calls + 1


@pytest.fixture
def library(monkeypatch):
    library = Library(4)
    monkeypatch.setattr(OneThread, "_libraries", [library])
    return library


class Spy(Identity):
    """Notes the number of threads in each pass."""

    def __init__(self, library):
        self.library, self.seen = library, []

    def forward(self, x):
        self.seen.append(self.library.threads)
        return super().forward(x)

    def predict(self, x):
        self.seen.append(self.library.threads)
        return x


def spied(library, width=200):
    return Sequential(Dense(width, 60, rng=0), Spy(library), Dense(60, 2, rng=1))


X, T = np.ones((64, 200)), np.ones((64, 2))


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_steps_take_one_thread_and_the_body_of_the_loop_all(library, batch_size, optimizer):
    net = spied(library)
    for _ in train(net, MSELoss(), optimizer(net, lr=0.01), X, T, epochs=2, batch_size=batch_size):
        assert library.threads == 4
    assert {*net[1].seen[2:]} == {1}  # after the rehearsal
    assert library.threads == 4


def test_the_threads_come_back_whatever_ends_training(library):
    class Failing(Spy):
        def backward(self, dy):
            if len(self.seen) > 20:
                raise RuntimeError
            return dy

    net = Sequential(Dense(200, 60, rng=0), Failing(library), Dense(60, 2, rng=1))
    arguments = net, MSELoss(), SGD(net, lr=0.01), X, T
    with pytest.raises(RuntimeError):
        fit(*arguments, epochs=2, progress="off")
    assert library.threads == 4
    net[1].seen.clear()
    for _ in train(net, MSELoss(), SGD(net, lr=0.01), X[:8], T[:8], epochs=5):
        break
    assert library.threads == 4


def interrupted(at, work):
    """Raise KeyboardInterrupt where Python handles a signal for that time; whether it came.

    It does so when a function begins and when one written in C has returned.
    """
    files, passed = (blas_threads.__file__, evaluation.__file__), 0

    def profile(frame, event, argument):
        nonlocal passed
        if frame.f_code.co_filename in files and event in ("call", "c_return"):
            passed += 1
            if passed == at:
                raise KeyboardInterrupt

    sys.setprofile(profile)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


def test_the_threads_come_back_wherever_predict_is_interrupted(library):
    net, at = spied(library), 1
    while interrupted(at, lambda: predict(net, X[:1])):
        predict(net, X[:1])
        assert net[1].seen[-1] == 1
        assert (at, library.threads) == (at, 4)
        at += 1
    assert at > 20


def test_predict_takes_one_thread_for_few_rows_and_all_for_many(library):
    net = spied(library)
    predict(net, X[:1])
    predict(net, X)
    predict(net, np.ones((2000, 200)))
    assert net[1].seen == [1, 1, 4, 4]
    assert library.threads == 4


def test_a_lower_limit_of_the_user_stays(library):
    library.threads = 1
    predict(spied(library), X)
    assert (library.threads, library.calls) == (1, 0)


def test_a_limit_that_is_set_meanwhile_stays(library):
    with OneThread(100_000):
        library.set_num_threads(3)
    assert library.threads == 3


@pytest.mark.parametrize("product", [0, blas_threads.LARGEST_ALONE, blas_threads.SMALLEST_SHARED])
def test_tiny_and_large_products_change_nothing(library, product):
    with OneThread(product):
        assert library.threads == 4
    assert library.calls == 0


def test_of_trainings_in_several_threads_the_last_gives_the_threads_back(library):
    begun, go_on, seen = threading.Barrier(3), threading.Event(), []

    def work(first):
        with OneThread(100_000):
            begun.wait()
            if not first:
                go_on.wait()
        seen.append(library.threads)

    threads = [threading.Thread(target=work, args=(first,)) for first in (True, False)]
    for thread in threads:
        thread.start()
    begun.wait()
    threads[0].join()
    go_on.set()
    threads[1].join()
    assert seen == [1, 4]


def test_the_largest_product_is_that_of_a_matrix_and_not_of_a_table():
    net = Sequential(Embedding(1000, 3, rng=0), Dense(3, 5, rng=1))
    assert largest_product(net, 10) == 150
    assert largest_product(network(784, 100, 10), 2) == 156_800
    assert largest_product(Identity(), 10) == 0
    # a convolution has many rows for each example, in pieces of at most 4,096
    assert largest_product(Conv2D(2, 3, 5, rng=0), 2) == 2 * 64 * 150
    assert largest_product(Conv2D(2, 3, 5, rng=0), 1000) == 4096 * 150
    assert largest_product(Conv1D(2, 3, 5, rng=0), 2) == 2 * 64 * 30


def test_the_libraries_of_numpy_are_found_and_limited():
    program = """
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits
import tinynet

def threads():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}

class Spy(tinynet.Identity):
    def predict(self, x):
        print(threads())
        return x

net = tinynet.Sequential(tinynet.Dense(784, 100), Spy())
with threadpool_limits(2):
    tinynet.predict(net, np.ones((1, 784)))
    print(threads())
"""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "{1}\n{2}\n"
