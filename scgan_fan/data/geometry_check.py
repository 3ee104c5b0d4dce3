"""Before an unpaired training: do the faces of both sets lie alike in their crops?"""
from pathlib import Path

from basicsr.utils import get_root_logger
from torch.utils.data import Dataset

from scgan_fan.data.geometry import Geometry, evenly, mean_face
from scgan_fan.data.unpaired_face_dataset import UnpairedFaceDataset
from scgan_fan.images import to_image, write_image

FACES = 600, 50  # most and least of each set that are looked at: one or two seconds


def check_geometry(dataset: Dataset, path: Path) -> None:
    """Log how the LR faces of an UnpairedFaceDataset lie in their crops, compared with the HR ones; where they lie
    otherwise, warn and leave a picture. Looks at the faces as the dataset gives them, changes and all.

    Args:
        dataset: of another kind, or with too few faces: nothing is done.
        path: of the picture.
    """
    most, least = FACES
    if not isinstance(dataset, UnpairedFaceDataset) or min(len(dataset.gt), len(dataset.lq)) < least:
        return
    dataset = dataset.unmirrored()  # mirrored, a shift aside would not show
    items = (dataset[position] for position in evenly(len(dataset), most))
    pairs = [(to_image(item['gt']), to_image(item['lq'])) for item in items]
    geometry = Geometry(*map(mean_face, zip(*pairs)))
    logger = get_root_logger()
    logger.info('Geometry: ' + '; '.join(finding.text for finding in geometry.findings()))
    for finding in geometry.advised():
        logger.warning(f'{finding.text}: {finding.advice}. See {path}')
    if geometry.advised():
        write_image(path, geometry.picture())
