"""Training: the loop, and what people put around it."""

from tinynet.training.anomaly import detect_anomaly
from tinynet.training.evaluation import evaluate, predict
from tinynet.training.fit import fit
from tinynet.training.history import History
from tinynet.training.loop import Epoch, train
from tinynet.training.plateau import ReduceOnPlateau

__all__ = [
    "Epoch",
    "History",
    "ReduceOnPlateau",
    "detect_anomaly",
    "evaluate",
    "fit",
    "predict",
    "train",
]
