"""Optimizers against PyTorch's, in float64: ten steps from the same start agree to 1e-10.

One network in tinynet and the same one in PyTorch learn the same batches, each from its own
gradients. Every combination of every option is tried.
"""

import itertools

import numpy as np
import pytest
import torch

from tinynet import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Dense,
    MSELoss,
    RMSprop,
    Sequential,
    Sigmoid,
    per_parameter,
    schedules,
)


def combinations(**options):
    """Every combination of the values of the options, as keyword arguments."""
    for values in itertools.product(*options.values()):
        yield dict(zip(options, values, strict=True))


SGDS = [
    options
    for options in combinations(
        lr=[0.01, 0.5], momentum=[0.0, 0.5, 0.9], nesterov=[False, True], weight_decay=[0.0, 0.1]
    )
    if options["momentum"] or not options["nesterov"]
]
ADAGRADS = combinations(lr=[0.01, 0.1], eps=[1e-10, 1e-2], weight_decay=[0.0, 0.1])
RMSPROPS = combinations(
    lr=[0.01, 0.1],
    alpha=[0.99, 0.5],
    eps=[1e-8, 1e-2],
    momentum=[0.0, 0.9],
    weight_decay=[0.0, 0.1],
)
ADAMS = list(
    combinations(
        lr=[0.001, 0.1],
        betas=[(0.9, 0.999), (0.5, 0.8), (0.0, 0.0)],
        eps=[1e-8, 1e-2],
        weight_decay=[0.0, 0.1],
    )
)
CASES = [
    (ours, theirs, options)
    for ours, theirs, table in (
        (SGD, torch.optim.SGD, SGDS),
        (Adagrad, torch.optim.Adagrad, ADAGRADS),
        (RMSprop, torch.optim.RMSprop, RMSPROPS),
        (Adam, torch.optim.Adam, ADAMS),
        (AdamW, torch.optim.AdamW, ADAMS),
    )
    for options in table
]


def twins():
    """The same network twice, and batches to learn."""
    rng = np.random.default_rng(3)
    ours = Sequential(Dense(4, 6, rng=rng), Sigmoid(), Dense(6, 3, rng=rng))
    theirs = torch.nn.Sequential(
        torch.nn.Linear(4, 6), torch.nn.Sigmoid(), torch.nn.Linear(6, 3)
    ).double()
    with torch.no_grad():
        for place in (0, 2):  # PyTorch's weights are (out, in)
            theirs[place].weight.copy_(torch.tensor(ours[place].W.T.copy()))
            theirs[place].bias.copy_(torch.tensor(ours[place].b))
    batches = [(rng.normal(size=(8, 4)), 3 * rng.normal(size=(8, 3))) for _ in range(10)]
    return ours, theirs, batches


def follow(ours, theirs, batches, make_ours, make_theirs, between=lambda optimizer: None):
    """Take the ten steps with both; after each the parameters agree."""
    our_optimizer, their_optimizer = make_ours(ours), make_theirs(theirs.parameters())
    loss, their_loss = MSELoss(), torch.nn.MSELoss()
    for x, t in batches:
        loss.forward(ours.forward(x), t)
        ours.backward(loss.backward())
        our_optimizer.step()
        their_optimizer.zero_grad()
        their_loss(theirs(torch.tensor(x)), torch.tensor(t)).backward()
        between(their_optimizer)
        their_optimizer.step()
        for place in (0, 2):
            W, b = theirs[place].weight.detach().numpy().T, theirs[place].bias.detach().numpy()
            np.testing.assert_allclose(ours[place].W, W, rtol=1e-10, atol=1e-10)
            np.testing.assert_allclose(ours[place].b, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("ours", "theirs", "options"), CASES, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_ten_steps_with_every_option(ours, theirs, options):
    follow(*twins(), lambda net: ours(net, **options), lambda params: theirs(params, **options))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SGD, torch.optim.SGD),
        (Adagrad, torch.optim.Adagrad),
        (RMSprop, torch.optim.RMSprop),
        (Adam, torch.optim.Adam),
        (AdamW, torch.optim.AdamW),
    ],
)
def test_the_defaults_are_the_same(ours, theirs):
    lr = {"lr": 0.1} if ours is SGD else {}  # the rate of SGD has no default here
    follow(*twins(), lambda net: ours(net, **lr), lambda params: theirs(params, **lr))


GROUPS = {"0.W": (1.0, 0.2), "0.b": (2.0, 0.0), "2.W": (0.1, 0.05), "2.b": (0.5, 0.0)}


@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        (SGD, torch.optim.SGD, {"lr": 0.1}),
        (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
        (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
        (Adam, torch.optim.Adam, {"lr": 0.05}),
        (AdamW, torch.optim.AdamW, {"lr": 0.05}),
        (RMSprop, torch.optim.RMSprop, {"lr": 0.05}),
        (RMSprop, torch.optim.RMSprop, {"lr": 0.05, "momentum": 0.9}),
        (Adagrad, torch.optim.Adagrad, {"lr": 0.1}),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_vectors_are_parameter_groups(ours, theirs, options):
    """Each parameter is in a group of its own, with its own lr and weight_decay."""

    def make_ours(net):
        rates, decay = (
            per_parameter(net, {name: both[which] for name, both in GROUPS.items()})
            for which in (0, 1)
        )
        return ours(net, **options, rates=rates, weight_decay=decay)

    def make_theirs(params):
        groups = [
            {"params": [parameter], "lr": options["lr"] * rate, "weight_decay": decay}
            for parameter, (rate, decay) in zip(params, GROUPS.values(), strict=True)
        ]
        return theirs(groups, **options)

    follow(*twins(), make_ours, make_theirs)


@pytest.mark.parametrize("bound", [0.1, 1.0, 100.0])
def test_clip_norm(bound):
    """PyTorch scales by c / (‖g‖ + 1e-6), we by c / ‖g‖; so it is told c (‖g‖ + 1e-6) / ‖g‖."""

    def clip(optimizer):
        parameters = optimizer.param_groups[0]["params"]
        norm = torch.sqrt(sum((p.grad**2).sum() for p in parameters)).item()
        torch.nn.utils.clip_grad_norm_(parameters, bound * (norm + 1e-6) / norm)

    follow(
        *twins(),
        lambda net: SGD(net, 0.1, momentum=0.9, weight_decay=0.1, clip_norm=bound),
        lambda params: torch.optim.SGD(params, 0.1, momentum=0.9, weight_decay=0.1),
        clip,
    )


@pytest.mark.parametrize("bound", [0.01, 1.0, 100.0])
def test_clip_value(bound):
    follow(
        *twins(),
        lambda net: Adam(net, 0.1, clip_value=bound),
        lambda params: torch.optim.Adam(params, 0.1),
        lambda optimizer: torch.nn.utils.clip_grad_value_(
            optimizer.param_groups[0]["params"], bound
        ),
    )


def test_lr_decay_of_adagrad_is_a_schedule_here():
    follow(
        *twins(),
        lambda net: Adagrad(net, lambda step: 0.1 / (1 + 0.5 * step)),
        lambda params: torch.optim.Adagrad(params, 0.1, lr_decay=0.5),
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            schedules.step_decay(0.5, factor=0.3, every=4),
            lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=4, gamma=0.3),
        ),
        (
            schedules.exponential_decay(0.5, factor=0.9, every=1),
            lambda o: torch.optim.lr_scheduler.ExponentialLR(o, gamma=0.9),
        ),
        (
            schedules.cosine(0.5, steps=30, final=0.1),
            lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=30, eta_min=0.1),
        ),
        (
            schedules.linear_warmup(0.5, steps=10),
            lambda o: torch.optim.lr_scheduler.LinearLR(o, start_factor=0.1, total_iters=9),
        ),
        (
            schedules.linear_decay(0.5, steps=20, final=0.1),
            lambda o: torch.optim.lr_scheduler.LinearLR(
                o, start_factor=1.0, end_factor=0.2, total_iters=20
            ),
        ),
        (
            schedules.polynomial_decay(0.5, steps=20, power=1.5),
            lambda o: torch.optim.lr_scheduler.PolynomialLR(o, total_iters=20, power=1.5),
        ),
        (
            schedules.cosine_restarts(0.5, steps=7, final=0.1),
            lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=7, eta_min=0.1),
        ),
        (
            schedules.cosine_restarts(0.5, steps=4, growth=2, final=0.1),
            lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
                o, T_0=4, T_mult=2, eta_min=0.1
            ),
        ),
        (
            schedules.one_cycle(0.5, steps=31),
            lambda o: torch.optim.lr_scheduler.OneCycleLR(
                o, max_lr=0.5, total_steps=31, cycle_momentum=False
            ),
        ),
        (
            schedules.one_cycle(0.5, steps=40, rise=0.5, start_divisor=5, final_divisor=100),
            lambda o: torch.optim.lr_scheduler.OneCycleLR(
                o,
                max_lr=0.5,
                total_steps=40,
                pct_start=0.5,
                div_factor=5,
                final_div_factor=100,
                cycle_momentum=False,
            ),
        ),
        (
            schedules.piecewise([0.5, 0.05, 0.005], boundaries=[8, 20]),
            lambda o: torch.optim.lr_scheduler.MultiStepLR(o, milestones=[8, 20], gamma=0.1),
        ),
    ],
)
def test_schedules_give_the_rates_of_pytorchs_schedulers(ours, theirs):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    scheduler = theirs(optimizer)
    for step in range(30):
        assert ours(step) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-10)
        optimizer.step()
        scheduler.step()
