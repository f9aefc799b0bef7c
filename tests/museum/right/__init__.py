"""Right layers and losses, in files named after what makes them hard to check."""
