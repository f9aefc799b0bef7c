"""Right layers and losses, written plainly, from which others derive."""
