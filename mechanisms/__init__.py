"""Placeholder docstring until the front door is written."""
