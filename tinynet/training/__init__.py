"""Training: the loop, and what people put around it."""

from tinynet.training.anomaly import detect_anomaly
from tinynet.training.evaluation import evaluate, predict
from tinynet.training.fit import fit
from tinynet.training.history import History
from tinynet.training.loop import Epoch, train
from tinynet.training.minimize import Minimum, minimize
from tinynet.training.plateau import ReduceOnPlateau

__all__ = [
    "Epoch",
    "History",
    "Minimum",
    "ReduceOnPlateau",
    "detect_anomaly",
    "evaluate",
    "fit",
    "minimize",
    "predict",
    "train",
]
