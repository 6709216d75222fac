"""Seconds per view of MIP and shaded VR against VTK's CPU ray caster, on the real thoracic CTA, with no window system.

Run from the repository: `python benchmarks/rendering.py`. CPU seconds of all threads together, so that other programs on the
machine count less; the first view of each, which compiles or sets up, is left out.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from inference import Volume, load
from inference.bone_removal import remove_bone
from inference.pictures.image_sets import field_size
from inference.pictures.mip import rotating, rotating_dense
from inference.pictures.surface import surface
from inference.pictures.vr import render
from inference.segmentation.threshold import segment_threshold

SAMPLE = Path(__file__).parents[1] / "tests" / "data" / "thorax_cta.nii.gz"
VIEWS = [10.0 * view for view in range(1, 9)]
SIZE = 512


def timed(name: str, draw: Callable[[list[float]], object]) -> None:
    """Print CPU and wall seconds per view."""
    draw(VIEWS[:1])
    start, wall = time.process_time(), time.perf_counter()
    draw(VIEWS)
    print(f"| {name} | {(time.process_time() - start) / len(VIEWS):.3f} | {(time.perf_counter() - wall) / len(VIEWS):.3f} |")


def vtk_caster(volume: Volume, *, mip: bool, lower_hu: float) -> Callable[[list[float]], object]:
    """VTK's fixed-point caster on the volume, bone removed, at half a voxel per step."""
    os.environ.pop("DISPLAY", None)
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    image = vtk.vtkImageData()
    image.SetDimensions(*volume.shape[::-1])
    image.SetSpacing(*volume.spacing_mm[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(volume.array).ravel(), deep=1))
    mapper, look = vtk.vtkFixedPointVolumeRayCastMapper(), vtk.vtkVolumeProperty()
    mapper.SetInputData(image)
    mapper.SetAutoAdjustSampleDistances(0)
    mapper.SetSampleDistance(min(volume.spacing_mm) / 2)
    mapper.SetImageSampleDistance(1)
    opacity, colour = vtk.vtkPiecewiseFunction(), vtk.vtkColorTransferFunction()
    if mip:
        mapper.SetBlendModeToMaximumIntensity()
    for hu, share in ((lower_hu - 60, 0.0), (lower_hu + 60, 0.9)):
        opacity.AddPoint(hu, share)
    colour.AddRGBPoint(lower_hu, 0.8, 0.3, 0.15)
    look.SetScalarOpacity(opacity)
    look.SetColor(colour)
    look.SetInterpolationTypeToLinear()
    look.SetShade(not mip)
    actor, scene, window = vtk.vtkVolume(), vtk.vtkRenderer(), vtk.vtkRenderWindow()
    actor.SetMapper(mapper)
    actor.SetProperty(look)
    scene.AddVolume(actor)
    window.SetOffScreenRendering(1)
    window.SetSize(SIZE, SIZE)
    window.AddRenderer(scene)
    camera = scene.GetActiveCamera()
    camera.ParallelProjectionOn()
    camera.Elevation(-90)
    camera.SetViewUp(0, 0, 1)
    scene.ResetCamera()

    def draw(views: list[float]) -> None:
        for _ in views:
            camera.Azimuth(10)
            window.Render()

    return draw


def main() -> None:
    """Print a Markdown table."""
    volume = load(SAMPLE)
    found = segment_threshold(volume)
    removed = remove_bone(volume, found.vessel, found.bone)
    lower, field_mm = float(found.notes["lower_hu"]), field_size(volume)
    step = max(min(volume.spacing_mm), field_mm / SIZE)
    vessel = surface(volume, found.vessel, low_hu=lower - 100, high_hu=lower + 160, bright_hu=800, step_mm=step)
    only = volume.with_array(np.where(found.vessel > 0, volume.array, -1000).astype(np.int16))
    print("| picture | CPU seconds per view | wall seconds per view |")
    print("|---|---|---|")
    timed("MIP, bone removed, own splat", lambda views: rotating(removed, views, above_hu=60))
    timed("MIP, raw, own rays", lambda views: rotating_dense(volume, views))
    timed("MIP, VTK fixed-point", vtk_caster(removed, mip=True, lower_hu=lower))
    timed(f"VR {SIZE}², own rays, antialiased", lambda views: render(vessel, None, views, size=SIZE, field_mm=field_mm))
    timed(f"VR {SIZE}², VTK fixed-point, shaded", vtk_caster(only, mip=False, lower_hu=lower))


if __name__ == "__main__":
    main()
