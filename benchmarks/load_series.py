"""Load one 600-slice 512x512 series with every check in the child process, against SimpleITK's plain series reader.

Usage: python benchmarks/load_series.py [--slices 600] [--rounds 7]

The two take turns in one process on warm files; medians of the rounds are printed with their ratio, which is to stay at or
below 1.5. The first load also starts the child process and is printed apart.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def write_series(folder: Path, count: int) -> None:
    """A series with about as many header elements as scanners write (120)."""
    rng = np.random.default_rng(0)
    base = (rng.normal(40, 12, (512, 512)) + 1024).astype(np.uint16)
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    for k in range(count):
        data = Dataset()
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, generate_uid()
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = study, series, frame
        data.Modality, data.ImageType, data.PatientID = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"], "P1"
        data.Manufacturer, data.ManufacturerModelName, data.ConvolutionKernel, data.KVP = "Bench", "One", "B30f", "120"
        data.InstanceNumber, data.SeriesNumber, data.SliceThickness = k + 1, 2, "0.75"
        data.ImagePositionPatient, data.ImageOrientationPatient = ["-120", "-120", f"{0.5 * k:.3f}"], ["1", "0", "0", "0", "1", "0"]
        data.PixelSpacing, data.Rows, data.Columns = ["0.46875", "0.46875"], 512, 512
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
        data.RescaleSlope, data.RescaleIntercept, data.RescaleType = "1", "-1024", "HU"
        block = data.private_block(0x0019, "GILBRETH BENCH", create=True)
        for n in range(80):
            block.add_new(n, "LO", f"value {n} of a vendor")
        data.PixelData = np.roll(base, k, axis=1).tobytes()
        data["PixelData"].VR = "OW"
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
        pydicom.dcmwrite(folder / f"{generate_uid()[-12:]}-{k}.dcm", data, enforce_file_format=True)


def ours(folder: Path) -> int:
    """Checked, in a child, with progress."""
    from inference.scans.load import load

    total = 0

    def step(done: int, of: int) -> None:
        nonlocal total
        total = done * 100 // of

    return int(load(folder, progress=step).array[::97].sum(dtype=np.int64))


def simple_itk(folder: Path) -> int:
    """The plain series reader: find names, sort, read."""
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    return int(sitk.GetArrayViewFromImage(image)[::97].sum(dtype=np.int64))


def main() -> int:
    """Print medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_series(folder, options.slices)
        start = time.perf_counter()
        first = ours(folder)
        print(f"first load with the start of the child: {time.perf_counter() - start:.3f} s")
        assert first == simple_itk(folder), "the two readers disagree"
        times: dict[str, list[float]] = {"gilbreth": [], "SimpleITK": []}
        for _ in range(options.rounds):
            for label, call in (("gilbreth", ours), ("SimpleITK", simple_itk)):
                start = time.perf_counter()
                call(folder)
                times[label].append(time.perf_counter() - start)
    medians = {label: statistics.median(values) for label, values in times.items()}
    for label, value in medians.items():
        print(f"{label}: median {value:.3f} s, minimum {min(times[label]):.3f} s of {options.rounds}")
    ratio = medians["gilbreth"] / medians["SimpleITK"]
    print(f"ratio {ratio:.2f} (goal: at most 1.5)")
    return int(ratio > 1.5)


if __name__ == "__main__":
    sys.exit(main())
