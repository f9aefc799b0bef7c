"""Every layer's values and gradients against PyTorch's, in float64 on random inputs."""

import numpy as np
import pytest
import torch
from torch import nn

import tinynet as tn

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
SEEDS = range(3)


def compare(ours, theirs, x, pairs=(), *, seed=0):
    """Forward, dL/dx and every dL/dθ for a random dL/dy; `pairs` name our and their parameters."""
    x_theirs = torch.tensor(x, requires_grad=x.dtype.kind == "f")
    y, y_theirs = ours.forward(x), theirs(x_theirs)
    np.testing.assert_allclose(y, y_theirs.detach().numpy(), **CLOSE)
    dy = np.random.default_rng(seed).normal(size=y.shape)
    dx = ours.backward(dy)
    y_theirs.backward(torch.tensor(dy))
    if x_theirs.requires_grad:
        np.testing.assert_allclose(dx, x_theirs.grad.numpy(), **CLOSE)
    for mine, their in pairs:
        np.testing.assert_allclose(mine, their.grad.numpy(), **CLOSE)


def as_torch(array):
    return nn.Parameter(torch.tensor(array, dtype=torch.float64))


def randomise(layer, rng):
    """Gains of 1 and biases of 0 would hide a factor that is missing."""
    layer.params[...] = rng.normal(size=layer.params.shape)


def dense_pair(ours):
    """PyTorch keeps a weight as (outputs, inputs)."""
    theirs = nn.Linear(*ours.W.shape, dtype=torch.float64)
    theirs.weight, theirs.bias = as_torch(ours.W.T), as_torch(ours.b)
    return theirs


def batch_norm_pair(ours):
    theirs = nn.BatchNorm1d(
        len(ours.gain), eps=ours.eps, momentum=ours.momentum, dtype=torch.float64
    )
    theirs.weight, theirs.bias = as_torch(ours.gain), as_torch(ours.bias)
    theirs.running_mean.copy_(torch.tensor(ours.running_mean))
    theirs.running_var.copy_(torch.tensor(ours.running_var))
    return theirs


ACTIVATIONS = {
    "Sigmoid": (tn.Sigmoid(), nn.Sigmoid()),
    "Tanh": (tn.Tanh(), nn.Tanh()),
    "ReLU": (tn.ReLU(), nn.ReLU()),
    "LeakyReLU": (tn.LeakyReLU(), nn.LeakyReLU()),
    "LeakyReLU, 0.3": (tn.LeakyReLU(0.3), nn.LeakyReLU(0.3)),
    "ELU": (tn.ELU(), nn.ELU()),
    "ELU, 1.7": (tn.ELU(1.7), nn.ELU(1.7)),
    "GELU": (tn.GELU(), nn.GELU()),
    "GELU by tanh": (tn.GELU("tanh"), nn.GELU("tanh")),
    "Mish": (tn.Mish(), nn.Mish()),
    "PReLU": (tn.PReLU(), nn.PReLU(dtype=torch.float64)),
    "SiLU": (tn.SiLU(), nn.SiLU()),
    # PyTorch's is y = x from `threshold` on, 20 by default, which is 2e-9 off there; ours is exact
    "Softplus": (tn.Softplus(), nn.Softplus(threshold=700)),
    "Softmax": (tn.Softmax(), nn.Softmax(dim=-1)),
    "LogSoftmax": (tn.LogSoftmax(), nn.LogSoftmax(dim=-1)),
    "Identity": (tn.Identity(), nn.Identity()),
    "Flatten": (tn.Flatten(), nn.Flatten()),
    "Reshape": (tn.Reshape((3, 2, 2)), nn.Unflatten(1, (3, 2, 2))),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("scale", [0.1, 1, 5, 30])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_and_shapes(name, scale, seed):
    ours, theirs = ACTIVATIONS[name]
    compare(ours, theirs, np.random.default_rng(seed).normal(size=(5, 12)) * scale, seed=seed)


@pytest.mark.parametrize("name", [n for n in ACTIVATIONS if n != "Reshape"])
def test_activations_at_zero_which_is_the_kink_and_at_a_thousand(name):
    ours, theirs = ACTIVATIONS[name]
    x = np.array([[0.0, -1000, 1000, 0.5], [0, 0, 0, 0], [-1000, -1000, -1000, -1000]])
    compare(ours, theirs, x)


@pytest.mark.parametrize("name", ["Sigmoid", "GELU", "Softmax", "LogSoftmax", "Flatten"])
def test_images_and_sequences(name):
    ours, theirs = ACTIVATIONS[name]
    compare(ours, theirs, np.random.default_rng(0).normal(size=(3, 4, 5)))


@pytest.mark.parametrize("seed", SEEDS)
def test_dense(seed):
    rng = np.random.default_rng(seed)
    ours = tn.Dense(4, 3, rng=rng)
    randomise(ours, rng)
    theirs = dense_pair(ours)
    pairs = [(ours.dW.T, theirs.weight), (ours.db, theirs.bias)]
    for shape in [(6, 4), (3, 5, 4), (2, 3, 2, 4)]:
        theirs.zero_grad()
        compare(ours, theirs, rng.normal(size=shape), pairs, seed=seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", [(5, 4), (3, 6, 4), (2, 3, 2, 4)])
def test_layer_norm(shape, seed):
    rng = np.random.default_rng(seed)
    ours = tn.LayerNorm(4, eps=1e-3)
    randomise(ours, rng)
    theirs = nn.LayerNorm(4, eps=1e-3, dtype=torch.float64)
    theirs.weight, theirs.bias = as_torch(ours.gain), as_torch(ours.bias)
    pairs = [(ours.dgain, theirs.weight), (ours.dbias, theirs.bias)]
    compare(ours, theirs, rng.normal(2, 3, size=shape), pairs, seed=seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", [(5, 4), (3, 6, 4), (2, 3, 2, 4)])
def test_rms_norm(shape, seed):
    rng = np.random.default_rng(seed)
    ours = tn.RMSNorm(4, eps=1e-3)
    randomise(ours, rng)
    theirs = nn.RMSNorm(4, eps=1e-3, dtype=torch.float64)
    theirs.weight = as_torch(ours.gain)
    x = rng.normal(2, 3, size=shape)
    compare(ours, theirs, x, [(ours.dgain, theirs.weight)], seed=seed)


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("shape", [(5, 6, 3), (2, 6, 4, 5), (3, 6, 2, 3, 2)])
def test_group_norm(shape, groups):
    rng = np.random.default_rng(groups)
    ours = tn.GroupNorm(groups, 6, eps=1e-3)
    randomise(ours, rng)
    theirs = nn.GroupNorm(groups, 6, eps=1e-3, dtype=torch.float64)
    theirs.weight, theirs.bias = as_torch(ours.gain), as_torch(ours.bias)
    pairs = [(ours.dgain, theirs.weight), (ours.dbias, theirs.bias)]
    compare(ours, theirs, rng.normal(2, 3, size=shape), pairs)


@pytest.mark.parametrize(
    ("ours", "theirs", "shape"),
    [
        (tn.LayerNorm(4, affine=False), nn.LayerNorm(4, elementwise_affine=False), (3, 5, 4)),
        (
            tn.RMSNorm(4, affine=False, eps=1e-5),
            nn.RMSNorm(4, elementwise_affine=False, eps=1e-5),
            (3, 5, 4),
        ),
        (tn.GroupNorm(2, 4, affine=False), nn.GroupNorm(2, 4, affine=False), (3, 4, 5)),
        (tn.BatchNorm(4, affine=False), nn.BatchNorm1d(4, affine=False), (6, 4)),
        (tn.BatchNorm(4, affine=False), nn.BatchNorm2d(4, affine=False), (6, 4, 3, 2)),
    ],
    ids=repr,
)
def test_normalization_without_gain_and_bias(ours, theirs, shape):
    rng, theirs = np.random.default_rng(0), theirs.double()
    for _ in range(3):
        compare(ours, theirs, rng.normal(2, 3, size=shape))
    for name, array in ours.named_buffers():
        np.testing.assert_allclose(array, getattr(theirs, name).numpy(), **CLOSE)
    x = rng.normal(size=shape)
    wanted = theirs.eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(ours.predict(x), wanted, **CLOSE)
    frozen = tn.Frozen(ours)
    compare(frozen, theirs, x)


def test_layer_norm_without_bias():
    rng = np.random.default_rng(0)
    ours = tn.LayerNorm(4, bias=False)
    randomise(ours, rng)
    theirs = nn.LayerNorm(4, bias=False, dtype=torch.float64)
    theirs.weight = as_torch(ours.gain)
    compare(ours, theirs, rng.normal(2, 3, size=(3, 5, 4)), [(ours.dgain, theirs.weight)])


@pytest.mark.parametrize("options", [{}, {"momentum": 0.0}, {"momentum": 0.7, "eps": 0.1}])
@pytest.mark.parametrize("seed", SEEDS)
def test_batch_norm_its_running_statistics_and_inference(options, seed):
    rng = np.random.default_rng(seed)
    ours = tn.BatchNorm(3, **options)
    randomise(ours, rng)
    theirs = batch_norm_pair(ours)
    pairs = [(ours.dgain, theirs.weight), (ours.dbias, theirs.bias)]
    for rows in (2, 5, 8):
        theirs.zero_grad()
        compare(ours, theirs, rng.normal(2, 3, size=(rows, 3)), pairs, seed=rows)
        np.testing.assert_allclose(ours.running_mean, theirs.running_mean.numpy(), **CLOSE)
        np.testing.assert_allclose(ours.running_var, theirs.running_var.numpy(), **CLOSE)
    x = rng.normal(size=(4, 3))
    wanted = theirs.eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(ours.predict(x), wanted, **CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_frozen_batch_norm_is_pytorchs_in_eval_mode(seed):
    rng = np.random.default_rng(seed)
    inner = tn.BatchNorm(3)
    randomise(inner, rng)
    inner.running_mean[...], inner.running_var[...] = rng.normal(size=3), rng.uniform(1, 3, size=3)
    theirs, ours = batch_norm_pair(inner).eval(), tn.Frozen(inner)
    pairs = [(inner.dgain, theirs.weight), (inner.dbias, theirs.bias)]
    compare(ours, theirs, rng.normal(size=(5, 3)), pairs, seed=seed)
    np.testing.assert_array_equal(inner.running_mean, theirs.running_mean.numpy())


@pytest.mark.parametrize("shape", [(7,), (4, 5)])
@pytest.mark.parametrize("seed", SEEDS)
def test_embedding_whose_ids_repeat(shape, seed):
    rng = np.random.default_rng(seed)
    ours = tn.Embedding(6, 3, rng=rng)
    theirs = nn.Embedding(6, 3, dtype=torch.float64)
    theirs.weight = as_torch(ours.W)
    compare(ours, theirs, rng.integers(0, 6, shape), [(ours.dW, theirs.weight)], seed=seed)


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.9])
def test_dropout_given_its_mask_and_in_inference(rate):
    """PyTorch draws other numbers: what ours kept is told by its zeros, the scale is compared."""
    rng = np.random.default_rng(0)
    ours, x = tn.Dropout(rate, rng=rng), rng.normal(size=(20, 10))
    y = ours.forward(x)
    theirs = nn.Dropout(rate)(torch.tensor(x)).numpy()
    scales = {round(float(s), 12) for s in (theirs / x).ravel()} - {0.0}
    assert {round(float(s), 12) for s in (y / x).ravel()} - {0.0} == scales
    dy = rng.normal(size=y.shape)
    np.testing.assert_allclose(ours.backward(dy), dy * (y / x), **CLOSE)
    np.testing.assert_array_equal(ours.predict(x), nn.Dropout(rate).eval()(torch.tensor(x)))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_residual_network_in_which_a_layer_is_frozen(seed):
    rng = np.random.default_rng(seed)
    first, norm, inside, frozen = (
        tn.Dense(4, 3, rng=rng),
        tn.BatchNorm(3),
        tn.Dense(3, 3, rng=rng),
        tn.Dense(3, 3, rng=rng),
    )
    ours = tn.Sequential(
        first,
        norm,
        tn.Residual(tn.Sequential(inside, tn.Tanh())),
        tn.Frozen(frozen),
        tn.Softmax(),
    )
    a, b, c, d = dense_pair(first), batch_norm_pair(norm), dense_pair(inside), dense_pair(frozen)
    d.requires_grad_(False)

    def theirs(x):
        hidden = b(a(x))
        return torch.softmax(d(hidden + torch.tanh(c(hidden))), dim=-1)

    pairs = [(first.dW.T, a.weight), (first.db, a.bias), (norm.dgain, b.weight)]
    pairs += [(norm.dbias, b.bias), (inside.dW.T, c.weight), (inside.db, c.bias)]
    compare(ours, theirs, rng.normal(size=(6, 4)), pairs, seed=seed)
    assert d.weight.grad is None
    assert ours.grads.size == sum(mine.size for mine, _ in pairs)


INITIALIZERS = {
    "he_normal": lambda w: nn.init.kaiming_normal_(w),
    "he_uniform": lambda w: nn.init.kaiming_uniform_(w),
    "glorot_normal": lambda w: nn.init.xavier_normal_(w),
    "glorot_uniform": lambda w: nn.init.xavier_uniform_(w),
    "standard_normal": lambda w: nn.init.normal_(w),
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializers_are_pytorchs_distributions(name):
    """Other draws, so moments are compared; PyTorch's weight has the other orientation."""
    torch.manual_seed(0)
    ours = getattr(tn.initializers, name)((400, 300), np.random.default_rng(0)).ravel()
    theirs = INITIALIZERS[name](torch.empty(300, 400, dtype=torch.float64)).numpy().ravel()
    # the standard error of a normal's deviation is 0.2 % of it here, of a uniform's less
    assert ours.std() == pytest.approx(theirs.std(), rel=0.01)
    assert abs(ours).max() / ours.std() == pytest.approx(abs(theirs).max() / theirs.std(), rel=0.2)


CONVOLUTIONS = [
    {},
    {"stride": 2},
    {"padding": (0, 2), "stride": (2, 1)},
    {"padding": "same", "dilation": 2},
    {"groups": 2, "dilation": (1, 2)},
    {"groups": 4, "bias": False},
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kernel", [1, 3, (3, 5)])
@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_convolution(options, kernel, seed):
    rng = np.random.default_rng(seed)
    ours = tn.Conv2D(4, 8, kernel, rng=rng, **options)
    theirs = nn.Conv2d(4, 8, kernel, dtype=torch.float64, **options)
    pairs = [(ours.dW, theirs.weight)]
    randomise(ours, rng)
    theirs.weight.data.copy_(torch.tensor(ours.W))
    if ours.b is not None:
        theirs.bias.data.copy_(torch.tensor(ours.b))
        pairs.append((ours.db, theirs.bias))
    compare(ours, theirs, rng.normal(size=(3, 4, 11, 12)), pairs, seed=seed)


@pytest.mark.parametrize(
    "options", [{}, {"stride": 3}, {"padding": "same"}, {"groups": 2}], ids=str
)
def test_convolution_over_sequences(options):
    rng = np.random.default_rng(0)
    ours = tn.Conv1D(4, 6, 5, rng=rng, **options)
    theirs = nn.Conv1d(4, 6, 5, dtype=torch.float64, **options)
    randomise(ours, rng)
    theirs.weight.data.copy_(torch.tensor(ours.W))
    theirs.bias.data.copy_(torch.tensor(ours.b))
    pairs = [(ours.dW, theirs.weight), (ours.db, theirs.bias)]
    compare(ours, theirs, rng.normal(size=(3, 4, 13)), pairs)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(2, None, 0), (3, 2, 1), ((2, 3), 1, (1, 0)), (3, 1, 1), (2, 3, 0)],
)
def test_pooling(kernel, stride, padding, seed):
    rng = np.random.default_rng(seed)
    numbers, ties = rng.normal(size=(3, 2, 9, 8)), rng.integers(0, 3, (3, 2, 9, 8)) * 1.0
    for x in (numbers, ties):
        options = {"stride": stride, "padding": padding}
        compare(tn.MaxPool2D(kernel, **options), nn.MaxPool2d(kernel, **options), x, seed=seed)
        compare(tn.AvgPool2D(kernel, **options), nn.AvgPool2d(kernel, **options), x, seed=seed)


def test_the_mean_over_all_pixels():
    theirs = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    x = np.random.default_rng(0).normal(size=(3, 2, 9, 8))
    compare(tn.GlobalAveragePool(), theirs, x)


@pytest.mark.parametrize("seed", SEEDS)
def test_batch_norm_of_images(seed):
    rng = np.random.default_rng(seed)
    ours = tn.BatchNorm(3, momentum=0.3)
    randomise(ours, rng)
    theirs = nn.BatchNorm2d(3, momentum=0.3, dtype=torch.float64)
    theirs.weight, theirs.bias = as_torch(ours.gain), as_torch(ours.bias)
    pairs = [(ours.dgain, theirs.weight), (ours.dbias, theirs.bias)]
    compare(ours, theirs, rng.normal(2, 3, (4, 3, 5, 6)), pairs, seed=seed)
    np.testing.assert_allclose(ours.running_mean, theirs.running_mean, **CLOSE)
    np.testing.assert_allclose(ours.running_var, theirs.running_var, **CLOSE)


RECURRENT = {"RNN": (tn.RNN, nn.RNN), "LSTM": (tn.LSTM, nn.LSTM), "GRU": (tn.GRU, nn.GRU)}


def recurrent_pair(name, **options):
    """Ours with random parameters, and PyTorch's with the same."""
    own, their = RECURRENT[name]
    ours = own(3, 4, **options)
    randomise(ours, np.random.default_rng(0))
    bias = ours.b is not None
    theirs = their(3, 4, batch_first=True, bias=bias, dtype=torch.float64)
    state = {k: torch.tensor(v) for k, v in tn.to_state_dict(ours).items() if k not in ("h0", "c0")}
    theirs.load_state_dict(state)
    pairs = [(ours.dW.T, theirs.weight_ih_l0), (ours.dU.T, theirs.weight_hh_l0)]
    if bias:
        pairs.append((ours.db, theirs.bias_ih_l0))
    return ours, theirs, pairs


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("options", [{}, {"return_sequences": True}, {"bias": False}], ids=str)
def test_recurrent_layers(name, steps, reverse, options):
    ours, theirs, pairs = recurrent_pair(name, reverse=reverse, **options)

    def outputs(x):
        states, _ = theirs(x.flip(1) if reverse else x)
        if not ours.return_sequences:
            return states[:, -1]
        return states.flip(1) if reverse else states

    compare(ours, outputs, np.random.default_rng(1).normal(size=(5, steps, 3)), pairs)
    if name == "GRU" and ours.b is not None:
        np.testing.assert_allclose(ours.dc, theirs.bias_hh_l0.grad[8:], **CLOSE)


@pytest.mark.parametrize("name", RECURRENT)
def test_initial_states_that_are_learned(name):
    ours, theirs, pairs = recurrent_pair(name, learn_initial=True)
    h0 = as_torch(ours.h0)
    pairs.append((ours.dh0, h0))
    begin = h0.expand(1, 5, 4)
    if name == "LSTM":
        c0 = as_torch(ours.c0)
        pairs.append((ours.dc0, c0))
        begin = begin, c0.expand(1, 5, 4)
    x = np.random.default_rng(1).normal(size=(5, 6, 3))
    compare(ours, lambda x: theirs(x, begin)[0][:, -1], x, pairs)


@pytest.mark.parametrize("name", RECURRENT)
def test_the_last_state_of_sequences_of_several_lengths(name):
    """PyTorch packs them; ours has a mask."""
    ours, theirs, pairs = recurrent_pair(name)
    lengths = np.array([1, 6, 4, 2, 6])
    mask = np.arange(6) < lengths[:, None]

    class WithMask(tn.Layer):
        def forward(self, x):
            return ours.forward(x, mask)

        def backward(self, dy):
            return ours.backward(dy)

    def last(x):
        packed = nn.utils.rnn.pack_padded_sequence(
            x, torch.tensor(lengths), batch_first=True, enforce_sorted=False
        )
        _, state = theirs(packed)
        return (state[0] if name == "LSTM" else state)[0]

    x = np.random.default_rng(1).normal(size=(5, 6, 3))
    compare(WithMask(), last, x, pairs)


@pytest.mark.parametrize("heads", [1, 2, 6])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_self_attention(heads, causal, masked, bias):
    rng = np.random.default_rng(0)
    ours = tn.SelfAttention(6, heads, causal=causal, bias=bias)
    randomise(ours, rng)
    theirs = nn.MultiheadAttention(6, heads, bias=bias, batch_first=True, dtype=torch.float64)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in tn.to_state_dict(ours).items()})
    mask = np.arange(4) < rng.integers(1, 5, (5, 1)) if masked else None
    hidden = None if mask is None else torch.tensor(~mask)
    later = torch.tensor(~np.tri(4, dtype=bool)) if causal else None

    def attend(x):
        options = {"key_padding_mask": hidden, "attn_mask": later, "average_attn_weights": False}
        return theirs(x, x, x, **options)

    class WithMask(tn.Layer):
        def forward(self, x):
            return ours.forward(x, mask)

        def backward(self, dy):
            return ours.backward(dy)

    pairs = [(ours.dW.T, theirs.in_proj_weight), (ours.dWo.T, theirs.out_proj.weight)]
    if bias:
        pairs += [(ours.db, theirs.in_proj_bias), (ours.dbo, theirs.out_proj.bias)]
    x = rng.normal(size=(5, 4, 6))
    compare(WithMask(), lambda x: attend(x)[0], x, pairs)
    weights = attend(torch.tensor(x))[1].detach().numpy()
    np.testing.assert_allclose(ours.weights(x, mask), weights, **CLOSE)


def test_a_transformer_block():
    rng = np.random.default_rng(0)
    first = tn.Residual(tn.Sequential(tn.LayerNorm(6), tn.SelfAttention(6, 2)))
    dense = tn.Dense(6, 12), tn.GELU(), tn.Dense(12, 6)
    ours = tn.Sequential(first, tn.Residual(tn.Sequential(tn.LayerNorm(6), *dense)))
    randomise(ours, rng)
    theirs = nn.TransformerEncoderLayer(
        6, 2, 12, dropout=0, activation="gelu", batch_first=True, norm_first=True
    ).double()
    names = {
        "0.inner.0.": "norm1.",
        "0.inner.1.": "self_attn.",
        "1.inner.0.": "norm2.",
        "1.inner.1.": "linear1.",
        "1.inner.3.": "linear2.",
    }
    state = {}
    for name, array in tn.to_state_dict(ours).items():
        begin = next(begin for begin in names if name.startswith(begin))
        state[names[begin] + name.removeprefix(begin)] = torch.tensor(array)
    theirs.load_state_dict(state)
    compare(ours, theirs, rng.normal(size=(5, 4, 6)))
