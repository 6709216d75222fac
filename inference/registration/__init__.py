"""Lay one scan on another: rigid, then local; both by Gauss-Newton steps on the voxels that have edges."""

from inference.registration.local import register_local
from inference.registration.rigid import register_rigid
from inference.registration.transform import Local, Rigid

__all__ = ["Local", "Rigid", "register_local", "register_rigid"]
