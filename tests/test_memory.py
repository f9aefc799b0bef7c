"""Losses and learning rates that remember: checkpoints hold it, or refuse."""

import numpy as np
import pytest

from tinynet import SGD, Dense, Loss, MSELoss, fit, train

X, T = np.random.default_rng(0).normal(size=(2, 20, 2))


class Annealed(Loss):
    """Mean square times a share that falls at each step."""

    buffers = ("share",)

    def __init__(self):
        self.share = np.ones(())

    def forward(self, y, t):
        self._d = y - t
        self.share[...] *= 0.9
        return float(self.share) * float((self._d**2).mean())

    def backward(self):
        return self.share * 2 * self._d / self._d.size


class Undeclared(Annealed):
    buffers = ()


class Rebinding(Annealed):
    def __init__(self):
        self.share = 1.0

    def forward(self, y, t):
        self._d = y - t
        self.share = 0.9 * self.share
        return self.share * float((self._d**2).mean())


class Counting(MSELoss):
    def __init__(self):
        self.calls = 0

    def forward(self, y, t):
        self.calls += 1
        return super().forward(y, t)


class Noisy(MSELoss):
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def forward(self, y, t):
        return super().forward(y, t + self.rng.normal(0, 0.1, t.shape))


def run(make_loss, path, *, epochs, resume=False, lr=0.1):
    net, loss = Dense(2, 2, rng=0), make_loss()
    options = {"batch_size": 5, "rng": 1, "progress": "off", "checkpoint": path, "resume": resume}
    fit(net, loss, SGD(net, lr), X, T, epochs=epochs, **options)
    return net.params, loss


@pytest.mark.parametrize("make_loss", [Annealed, Counting, lambda: Noisy(3), MSELoss])
def test_a_resumed_run_goes_on_with_what_the_loss_remembers(make_loss, tmp_path):
    straight, loss = run(make_loss, tmp_path / "straight.npz", epochs=4)
    run(make_loss, tmp_path / "two.npz", epochs=2)
    resumed, other = run(make_loss, tmp_path / "two.npz", epochs=4, resume=True)
    assert np.array_equal(straight, resumed)
    for name in loss.buffers:
        assert np.array_equal(getattr(loss, name), getattr(other, name))
        assert getattr(loss, name) < 0.9**15


@pytest.mark.parametrize(
    ("make_loss", "words"),
    [
        (Undeclared, r"forward of Undeclared depends on earlier passes, by self\.share"),
        (Rebinding, r"Rebinding\.share is one of its buffers, so it must be an array"),
    ],
)
def test_a_loss_that_remembers_what_no_file_would_hold_is_refused(make_loss, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        run(make_loss, tmp_path / "c.npz", epochs=2)
    assert not [*tmp_path.iterdir()]


class Falling:
    """A rate that falls with each call, whatever the step is."""

    def __init__(self):
        self.calls = 0

    def __call__(self, step):
        self.calls += 1
        return 0.1 / self.calls


def test_a_rate_that_depends_on_how_often_it_is_asked_for_is_refused(tmp_path):
    lr = Falling()
    with pytest.raises(ValueError, match=r"lr\(0\) is another number each time it is called"):
        run(MSELoss, tmp_path / "c.npz", epochs=2, lr=lr)
    assert not [*tmp_path.iterdir()]


def test_a_schedule_that_has_ended_before_the_training_is_named():
    net = Dense(2, 2, rng=0)
    optimizer = SGD(net, lambda step: 0.1 if step < 4 else 0.0)
    with pytest.warns(UserWarning, match=r"was 0 in epoch 2 .* 3 more epochs") as caught:
        assert len([*train(net, MSELoss(), optimizer, X, T, epochs=5, batch_size=5, rng=0)]) == 5
    assert len(caught) == 1


@pytest.mark.parametrize("lr", [lambda step: 0.1 * (step > 0), lambda step: 0.1 * (step < 8)])
def test_a_rate_of_0_at_the_first_step_or_at_the_end_is_no_reason_to_warn(lr):
    net = Dense(2, 2, rng=0)
    assert len([*train(net, MSELoss(), SGD(net, lr), X, T, epochs=2, batch_size=5, rng=0)]) == 2
