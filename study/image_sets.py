"""Image sets: what one task made of one case, in one look for both arms, under a neutral id.

Every frame becomes a PNG of the protocol's size without metadata and without its border, named by view and number only. A set
whose views or numbers of frames differ from the protocol, or that seems to carry text inside the border, is flagged and kept from
readers until somebody settles it, for such a difference would betray the arm.
"""

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from db.audit import Actor
from db.base import new_id
from db.tables import ImageSet, Study, Task
from study.clock import Instant
from study.errors import RejectedInput
from study.permissions import require
from study.protocol import Protocol
from study.studies import protocol_of

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_FRAME_BYTES = 20 << 20
MOST_FRAMES = 400
COLOURED = ("vr",)  # views stored in colour; all others are grey, whichever arm made them
CURVED = ("carotid_r", "carotid_l", "vertebral_basilar_r", "vertebral_basilar_l")
BORDER = 0.07  # share of the width that is blackened on every side, in both arms: side marks and burned-in text stand there
RING = 0.14  # up to here text would still be text and not anatomy
TEXT_SHARE = 0.0003
STROKE = 0.022  # of the width: what is wider in both directions is no letter's stroke
NUMBER = re.compile(r"(\d+)(?=\D*$)")


@dataclass(frozen=True)
class Drawn:
    """Pictures in the common look, ready to be stored: PNG by view, and what seems wrong with them. Making them takes seconds.

    Parameters
    ----------
    views : dict
        PNG files by view, in order.
    texts : tuple of str
        Views that seem to carry text near their border, in words.
    """

    views: dict[str, list[bytes]]
    texts: tuple[str, ...]


def draw(frames: Mapping[str, Sequence[bytes]], *, size: int) -> Drawn:
    """Bring pictures into the common look. Needs no database, so it can run in another process.

    Raises
    ------
    RejectedInput
        For no frames, too many, or a file that is no picture.
    """
    total = sum(len(items) for items in frames.values())
    if not 0 < total <= MOST_FRAMES:
        raise RejectedInput("no_frames", f"{total} pictures", f"give 1 to {MOST_FRAMES} pictures")
    pictures = {view: [normalised(item, size=size, colour=view in COLOURED) for item in items] for view, items in frames.items() if items}
    return Drawn({view: [png(picture) for picture in items] for view, items in pictures.items()}, tuple(_texts(pictures)))


def store_image_set(
    db_session: Session,
    *,
    task_id: str,
    frames: Mapping[str, Sequence[bytes]] | Drawn,
    folder: Path,
    actor: Actor,
    now: Instant,
    run_id: str | None = None,
) -> ImageSet:
    """Normalise and store the pictures of a task; a set that the task already has is replaced while no reader has seen it.

    Parameters
    ----------
    task_id : str
        The task that made them.
    frames : mapping of str to sequence of bytes, or Drawn
        PNG, JPEG or DICOM secondary captures by view (`mip`, `vr`, ...), in order of angle; a server gives what `draw` made of
        them, for nobody else can write while this runs.
    folder : Path
        Folder of all image sets of the home.
    run_id : str, optional
        The inference run behind them, in the AI arm.

    Raises
    ------
    RejectedInput
        For no frames, too many, or a file that is no picture.
    """
    task = db_session.get_one(Task, task_id)
    study = db_session.get_one(Study, task.study_id)
    require(db_session, actor=actor, operation="images.store", study=study)
    protocol = protocol_of(db_session, study_id=study.id)
    drawn = frames if isinstance(frames, Drawn) else draw(frames, size=protocol.images.size)
    key, total = new_id(), sum(len(items) for items in drawn.views.values())
    problems = [*missing_views(drawn.views, protocol), *drawn.texts]
    digest = hashlib.sha256()
    for view, items in sorted(drawn.views.items()):
        for number, content in enumerate(items):
            path = folder / key / view / f"{number:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            digest.update(content)
    for old in db_session.exec(select(ImageSet).where(ImageSet.task_id == task_id)).all():
        old.problem = "replaced by a later set"
        db_session.add(old)
    values: dict[str, Any] = {
        "id": key, "study_id": study.id, "task_id": task_id, "run_id": run_id,
        "path": key, "sha256": digest.hexdigest(), "frames": total,
        "views": {view: len(items) for view, items in drawn.views.items()},
        "problem": "; ".join(problems)[:500] or None, "created_at": now.at,
        "calibration": task.training,  # practice cases are what readers practise on
    }  # fmt: skip
    made = ImageSet.model_validate(values)
    db_session.add(made)
    db_session.flush()
    return made


def set_of(db_session: Session, *, task_id: str) -> ImageSet | None:
    """The newest image set of a task."""
    return db_session.exec(select(ImageSet).where(ImageSet.task_id == task_id).order_by(col(ImageSet.created_at).desc()).limit(1)).first()


def settle_image_set(db_session: Session, *, image_set_id: str, actor: Actor, study: Study) -> None:
    """Let a flagged set through to the readers, after a look by somebody who may know the arm."""
    require(db_session, actor=actor, operation="images.settle", study=study)
    image_set = db_session.get_one(ImageSet, image_set_id)
    image_set.problem = None
    db_session.add(image_set)


def frames_of_reconstruction(folder: Path, *, views: Sequence[str] = ("mip", "vr")) -> dict[str, list[bytes]]:
    """The frames that `gilbreth reconstruct` wrote, by view, in the order in which both arms hand them in.

    Parameters
    ----------
    folder : Path
        Of the reconstruction.
    views : sequence of str
        Kinds of pictures that the protocol asks for. `mip` and `vr` turn about the head-foot axis; `cpr` shows the right and the
        left carotid, then the right and the left vertebral with the basilar, each stretched and turned about itself; a vessel
        that was not found is a black picture.
    """
    found = {}
    for view in views:
        if view == "cpr":
            frames = _curved(folder / view)
        else:
            paths = sorted((folder / view).glob("rotate_*.png"), key=lambda path: _number(path.stem))
            frames = [path.read_bytes() for path in paths]
        if frames:
            found[view] = frames
    return found


def _curved(folder: Path) -> list[bytes]:
    from PIL import Image

    turns = sorted({path.stem.rsplit("_", 1)[1] for path in folder.glob("*_stretched_*.png")})
    nothing = png(Image.new("L", (8, 8)))
    paths = [folder / f"{vessel}_stretched_{turn}.png" for vessel in CURVED for turn in turns]
    return [path.read_bytes() if path.exists() else nothing for path in paths]


def normalised(content: bytes, *, size: int, colour: bool | None = None) -> "Image":
    """A picture in the common look: fitted into a black square of `size` pixels, no metadata.

    Parameters
    ----------
    content : bytes
        PNG, JPEG or a DICOM secondary capture.
    size : int
        Edge of the square. [pixels]
    colour : bool, optional
        Store colour or grey whatever the picture holds, so that the kind of file depends on the view and never on the arm; by
        default grey where the picture has no colour.

    Examples
    --------
    >>> from PIL import Image
    >>> buffer = io.BytesIO()
    >>> Image.new("L", (30, 60), 200).save(buffer, "PNG")
    >>> picture = normalised(buffer.getvalue(), size=64)
    >>> picture.size, picture.mode, picture.getpixel((32, 32)), picture.getpixel((1, 32))
    ((64, 64), 'L', 200, 0)
    """
    from PIL import Image

    if len(content) > LARGEST_FRAME_BYTES:
        raise RejectedInput(
            "too_large", f"a picture of {len(content) >> 20} MB", f"give pictures of at most {LARGEST_FRAME_BYTES >> 20} MB"
        )
    picture = _opened(content)
    grey = not colour if colour is not None else picture.mode == "L" or not _has_colour(picture)
    picture = picture.convert("L" if grey else "RGB")
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    scale = min(size / picture.width, size / picture.height)
    if scale > 1:
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
    square = Image.new(picture.mode, (size, size))
    edge = round(size * BORDER)  # of the picture itself, which may be narrower than the square
    inner = picture.crop((edge, edge, max(edge + 1, picture.width - edge), max(edge + 1, picture.height - edge)))
    square.paste(inner, ((size - picture.width) // 2 + edge, (size - picture.height) // 2 + edge))
    return square


def png(picture: "Image") -> bytes:
    """PNG bytes without any metadata."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=False, compress_level=6)
    return buffer.getvalue()


def missing_views(pictures: Mapping[str, Sequence[Any]], protocol: Protocol) -> list[str]:
    """What differs from the views and numbers of frames that the protocol asks of both arms."""
    words = []
    wanted = {view.kind: view.angles for view in protocol.images.views}
    for kind, angles in wanted.items():
        have = len(pictures.get(kind, ()))
        if have != angles:
            words.append(f"{kind}: {have} frames where the protocol asks for {angles}")
    return [*words, *(f"{kind}: not asked for by the protocol" for kind in pictures if kind not in wanted)]


def _opened(content: bytes) -> "Image":
    from PIL import Image, UnidentifiedImageError

    if content[128:132] == b"DICM":
        return _from_dicom(content)
    try:
        picture = Image.open(io.BytesIO(content))
        picture.load()
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise RejectedInput(
            "not_a_picture", "a file that is no PNG, JPEG or DICOM picture", "export the pictures as PNG or DICOM"
        ) from error
    return picture.convert("RGB") if picture.mode not in ("L", "RGB") else picture


def _from_dicom(content: bytes) -> "Image":
    from PIL import Image

    try:
        import numpy as np
        import pydicom
        from pydicom.pixels.processing import apply_voi_lut
    except ModuleNotFoundError as error:
        raise RejectedInput("no_dicom", "DICOM pictures need pydicom", "pip install 'gilbreth[dicom]', or export PNG") from error
    try:
        dataset = pydicom.dcmread(io.BytesIO(content))
        array = dataset.pixel_array
    except Exception as error:
        raise RejectedInput("not_a_picture", "a DICOM file without a readable picture", "export secondary captures or PNG") from error
    if array.ndim == 3 and array.shape[-1] == 3:
        return Image.fromarray(array.astype(np.uint8))
    shown = apply_voi_lut(array, dataset).astype(float)
    low, high = float(shown.min()), float(shown.max())
    return Image.fromarray(np.uint8(255 * (shown - low) / max(high - low, 1e-6)))


def _has_colour(picture: "Image") -> bool:
    import numpy as np

    array = np.asarray(picture.convert("RGB"), int)
    return bool(np.abs(array.max(axis=-1) - array.min(axis=-1)).max() > 12)


def _texts(pictures: Mapping[str, Sequence["Image"]]) -> list[str]:
    return [f"{view}: the picture seems to carry text near its border" for view, items in pictures.items() if border_text(items)]


def border_text(items: Sequence["Image"]) -> bool:
    """Whether thin bright strokes stand near the border of every frame alike: pictures turn, burned-in text stays.

    A vessel near the axis of the turn also stays, as the aortic arch does at the lower border; it is thicker than a stroke.
    """
    import numpy as np
    from scipy import ndimage

    stack = np.stack([np.asarray(item.convert("L")) for item in items[:36]])
    inside = round(stack.shape[1] * RING)
    steady: Any = np.asarray((stack > 150).all(axis=0))
    parts, _ = ndimage.label(steady, np.ones((3, 3), bool))
    stroke = max(3, round(stack.shape[1] * STROKE))
    thick = np.unique(parts[ndimage.binary_opening(steady, np.ones((stroke, stroke), bool))])
    steady &= ~np.isin(parts, thick[thick > 0])
    steady[inside:-inside, inside:-inside] = False
    return len(items) > 1 and float(steady.mean()) > TEXT_SHARE


def _number(stem: str) -> int:
    found = NUMBER.search(stem)
    return int(found.group(1)) if found else 0
