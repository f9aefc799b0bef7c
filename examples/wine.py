"""Tell from a chemical analysis which grower a wine comes from, with scikit-learn's tools.

The table has 178 wines from three growers of one region, with 13 measurements of each. A network
in one hidden layer is compared in five folds with other settings, fitted, saved, loaded and tested.
It needs scikit-learn: pip install scikit-learn.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from program import add_output_options, check_distinct, check_output, save_picture, start, stop

from tinynet import plot
from tinynet.metrics import confusion_matrix
from tinynet.types import Array

EPOCHS = 60
SETTINGS = {"hidden": [(), (16,), (16, 16)], "dropout": [0.0, 0.3]}


def run(options: argparse.Namespace) -> float:
    """Choose settings, fit, save, load and test; returns the accuracy on wines held back."""
    from sklearn.datasets import load_wine
    from sklearn.inspection import permutation_importance
    from sklearn.model_selection import GridSearchCV, train_test_split

    from tinynet.interop.sklearn import NeuralClassifier

    table = load_wine()
    growers = np.array(["first grower", "second grower", "third grower"])[table.target]
    x, x_test, t, t_test = train_test_split(
        table.data, growers, test_size=0.3, stratify=growers, random_state=options.seed
    )
    model = NeuralClassifier(lr=0.01, epochs=EPOCHS, standardize=True, random_state=options.seed)
    search = GridSearchCV(model, SETTINGS, cv=5).fit(x, t)
    say = (lambda text: None) if options.quiet else print
    say(f"{len(x)} wines to train on, {len(x_test)} to test, {x.shape[1]} measurements\n")
    say("accuracy in five folds")
    for settings, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        say(f"{score:10.1%}  hidden={settings['hidden']}, dropout={settings['dropout']}")

    save_model(search.best_estimator_, options.save)
    model = load_model(options.save)
    result = float(model.score(x_test, t_test))
    say(f"\nsaved and loaded: {options.save}\n{model.net_.summary()}\n")
    say("wine  probabilities of the growers      predicted      right")
    for number, probabilities in enumerate(model.predict_proba(x_test[:5])):
        shares = "".join(f"{share:9.1%}" for share in probabilities)
        predicted = model.classes_[probabilities.argmax()]
        say(f"{number:4}{shares}  {predicted:>17}  {t_test[number]:>17}")
    say("")
    print(f"test accuracy {result:.1%}")
    importance = permutation_importance(model, x, t, n_repeats=10, random_state=options.seed)
    save_picture(
        picture(model, x_test, t_test, table.feature_names, importance.importances_mean),
        options.output,
    )
    say(f"picture: {options.output}")
    return result


def save_model(model: Any, path: Path) -> None:
    """Write the model to a file, with its scales and its labels."""
    with path.open("wb") as file:
        pickle.dump(model, file)


def load_model(path: Path) -> Any:
    """Read a model that this program wrote; a pickle of a stranger could run any code."""
    with path.open("rb") as file:
        return pickle.load(file)


def picture(model: Any, x: Array, t: Array, names: Sequence[str], importances: Array) -> Figure:
    """The learning curve, the mistakes, and how much each measurement counts."""
    figure = Figure(figsize=(15, 5), layout="constrained")
    figure.suptitle(f"Wine, test accuracy {model.score(x, t):.1%}", fontsize="x-large")
    curve, mistakes, bars = figure.subplots(ncols=3)
    plot.learning_curve(model.history_["loss"], ax=curve)
    number = np.searchsorted(model.classes_, [model.predict(x), t])
    plot.confusion(confusion_matrix(number[0], number[1]), ax=mistakes)
    short = [label.removesuffix(" grower") for label in model.classes_]
    mistakes.set_xticks(range(len(short)), short)
    mistakes.set_yticks(range(len(short)), short)
    draw_importances(names, importances, bars)
    return figure


def draw_importances(names: Sequence[str], importances: Array, ax: Axes) -> None:
    """How much accuracy is lost if the numbers of one column are shuffled."""
    order = np.argsort(importances)
    ax.barh(np.array(names)[order], 100 * importances[order], color="#0072B2")
    ax.set(title="Accuracy lost without a measurement", xlabel="% of the training wines")


def main(arguments: Sequence[str] | None = None) -> float:
    """Run the program; returns the accuracy on wines that it was not trained on."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_output_options(parser, "wine.png")
    parser.add_argument("--save", type=Path, default=Path("wine.pickle"), metavar="FILE",
                        help="file for the fitted model (wine.pickle)")  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        check_output(options.output)
        check_output(options.save, "--save")
        check_distinct(output=options.output, save=options.save)
        return run(options)
    except (ImportError, OSError, ValueError) as error:
        if isinstance(error, ModuleNotFoundError):
            error = ImportError("this program needs scikit-learn: pip install scikit-learn")
        stop(parser, error)


if __name__ == "__main__":
    start(main)
