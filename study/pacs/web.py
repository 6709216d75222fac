"""The DICOMweb side: what is there, fetched to disk, stored back; a PACS that is away is tried again with growing pauses."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from study.errors import MissingPart, StudyError

Answer = TypeVar("Answer")
PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0)


class PacsAway(StudyError, ConnectionError):
    """The PACS did not answer however often it was asked."""

    exit_status = 1


@dataclass(frozen=True)
class FoundSeries:
    """A series as QIDO-RS lists it."""

    study_uid: str
    series_uid: str
    description: str
    manufacturer: str
    instances: int


class Pacs:
    """A DICOMweb service.

    Parameters
    ----------
    url : str
        Root of the service, `http://host:8042/dicom-web`.
    told : callable
        Called with a line whenever a request is tried again.
    pauses_seconds : sequence of float
        Pauses between attempts. [s]
    """

    def __init__(self, url: str, *, told: Callable[[str], None], pauses_seconds: tuple[float, ...] = PAUSES_SECONDS) -> None:
        try:
            from dicomweb_client.api import DICOMwebClient
        except ModuleNotFoundError as error:
            raise MissingPart("DICOMweb is not installed; pip install 'gilbreth[dicom]'") from error
        self.url, self._told, self._pauses = url.rstrip("/"), told, pauses_seconds
        self._client = DICOMwebClient(url=self.url)

    def series(self) -> list[FoundSeries]:
        """Every CT series of every study."""
        fields = ["00081030", "0008103E", "00080070", "00201209"]
        found = self._again(lambda: self._client.search_for_series(search_filters={"Modality": "CT"}, fields=fields))
        return [_found(item) for item in found]

    def instance_uids(self, study_uid: str, series_uid: str) -> set[str]:
        """SOP instance UIDs of a series."""
        found = self._again(lambda: self._client.search_for_instances(study_uid, series_uid))
        return {str(item["00080018"]["Value"][0]) for item in found}

    def fetch(self, found: FoundSeries, folder: Path) -> None:
        """Every instance of a series as a file."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, dataset in enumerate(self._again(lambda: list(self._client.retrieve_series(found.study_uid, found.series_uid)))):
            dataset.save_as(folder / f"{number:05d}.dcm", enforce_file_format=True)

    def store(self, paths: Iterable[Path], *, at_once: int = 40) -> None:
        """Store files by STOW-RS, some at a time. Storing the same instance again changes nothing, for its UID is the same."""
        import pydicom

        files = list(paths)
        for start in range(0, len(files), at_once):
            batch = [pydicom.dcmread(path) for path in files[start : start + at_once]]
            self._again(partial(self._client.store_instances, batch))

    def _again(self, act: Callable[[], Answer]) -> Answer:
        import requests

        for pause in (*self._pauses, None):
            try:
                return act()
            except (requests.ConnectionError, requests.Timeout, requests.HTTPError) as error:
                status = getattr(getattr(error, "response", None), "status_code", None)
                if status is not None and status < 500:
                    raise StudyError(f"{self.url} refused the request (HTTP {status}); check address and rights") from error
                if pause is None:
                    raise PacsAway(f"{self.url} does not answer ({type(error).__name__}); is it running and reachable?") from error
                self._told(f"{self.url} does not answer; trying again in {pause:g} s")
                time.sleep(pause)
        raise AssertionError("unreachable")


def _found(item: dict[str, Any]) -> FoundSeries:
    def value(tag: str) -> str:
        content = item.get(tag, {}).get("Value") or [""]
        return str(content[0])

    return FoundSeries(value("0020000D"), value("0020000E"), value("0008103E"), value("00080070"), int(value("00201209") or 0))
