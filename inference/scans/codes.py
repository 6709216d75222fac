"""Why a scan is refused: stable codes, each with what to do about it. `docs/rejections.md` lists the same codes."""

from inference.errors import RejectedScan

REMEDIES: dict[str, str] = {
    # nothing to read
    "not_found": "give the path of a scan: a file, a folder or a zip",
    "unreadable": "check the permissions of the files",
    "empty_folder": "export the series into the folder again",
    "not_an_image": "give DICOM, NIfTI, NRRD or MetaImage, or a zip of DICOM files",
    "several_images": "give the path of one image instead of the folder",
    "damaged": "export the series again; the file is not valid in its own format",
    "truncated": "export or copy the series again; the file ends before its pixels do",
    "too_nested": "do not use this file; it is built to crash readers",
    "too_large": "crop the scan, or raise the limits on a machine with more memory",
    "too_many_files": "give the folder of one series",
    "too_slow": "export the scan again; the reader made no progress on it and was stopped",
    "crashed_reader": "do not use this file; the reader broke on it and was stopped",
    # archives
    "broken_archive": "make the zip again",
    "archive_traversal": "do not use this zip; it tries to write outside its own folder",
    "archive_link": "make the zip again without links",
    "archive_bomb": "do not use this zip; it unpacks to far more than a scan",
    "archive_nested": "unpack the inner archive and give that",
    "archive_encrypted": "unpack the zip with its password and give the folder",
    # not a CT scan
    "not_ct": "export the CT angiography series",
    "colour_image": "export the original grey CT slices, not a rendering or a colour map",
    "secondary_capture": "export the original CT slices, not screen captures",
    "projection": "export the original CT slices, not MIP, average or rendered images",
    "localizer_only": "export the axial series as well; only localizers were found",
    "burned_in_text": "export the original CT slices; these images say that text is burned into the pixels",
    "several_patients": "give the folder of one patient",
    "no_pixels": "export the images as well; only reports or presentation states were found",
    "not_scalar": "give one number per voxel",
    "four_dimensional": "export one phase as its own series",
    # geometry
    "no_geometry": "export the original slices with position, orientation and pixel spacing",
    "bad_orientation": "export the series again; orientation or position cannot be right",
    "absurd_spacing": "correct the voxel spacing in the header, or export again",
    "missing_slices": "export the whole series again",
    "uneven_spacing": "reconstruct the series with one slice distance",
    "duplicate_slices": "export one phase or reconstruction as its own series",
    "tilt_not_uniform": "reconstruct the series with one gantry tilt",
    "tilt_too_large": "reconstruct the series without gantry tilt",
    "sheared_grid": "resample the image onto an orthogonal grid",
    "too_few_slices": "export the whole series",
    # values
    "unsupported_syntax": "store the series uncompressed or in a common lossless syntax",
    "missing_decoder": "install the decoder named",
    "unsupported_pixels": "store the series with 8, 16 or 32 bits per pixel",
    "no_hu_scale": "export the original CT slices with rescale slope and intercept to HU",
    "bad_rescale": "export the series again; slope or intercept cannot be right",
    "not_finite": "replace NaN and infinity by air (-1024) and save again",
    "not_hu": "give a CT scan in HU",
    "blank_image": "export the series again; every pixel has the same value",
    "outside_folder": "keep the data file in the same folder as its header",
}


def rejected(code: str, found: str, remedy: str | None = None) -> RejectedScan:
    """The rejection of that code, with its usual remedy unless another is given.

    Examples
    --------
    >>> print(rejected("missing_slices", "2 of 120 slices are missing"))
    rejected [missing_slices]: 2 of 120 slices are missing; export the whole series again
    """
    return RejectedScan(code, found, remedy or REMEDIES[code])
