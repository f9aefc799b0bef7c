import torch


def test_torch():
    assert torch.ones(1).item() == 1
