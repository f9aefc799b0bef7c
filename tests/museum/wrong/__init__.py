"""Wrong layers and losses, in files named after the rule that they break."""

CHECKS_OF = {
    "gradient_of_inputs": {"gradient"},
    "gradient_of_parameters": {"gradient"},
    "gradient_of_losses": {"gradient"},
    "kinks": {"kinks"},
    "linearity": {"linear"},
    "caches_and_reuse": {"overwrite", "backward_twice", "forward_twice", "reuse"},
    "undeclared": {"buffers"},
    "stale_parameters": {"update"},
    "copies": {"copy", "pickle", "isolation"},
    "memory": {"mutation", "output_alias", "layout"},
    "predict": {"predict_pure", "predict_equals_forward", "predict_per_example"},
    "batches": {"batch_of_one", "batch_of_none", "per_example", "predict_per_example"},
    "draws": {"reproducible", "redraws", "expectation"},
    "shapes_and_types": {"shapes", "dtypes"},
    "precision": {"finite", "float32", "gradient"},
}
"""The checks of `tinynet.testing` that reject the cases of each file or folder of layers.

Losses that break another rule than the gradient's are few, and stand in `loss_contract` together.
"""
