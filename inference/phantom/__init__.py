"""Phantom head-and-neck CTA with truth: procedural anatomy, lesions on demand, a scanner, and a moved unenhanced twin."""

from inference.phantom.generator import make_phantom
from inference.phantom.lesions import Lesion
from inference.phantom.pose import Motion
from inference.phantom.result import Centreline, Phantom
from inference.phantom.scanner import Scanner

__all__ = ["Centreline", "Lesion", "Motion", "Phantom", "Scanner", "make_phantom"]
