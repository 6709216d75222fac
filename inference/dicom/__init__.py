"""Results as DICOM: new series in the same study and frame of reference as the scan they came from."""

from inference.dicom.write import write_dicom

__all__ = ["write_dicom"]
