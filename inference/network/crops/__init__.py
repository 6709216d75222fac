"""Endless training crops: procedural vessels beside procedural bone, randomised far beyond reality, deterministic by seed."""
