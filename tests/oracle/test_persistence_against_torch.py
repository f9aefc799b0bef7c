"""State dicts and safetensors files, exchanged with PyTorch; and the bar that tqdm draws."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import tinynet
from tinynet import (
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Frozen,
    GroupNorm,
    LayerNorm,
    LoadError,
    ReLU,
    RMSNorm,
    Sequential,
    Sigmoid,
    from_state_dict,
    load_safetensors,
    save_safetensors,
    to_state_dict,
)

sys.path.insert(0, str(Path(__file__).parents[1]))

from test_progress import on_a_terminal

DTYPES = {np.float32: torch.float32, np.float64: torch.float64}


def pair(kind, dtype):
    """A network and the torch module of the same layers, each with random values of its own."""
    rng, nn = np.random.default_rng(0), torch.nn
    torch.manual_seed(0)
    if kind == "classic":
        ours = [Dense(6, 5, rng=rng), Sigmoid(), Dense(5, 3, bias=False, rng=rng)]
        theirs = [nn.Linear(6, 5), nn.Sigmoid(), nn.Linear(5, 3, bias=False)]
    elif kind == "normalized":
        inner = Sequential(Dense(5, 5, rng=rng), ReLU())
        ours = [Dense(6, 5, rng=rng), BatchNorm(5), Dropout(0.5), Frozen(inner), LayerNorm(5)]
        frozen = nn.Sequential(nn.Linear(5, 5), nn.ReLU()).requires_grad_(False)
        theirs = [nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), frozen, nn.LayerNorm(5)]
    elif kind == "without gains":
        ours = [Dense(6, 5, rng=rng), BatchNorm(5, affine=False), LayerNorm(5, bias=False)]
        ours += [ReLU(), Dense(5, 4, rng=rng), LayerNorm(4, affine=False)]
        ours += [GroupNorm(2, 4, affine=False), RMSNorm(4, affine=False, eps=1e-5)]
        theirs = [nn.Linear(6, 5), nn.BatchNorm1d(5, affine=False), nn.LayerNorm(5, bias=False)]
        theirs += [nn.ReLU(), nn.Linear(5, 4), nn.LayerNorm(4, elementwise_affine=False)]
        theirs += [nn.GroupNorm(2, 4, affine=False)]
        theirs += [nn.RMSNorm(4, elementwise_affine=False, eps=1e-5)]
    else:
        ours = [Embedding(4, 3, rng=rng), Flatten(), Dense(18, 2, rng=rng)]
        theirs = [nn.Embedding(4, 3), nn.Flatten(), nn.Linear(18, 2)]
    net, model = Sequential(*ours, dtype=dtype), nn.Sequential(*theirs).to(DTYPES[dtype]).eval()
    for name, array in net.named_buffers():
        if "running" in name:
            array[...] = rng.uniform(0.5, 2, array.shape)
    x = rng.integers(0, 4, (9, 6)) if kind == "ids" else rng.normal(size=(9, 6)).astype(dtype)
    return net, model, x


def assert_same_outputs(net, model, x):
    tolerance = 1e-5 if net.params.dtype == np.float32 else 1e-12
    with torch.no_grad():
        expected = model(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(net.predict(x), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["classic", "normalized", "without gains", "ids"])
class TestExchange:
    def test_torch_loads_our_state_dict_and_gives_the_same_outputs(self, kind, dtype):
        net, model, x = pair(kind, dtype)
        state = {name: torch.from_numpy(array) for name, array in to_state_dict(net).items()}
        model.load_state_dict(state, strict=True)
        assert_same_outputs(net, model, x)

    def test_we_load_the_state_dict_of_torch_and_give_the_same_outputs(self, kind, dtype):
        net, model, x = pair(kind, dtype)
        from_state_dict(net, model.state_dict())
        assert_same_outputs(net, model, x)

    def test_torch_reads_our_safetensors(self, kind, dtype, tmp_path):
        net, model, x = pair(kind, dtype)
        save_safetensors(net, tmp_path / "net.safetensors")
        model.load_state_dict(safetensors.torch.load_file(tmp_path / "net.safetensors"))
        assert_same_outputs(net, model, x)

    def test_we_read_the_safetensors_of_torch(self, kind, dtype, tmp_path):
        net, model, x = pair(kind, dtype)
        safetensors.torch.save_file(model.state_dict(), tmp_path / "net.safetensors")
        load_safetensors(net, tmp_path / "net.safetensors")
        assert_same_outputs(net, model, x)


def test_bfloat16_and_other_float_types_are_refused():
    net, model, _ = pair("classic", np.float32)
    before = net.params.copy()
    with pytest.raises(LoadError, match=r"0\.weight is torch\.bfloat16, not an array"):
        from_state_dict(net, model.to(torch.bfloat16).state_dict())
    with pytest.raises(LoadError, match=r"0\.weight is float64 and must be float32"):
        from_state_dict(net, model.to(torch.float64).state_dict())
    assert np.array_equal(net.params, before)


def test_a_damaged_safetensors_file_is_refused_or_harmless(tmp_path):
    net, _, _ = pair("classic", np.float32)
    path = tmp_path / "net.safetensors"
    save_safetensors(net, path)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(LoadError):
            load_safetensors(net, path)


def safetensors_file(path, header):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)


@pytest.fixture
def parsed(monkeypatch):
    """The texts of JSON that are parsed."""
    texts = []
    real = json.loads
    monkeypatch.setattr(json, "loads", lambda text: texts.append(text) or real(text))
    return texts


def test_a_longer_header_than_the_limit_is_refused_before_it_is_parsed(tmp_path, parsed):
    path, net = tmp_path / "net.safetensors", Dense(2, 2, rng=0)
    tensor = {"dtype": "F64", "shape": [0], "data_offsets": [0, 0]}
    safetensors_file(path, {f"{n}.running_mean": tensor for n in range(100_000)})
    with pytest.raises(
        LoadError, match=r"header has [78],.* bytes and may have 4,194,304.*from_sta"
    ):
        load_safetensors(net, path)
    assert not parsed
    safetensors_file(path, {f"{n}.running_mean": tensor for n in range(40_000)})
    with pytest.raises(LoadError, match="and 39,982 more"):
        load_safetensors(net, path)
    assert len(parsed) == 1


def test_a_header_that_would_be_refused_is_not_written(tmp_path, monkeypatch):
    (net, _, _), path = pair("classic", np.float32), tmp_path / "net.safetensors"
    save_safetensors(net, path)
    length = int.from_bytes(path.read_bytes()[:8], "little")
    monkeypatch.setattr("tinynet.interop.safetensors._LARGEST_HEADER", length)
    save_safetensors(net, path)
    load_safetensors(net, path)
    monkeypatch.setattr("tinynet.interop.safetensors._LARGEST_HEADER", length - 1)
    with pytest.raises(ValueError, match="that of 3 arrays has"):
        save_safetensors(net, path)
    with pytest.raises(LoadError, match="header has"):
        load_safetensors(net, path)


def test_the_bar_of_tqdm_on_a_terminal():
    text = on_a_terminal(
        "import sys; sys.path.insert(0, 'tests'); import layers;layers.Run().fit(progress='auto')"
    )
    assert "3/3" in text
    assert "\r" in text
    assert "loss 0." in text


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers_are_exchanged_with_both_biases(name, bias):
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(3, 4, batch_first=True, bias=bias).double()
    net = Sequential(getattr(tinynet, name)(3, 4, bias=bias, rng=0))
    state = {f"0.{key}": value for key, value in theirs.state_dict().items()}
    from_state_dict(net, state)
    x = np.random.default_rng(0).normal(size=(5, 6, 3))
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x))[0][:, -1]
    np.testing.assert_allclose(net.predict(x), expected, atol=1e-12)
    back = {key: torch.from_numpy(array) for key, array in to_state_dict(net[0]).items()}
    theirs.load_state_dict(back, strict=True)
    with torch.no_grad():
        np.testing.assert_allclose(theirs(torch.from_numpy(x))[0][:, -1], expected, atol=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        {"bias_hh_l0": None},
        {"bias_ih_l0": None},
        {"bias_hh_l0": torch.zeros(3)},
        {"bias_ih_l0": torch.zeros(16, dtype=torch.float32)},
    ],
    ids=str,
)
def test_biases_that_do_not_fit_are_refused_by_name(wrong):
    net = tinynet.LSTM(3, 4, rng=0)
    before = net.params.copy()
    state = {**torch.nn.LSTM(3, 4).double().state_dict(), **wrong}
    state = {name: value for name, value in state.items() if value is not None}
    with pytest.raises(LoadError, match="bias_"):
        from_state_dict(net, state)
    np.testing.assert_array_equal(net.params, before)


def test_biases_whose_sum_is_not_finite_are_refused():
    net = tinynet.LSTM(3, 4, rng=0, dtype=np.float32)
    before, state = net.params.copy(), torch.nn.LSTM(3, 4).state_dict()
    for name in ("bias_ih_l0", "bias_hh_l0"):
        state[name] = torch.full((16,), 3e38)
    with np.errstate(over="ignore"), pytest.raises(LoadError, match="bias_ih_l0"):
        from_state_dict(net, state)
    np.testing.assert_array_equal(net.params, before)
