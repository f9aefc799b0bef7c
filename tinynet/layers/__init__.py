"""Layers: functions with learned parameters, their `forward` and their `backward`."""

from tinynet.layers.activations import Identity, LogSoftmax, Sigmoid, Softmax, Tanh
from tinynet.layers.attention import PositionalEncoding, SelfAttention
from tinynet.layers.base import Layer
from tinynet.layers.concatenate import Concatenate
from tinynet.layers.convolution import Conv1D, Conv2D
from tinynet.layers.dense import Dense
from tinynet.layers.dropout import Dropout
from tinynet.layers.embedding import Embedding
from tinynet.layers.layer_normalization import GroupNorm, LayerNorm, RMSNorm
from tinynet.layers.masks import Masked
from tinynet.layers.normalization import BatchNorm
from tinynet.layers.pooling import AverageSteps, AvgPool2D, GlobalAveragePool, MaxPool2D
from tinynet.layers.rectifiers import ELU, LeakyReLU, PReLU, ReLU
from tinynet.layers.recurrent import GRU, LSTM, RNN
from tinynet.layers.reshaping import Flatten, Permute, Reshape
from tinynet.layers.sequential import Sequential
from tinynet.layers.smooth_rectifiers import GELU, Mish, SiLU, Softplus
from tinynet.layers.standardize import Standardize
from tinynet.layers.wrappers import Frozen, Residual

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "AverageSteps",
    "AvgPool2D",
    "BatchNorm",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Frozen",
    "GlobalAveragePool",
    "GroupNorm",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LogSoftmax",
    "Masked",
    "MaxPool2D",
    "Mish",
    "PReLU",
    "Permute",
    "PositionalEncoding",
    "RMSNorm",
    "ReLU",
    "Reshape",
    "Residual",
    "SelfAttention",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Standardize",
    "Tanh",
]
