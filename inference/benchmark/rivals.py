"""What the obvious library does for the same stage. Written to be fair: the library's own fastest documented way."""

import os
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
    return sitk.GetArrayViewFromImage(reader.Execute()).sum(dtype=np.int64)


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


def vtk_frames(volume: Volume, *, frames: int, size: int, shaded: bool) -> float:
    """Rotating MIP or shaded VR by VTK's fixed-point ray caster on the CPU, off screen."""
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
    total = 0.0
    for _ in range(frames):
        renderer.GetActiveCamera().Azimuth(360 / frames)
        window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(window)
        grab.ReadFrontBufferOff()
        grab.Update()
        total += float(vtk_to_numpy(grab.GetOutput().GetPointData().GetScalars()).mean())
    return total


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


def network_torch(volume: Volume, network: Any, *, patch: int, spacing_mm: float) -> Any:
    """The same network in torch eager fp32 under MONAI's sliding window, overlap 0.5, over the whole scan."""
    import torch
    from monai.inferers import sliding_window_inference

    from inference.network.architecture import windowed
    from inference.resample import resample

    scan = resample(volume, (spacing_mm,) * 3)
    x = windowed(torch.from_numpy(np.ascontiguousarray(scan.array[None], np.float32)), network.plan)
    with torch.inference_mode():
        return sliding_window_inference(x, (patch,) * 3, 1, network.eval(), overlap=0.5).argmax(1)
