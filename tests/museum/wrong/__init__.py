"""Wrong layers and losses, in files named after the rule that they break."""
