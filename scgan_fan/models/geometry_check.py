"""Before an unpaired training: do the faces of both sets lie alike in their crops?"""
from pathlib import Path

from basicsr.utils import get_root_logger

from scgan_fan.data.geometry import Geometry, evenly, mean_face
from scgan_fan.data.unpaired_face_dataset import UnpairedFaceDataset
from scgan_fan.images import to_image, write_image

FACES = 600, 50  # most and least of each set that are looked at: one or two seconds


def check_geometry(opt: dict) -> None:
    """Log how the LR faces lie in their crops, compared with the HR ones; where they lie otherwise, warn and leave a
    picture in the experiment's folder. Looks at the faces as the dataset gives them, changes and all."""
    options = opt.get('datasets', {}).get('train', {})
    if opt['rank'] != 0 or options.get('type') != 'UnpairedFaceDataset':
        return
    # mirrored, a shift aside would not show
    unmirrored = {key: {**options[key], 'flip': False} for key in ('augment', 'augment_lq') if options.get(key)}
    dataset = UnpairedFaceDataset({'scale': opt['scale'], **options, **unmirrored, 'heatmaps': None})
    most, least = FACES
    if min(len(dataset.gt), len(dataset.lq)) < least:
        return
    items = (dataset[position] for position in evenly(len(dataset), most))
    pairs = [(to_image(item['gt']), to_image(item['lq'])) for item in items]
    geometry = Geometry(*map(mean_face, zip(*pairs)))
    logger, picture = get_root_logger(), Path(opt['path']['experiments_root']) / 'geometry.png'
    logger.info('Geometry: ' + '; '.join(finding.text for finding in geometry.findings()))
    for finding in geometry.advised():
        logger.warning(f'{finding.text}: {finding.advice}. See {picture}')
    if geometry.advised():
        write_image(picture, geometry.picture())
