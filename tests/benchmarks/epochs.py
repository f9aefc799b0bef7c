"""What an epoch costs besides its steps, where there are very many short ones.

`python -m tests.benchmarks.epochs [ROUNDS]` learns XOR, four examples, by `train`, by `fit` and by
a loop written by hand, in turns, for 1,000, 4,000 and 16,000 epochs, and prints the best CPU time
of each with its ratio to the loop's. All take the same steps.
"""

import sys
import time

import numpy as np

from tinynet import SGD, Dense, MSELoss, Sequential, Sigmoid, fit, train

X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
T = np.array([[0.0], [1], [1], [0]])


def by_hand(net, loss, optimizer, epochs, batch_size):
    rng, losses = np.random.default_rng(0), []
    for _ in range(epochs):
        order, total = rng.permutation(len(X)), 0.0
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            total += loss.forward(net.forward(X[rows]), T[rows]) * len(rows)
            net.backward(loss.backward())
            optimizer.step()
        losses.append(total / len(X))


def by_train(net, loss, optimizer, epochs, batch_size):
    options = {"epochs": epochs, "batch_size": batch_size, "rng": 0}
    for _ in train(net, loss, optimizer, X, T, **options):
        pass


def by_fit(net, loss, optimizer, epochs, batch_size):
    options = {"epochs": epochs, "batch_size": batch_size, "rng": 0}
    fit(net, loss, optimizer, X, T, progress="off", **options)


WAYS = {"by hand": by_hand, "train": by_train, "fit": by_fit}


def seconds(way, epochs, batch_size):
    """The CPU time of one training, and the parameters that it ends with."""
    rng = np.random.default_rng(0)
    net = Sequential(Dense(2, 3, rng=rng), Sigmoid(), Dense(3, 1, rng=rng), Sigmoid())
    start = time.process_time()
    WAYS[way](net, MSELoss(), SGD(net, lr=0.5), epochs, batch_size)
    return time.process_time() - start, net.params


def main(rounds):
    print(f"{'':26}{''.join(f'{way:>16}' for way in WAYS)}   best of {rounds}, CPU s (ratio)")
    for batch_size in (1, 4):
        for epochs in (1000, 4000, 16000):
            best, ends = dict.fromkeys(WAYS, np.inf), {}
            for _ in range(rounds):
                for way in WAYS:
                    duration, ends[way] = seconds(way, epochs, batch_size)
                    best[way] = min(best[way], duration)
            for way in WAYS:
                np.testing.assert_allclose(ends[way], ends["by hand"], rtol=1e-9)
            cells = (f"{best[way]:8.3f} ({best[way] / best['by hand']:.2f})" for way in WAYS)
            name = f"batch {batch_size}, {epochs:,} epochs"
            print(f"{name:26}{''.join(f'{cell:>16}' for cell in cells)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 3)
