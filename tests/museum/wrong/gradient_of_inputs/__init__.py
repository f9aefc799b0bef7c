"""dx is wrong."""
