"""Inputs that several cases share."""

import numpy as np
from scipy.special import expit, softmax

IDS = np.array([[0, 2], [4, 2], [2, 2], [1, 0]])
KINKS = {"x": np.array([[0.0, -1.0, 1.0], [0.0, 0.0, 2.0], [-0.5, 0.0, 1.0], [0.3, -1.0, 0.0]])}
READ_ONLY = np.random.default_rng(0).normal(size=(4, 3))
READ_ONLY.flags.writeable = False
PIXELS = np.random.default_rng(0).integers(3, size=(2, 1, 3, 3)).astype(float)
SENTENCES = np.random.default_rng(0).normal(size=(3, 3, 2))
SENTENCES[0, 1:] = SENTENCES[1:, 2] = 0

NEAR = np.array([[0.5, -1.0, 2.0], [0.0, 0.0, 1.0]])
LABELS = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]], float)
LOGITS = np.random.default_rng(0).normal(size=(5, 3))
SCORES = {"y": LOGITS, "t": LABELS}
SHARES = {"y": softmax(LOGITS, axis=1), "t": LABELS}
CHANCES = {"y": expit(LOGITS), "t": LABELS}
CLASSES = {"y": LOGITS, "t": np.array([2, 0, 1, 2, 0])}
