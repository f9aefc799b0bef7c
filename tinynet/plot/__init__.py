"""Pictures of data, of training, and of what a network has learned.

Each function draws on the Axes `ax` and returns it. Without `ax` it makes a new figure with
`matplotlib.pyplot`: a notebook shows and closes it, a script shows it with `plt.show()` and closes
it with `plt.close(ax.figure)`. Arguments are checked before a figure is made. Without Matplotlib
each function raises an ImportError that says what to install.

The colours can be told apart by colour-blind readers, and in print.
"""

from tinynet.plot.attention_weights import attention
from tinynet.plot.classes import confusion
from tinynet.plot.convolutions import feature_maps, filters
from tinynet.plot.curves import history, learning_curve
from tinynet.plot.images import array_to_image, image_grid, misclassified
from tinynet.plot.networks import activations, gradient_norms, weights

__all__ = [
    "activations",
    "array_to_image",
    "attention",
    "confusion",
    "feature_maps",
    "filters",
    "gradient_norms",
    "history",
    "image_grid",
    "learning_curve",
    "misclassified",
    "weights",
]
