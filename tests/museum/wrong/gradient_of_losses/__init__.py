"""The gradient of a loss is wrong."""
