"""What the obvious library does for the same stage. Written to be fair: the library's own fastest documented way."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.volume import Volume


def read_simpleitk(folder: Path) -> Any:
    """SimpleITK's series reader: no check, names in its own order."""
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def resample_simpleitk(volume: Volume, spacing_mm: float) -> Any:
    """SimpleITK linear resampling."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(volume.array)
    image.SetSpacing(volume.spacing_mm[::-1])
    size = [round(n * s / spacing_mm) for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    return sitk.Resample(image, size, sitk.Transform(), sitk.sitkLinear, image.GetOrigin(), [spacing_mm] * 3, image.GetDirection(), -1024)


def components_scipy(mask: npt.NDArray[np.uint8]) -> Any:
    """scipy label, 26 neighbours."""
    from scipy.ndimage import label

    return label(mask, structure=np.ones((3, 3, 3)))[1]


def distance_simpleitk(mask: npt.NDArray[np.uint8], volume: Volume) -> Any:
    """SimpleITK's Maurer distance map."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(mask)
    image.SetSpacing(volume.spacing_mm[::-1])
    return sitk.SignedMaurerDistanceMap(image, insideIsPositive=True, squaredDistance=False, useImageSpacing=True)


def skeleton_skimage(mask: npt.NDArray[np.uint8]) -> Any:
    """scikit-image's thinning."""
    from skimage.morphology import skeletonize

    return skeletonize(mask > 0)


def class_scores(maps: npt.NDArray[np.uint8]) -> Any:
    """A network's answer as frameworks hold it: one float32 for each of five classes and each voxel."""
    import torch

    scores = torch.zeros((5, *maps.shape[1:]), dtype=torch.float32)
    scores[0] = 0.5
    for channel, number in ((0, 1), (1, 3)):
        scores[number] = torch.from_numpy(maps[channel].astype(np.float32) / 255)
    return scores


def argmax_torch(scores: Any) -> Any:
    """Torch's arg-max over the classes."""
    return scores.argmax(0)


def vtk_turn(volume: Volume, *, size: int, shaded: bool, views: int = 36) -> Callable[[int], float]:
    """Rotating MIP or shaded VR by VTK's fixed-point ray caster on the CPU, off screen: draws so many views of a turn when called.

    The scene is set up and the first view drawn here, so that neither is timed.
    """
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    os.environ.pop("DISPLAY", None)
    image = vtk.vtkImageData()
    image.SetDimensions(*volume.shape[::-1])
    image.SetSpacing(*volume.spacing_mm[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(volume.array).ravel(), deep=0))
    mapper = vtk.vtkFixedPointVolumeRayCastMapper()
    mapper.SetAutoAdjustSampleDistances(0)
    mapper.SetSampleDistance(min(volume.spacing_mm))
    mapper.SetImageSampleDistance(1)
    mapper.SetInputData(image)
    look = vtk.vtkVolumeProperty()
    look.SetInterpolationTypeToLinear()
    opacity, colour = vtk.vtkPiecewiseFunction(), vtk.vtkColorTransferFunction()
    opacity.AddPoint(150 if shaded else -200, 0)
    opacity.AddPoint(350 if shaded else 800, 0.7 if shaded else 1)
    colour.AddRGBPoint(-1000, 0, 0, 0)
    colour.AddRGBPoint(300, 0.9, 0.3, 0.2)
    if shaded:
        look.ShadeOn()
    else:
        mapper.SetBlendModeToMaximumIntensity()
    look.SetScalarOpacity(opacity)
    look.SetColor(colour)
    actor, renderer, window = vtk.vtkVolume(), vtk.vtkRenderer(), vtk.vtkRenderWindow()
    actor.SetMapper(mapper)
    actor.SetProperty(look)
    window.SetOffScreenRendering(1)
    window.SetSize(size, size)
    window.AddRenderer(renderer)
    renderer.AddVolume(actor)
    renderer.ResetCamera()

    def draw(frames: int) -> float:
        total = 0.0
        for _ in range(frames):
            renderer.GetActiveCamera().Azimuth(360 / views)
            window.Render()
            grab = vtk.vtkWindowToImageFilter()
            grab.SetInput(window)
            grab.ReadFrontBufferOff()
            grab.Update()
            total += float(vtk_to_numpy(grab.GetOutput().GetPointData().GetScalars()).mean())
        return total

    draw(1)
    return draw


def register_simpleitk(fixed: Volume, moving: Volume) -> Any:
    """SimpleITK rigid registration by mean squares, three levels."""
    import SimpleITK as sitk

    images = []
    for volume in (fixed, moving):
        image = sitk.GetImageFromArray(volume.array.astype(np.float32))
        image.SetSpacing(volume.spacing_mm[::-1])
        images.append(image)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.02, 1)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 200)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    centre = sitk.CenteredTransformInitializer(
        images[0], images[1], sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method.SetInitialTransform(centre)
    return method.Execute(*images)


def network_windows(shape: tuple[int, int, int], *, patch: int, overlap: float = 0.5) -> int:
    """Windows that MONAI's sliding window evaluates on an array.

    Examples
    --------
    >>> network_windows((160, 80, 80), patch=80)
    3
    """
    step = max(1, int(patch * (1 - overlap)))
    return int(np.prod([max(1, -(-(max(count, patch) - patch) // step) + 1) for count in shape]))


def network_torch(volume: Volume, network: Any, *, patch: int, windows: int) -> Any:
    """The same network in torch eager fp32 under MONAI's sliding window, overlap 0.5, on so many windows of a scan."""
    import torch
    from monai.inferers import sliding_window_inference

    from inference.network.architecture import windowed
    from inference.resample import resample

    scan = resample(volume, (network.plan.spacing_mm,) * 3)
    deep = patch + (windows - 1) * (patch // 2)
    part = np.ascontiguousarray(scan.array[None, :deep, :patch, :patch], np.float32)
    with torch.inference_mode():
        return sliding_window_inference(
            windowed(torch.from_numpy(part), network.plan), (patch,) * 3, 1, network.eval(), overlap=0.5
        ).argmax(1)
