"""Naming of arteries by graph and position."""

from inference.naming.naming import name_arteries

__all__ = ["name_arteries"]
