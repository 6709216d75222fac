"""DICOM files to a stored array in HU on an orthogonal grid, or a named refusal."""

import hashlib
import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.errors import RejectedScan
from inference.scans import dicom_pixels, stack, tilt
from inference.scans.codes import rejected
from inference.scans.dicom_decoders import LOSSY, Decoder, check_decoder
from inference.scans.dicom_enhanced import expand
from inference.scans.dicom_header import NATIVE, Header, read_header
from inference.scans.dicom_series import CT, ENHANCED, Group, LeftOut, choose, no_candidate, sort_out
from inference.scans.dicom_slice import WANTED, Slice, check_pixels, read_slice, technical
from inference.scans.limits import Limits
from inference.scans.lps import check_spacing, grid
from inference.scans.parsed import Allocate, Parsed, Progress
from inference.scans.values import FEW_SLICES
from inference.scans.words import shown


def read_dicom(files: Sequence[str], names: Sequence[str], *, limits: Limits, allocate: Allocate, progress: Progress) -> Parsed:
    """The CT series in a list of files.

    Parameters
    ----------
    files, names : sequence of str
        Paths to open, and names to show for them.
    limits, allocate, progress
        Bounds, where the array comes from, and who hears of `(done, total)`.
    """
    slices, header, left_out, faults, sizes = _headers(files, limits, progress)
    groups, others = sort_out(slices)
    left_out += others
    if faults:
        raise faults[0]
    if not groups:
        raise no_candidate(left_out)
    chosen, warnings = choose(groups)
    left_out += [LeftOut(one.file, "other_series") for group in groups if group is not chosen for one in group.slices]
    parsed = _assemble(chosen, files, sizes, warnings, limits=limits, allocate=allocate, progress=progress)
    parsed.header |= technical(header[chosen.first.file])
    parsed.series = [_about(group, group is chosen) for group in groups]
    parsed.left_out = [{"name": shown(names[item.file]), "reason": item.reason} for item in {i.file: i for i in left_out}.values()]
    return parsed


def _headers(
    files: Sequence[str], limits: Limits, progress: Progress
) -> tuple[list[Slice], dict[int, Header], list[LeftOut], list[RejectedScan], dict[int, int]]:
    """Slices of all files; what is not DICOM is left out. A file that cannot be read is a fault, unless it is known to be no CT."""
    slices: list[Slice] = []
    headers: dict[int, Header] = {}
    left_out: list[LeftOut] = []
    faults: list[RejectedScan] = []
    sizes: dict[int, int] = {}
    for number, path in enumerate(files):
        if number % 10 == 0:
            progress(number, 2 * len(files))
        descriptor = -1
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            sizes[number] = os.fstat(descriptor).st_size
            header = read_header(descriptor, sizes[number], WANTED)
            if header is None and sizes[number] < 132 and path.lower().endswith((".dcm", ".ima")):
                raise rejected("truncated", "a DICOM file ends before its header does")
            if header is None:
                left_out.append(LeftOut(number, "not_an_image"))
                continue
            headers[number] = header
            header.inflated = b"" if header.inflated is not None else None
            one = read_slice(header, number)
            if header.fault and (one.sop_class not in ("", CT, *ENHANCED) or one.modality not in ("", "CT")):
                left_out.append(LeftOut(number, header.fault.code))
                continue
            if header.fault:
                raise header.fault
            slices += expand(path, one) if one.sop_class in ENHANCED and one.pixel_tag else [one]
        except RejectedScan as refusal:
            faults.append(refusal)
        except OSError:
            faults.append(rejected("unreadable", "a file of the scan cannot be opened"))
        finally:
            if descriptor >= 0:
                os.close(descriptor)
    return slices, headers, left_out, faults, sizes


def _assemble(
    group: Group,
    files: Sequence[str],
    sizes: dict[int, int],
    warnings: list[str],
    *,
    limits: Limits,
    allocate: Allocate,
    progress: Progress,
) -> Parsed:
    slices, first = group.slices, group.first
    _check(group, sizes, limits)
    decoder = Decoder()
    arranged = _arrange(slices, files, decoder, warnings, progress)
    warnings += _notes(group, arranged, len(arranged.order))
    count, spacing = len(arranged.order), first.spacing or (0.0, 0.0)
    check_spacing((arranged.step_mm, spacing[0], spacing[1]), (count, first.rows, first.columns))
    sheared = arranged.shear_mm != (0.0, 0.0)
    rows, columns = tilt.widened(first.rows, first.columns, count, arranged, spacing) if sheared else (first.rows, first.columns)
    array = allocate((count, rows, columns), "int16")
    scratch = np.empty((first.rows, first.columns), np.int16)
    for index, which in enumerate(arranged.order):
        target = scratch if sheared else array[index]
        _read_hu(files[slices[which].file], slices[which], target, decoder)
        if sheared:
            tilt.place(scratch, array[index], index, count, arranged, spacing)
        if index % 8 == 0 or slices[which].syntax not in NATIVE:
            progress(count + index, 2 * count)
    if int(array.min()) == int(array.max()):
        raise rejected("blank_image", "every pixel of the series has the same value")
    header: dict[str, Any] = {"modality": "CT", "image_type": list(first.image_type), "contrast_named": group.contrast}
    if sheared:
        header["tilt_corrected_degrees"] = round(arranged.tilt_degrees, 3)
        warnings.append(f"tilt_corrected: the slices were sheared by {arranged.tilt_degrees:.1f} degrees and were set upright")
    geometry = _grid(arranged, (count, rows, columns), spacing, sheared)
    ordered = [slices[which] for which in arranged.order]
    uids = {"study": first.study_uid, "series": first.series_uid, "frame_of_reference": first.frame_uid, "sop_class": first.sop_class}
    return Parsed(
        array, geometry, "dicom", header, uids, [files[s.file] for s in ordered], [s.instance_uid for s in ordered], warnings
    )  # fmt: skip


def _check(group: Group, sizes: dict[int, int], limits: Limits) -> None:
    """Everything that can be refused from headers, before anything is allocated or decoded."""
    for one in group.slices:
        if one.rows * one.columns * len(group.slices) > limits.voxels:
            raise rejected("too_large", f"the headers claim {len(group.slices)} slices of {one.columns} x {one.rows} pixels")
        check_pixels(one)
        if one.sop_class not in ENHANCED and one.frames > 1:
            raise rejected("four_dimensional", f"a plain CT image claims {one.frames} frames")
        if one.position is None or one.orientation is None or one.spacing is None:
            raise rejected("no_geometry", "position, orientation or pixel spacing of a slice is missing or not a number")
        dicom_pixels.check_scale(one)
        if one.syntax not in NATIVE:
            check_decoder(one)
        dicom_pixels.check_length(one, sizes[one.file])


def _arrange(slices: list[Slice], files: Sequence[str], decoder: Decoder, warnings: list[str], progress: Progress) -> stack.Stack:
    positions = np.array([one.position for one in slices], float)
    orientation = slices[0].orientation or ()
    if np.abs(positions).max() > 1e5:
        raise rejected("bad_orientation", "a slice lies more than 100 m from the scanner")
    row, column, normal = stack.axes(orientation)
    if len(slices) == 1:
        thickness = next((t for t in (slices[0].thickness, slices[0].between) if t and t > 0), 1.0)
        return stack.Stack((0,), normal, row, column, thickness, positions[0])
    order = np.argsort(positions @ normal, kind="stable")
    groups = stack.doubles((positions @ normal)[order])
    keep, dropped = [int(order[members[0]]) for members in groups], []
    if len(groups) < len(slices):
        for number, members in enumerate(groups):
            progress(number, 2 * len(groups))
            same = [int(order[m]) for m in members]
            if len(same) > 1 and len({_digest(files[slices[i].file], slices[i], decoder) for i in same}) > 1:
                repeats = {len(g) for g in groups}
                if repeats == {len(same)} and len(groups) > 1:
                    raise rejected("four_dimensional", f"every position holds {len(same)} different slices")
                raise rejected("duplicate_slices", f"{len(same)} different slices lie at one position")
            dropped += same[1:]
        warnings.append(f"duplicate_slices: {len(dropped)} identical doubles were dropped")
    if len(keep) == 1:
        thickness = next((t for t in (slices[0].thickness, slices[0].between) if t and t > 0), 1.0)
        return stack.Stack((keep[0],), normal, row, column, thickness, positions[keep[0]], dropped=tuple(dropped))
    return stack.arrange(positions, orientation, keep, tuple(dropped))


def _digest(path: str, one: Slice, decoder: Decoder) -> str:
    stored = dicom_pixels.read_native(path, one) if one.syntax in NATIVE else decoder.frame(path, one)
    scale = f"{stored.dtype}{one.slope}{one.intercept}".encode()
    return hashlib.blake2b(np.ascontiguousarray(stored).tobytes() + scale, digest_size=16).hexdigest()


def _read_hu(path: str, one: Slice, target: npt.NDArray[np.int16], decoder: Decoder) -> None:
    if dicom_pixels.into(path, one, target):
        stored: npt.NDArray[Any] = target if one.signed else target.view(np.uint16)
    elif one.syntax in NATIVE:
        stored = dicom_pixels.read_native(path, one)
    else:
        stored = decoder.frame(path, one)
    dicom_pixels.to_hu(stored, one, target)


def _grid(arranged: stack.Stack, shape: tuple[int, int, int], spacing: tuple[float, ...], sheared: bool) -> Any:
    origin = np.array(arranged.origin_mm, float)
    if sheared:
        along, down = tilt.corner_shift_mm(shape[0], arranged)
        origin = origin + along * arranged.row + down * arranged.column
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = arranged.row * spacing[1], arranged.column * spacing[0]
    affine[:3, 2], affine[:3, 3] = arranged.normal * arranged.step_mm, origin
    return grid(shape, affine)


def _notes(group: Group, arranged: stack.Stack, count: int) -> list[str]:
    """Warnings and late refusals that compare the step with what the header promised."""
    first, notes = group.first, []
    travel = float(np.hypot(arranged.step_mm, np.hypot(*arranged.shear_mm)))
    if count > 1:
        ratio = travel / first.between if first.between and first.between > 0 else 1.0
        numbers = [group.slices[i].instance for i in arranged.order]
        jumps = {abs(b - a) for a, b in pairwise(numbers) if a is not None and b is not None}
        thick = first.thickness if first.thickness and first.thickness > 0 else travel
        skipped = len(jumps) == 1 and min(jumps) > 1
        if skipped or (ratio > 1.5 and abs(ratio - round(ratio)) < 0.05):
            raise rejected(
                "missing_slices", f"slices were taken out evenly: the rest is numbered or spaced ({travel:.3g} mm) in even jumps"
            )
        if travel > 1.5 * thick:
            notes.append(f"slice_gaps: slices of {thick:.3g} mm lie {travel:.3g} mm apart")
    if count < FEW_SLICES:
        notes.append(f"too_few_slices: {count} slice{'s' if count > 1 else ''}; a reconstruction needs at least {FEW_SLICES}")
    if any(one.lossy or one.syntax in LOSSY for one in group.slices):
        notes.append("lossy_compression: the pixels were compressed with loss")
    if "DERIVED" in first.image_type[:1]:
        notes.append("derived: the slices are reformatted, not original")
    return notes


def _about(group: Group, chosen: bool) -> dict[str, Any]:
    first = group.first
    return {
        "uid": first.series_uid, "number": first.series_number, "slices": len(group.slices), "rows": first.rows,
        "columns": first.columns, "contrast": group.contrast, "coverage_mm": round(group.coverage_mm(), 1), "chosen": chosen,
    }  # fmt: skip
