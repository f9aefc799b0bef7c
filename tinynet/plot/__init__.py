"""Pictures of data, of training, and of what a network learned.

Every function draws on the Axes it is given and returns them. Without `ax` it makes a new figure
with `matplotlib.pyplot`: a notebook shows it below the cell and closes it, a script shows it with
`plt.show()`, and one that draws many figures closes each with `plt.close(ax.figure)` or passes its
own `ax`. Arguments are checked before a figure is made, so an error leaves none behind. Nothing
here calls `show()`.

All colours are safe for colour-blind readers, and hold in print.
"""

from tinynet.plot.classes import confusion
from tinynet.plot.curves import history, learning_curve
from tinynet.plot.images import array_to_image, image_grid, misclassified
from tinynet.plot.networks import activations, gradient_norms, weights

__all__ = [
    "activations",
    "array_to_image",
    "confusion",
    "gradient_norms",
    "history",
    "image_grid",
    "learning_curve",
    "misclassified",
    "weights",
]
