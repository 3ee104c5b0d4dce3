"""The papers' synthetic low-resolution images of sharp ones, for tests with ground truth."""
import hashlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from tqdm import tqdm

from scgan_fan.data.image_source import check_outside, open_source
from scgan_fan.errors import InputError, check_choice
from scgan_fan.images import write_image

SCALE = 4
FULL_SIZE = 512  # pixels: the face that SCGAN's blur is taken to be meant for (papers.md section 2.9)
SCGAN = {'downsampling': 'random', 'noise': [1, 25], 'jpeg': [30, 95]}
# name -> side of the sharp image in pixels -> options of ``data.degradations.Degradation``
PRESETS: dict[str, Callable[[int], dict]] = {
    'scgan': lambda side: {**SCGAN, 'blur_sigma': [0.5 * side / FULL_SIZE, 8 * side / FULL_SIZE]},
    'scgan_literal': lambda side: {**SCGAN, 'blur_sigma': [0.5, 8]},
    # as in options/ablation/superfan_real_world.yml; Super-FAN gives no range for JPEG and colours
    'superfan': lambda side: {'blur_kernel': [3, 7], 'downsampling': 'bilinear', 'jpeg': [30, 95], 'colour': 0.2,
                              'brightness': 0.2, 'contrast': 0.2},
}


def degrade(sharp: str | Path, output: str | Path, preset: str = 'scgan', size: int = 16, seed: int = 0,
            room: float = 1) -> int:
    """Write a low-resolution PNG for each image of a folder or LMDB, under the same name.

    Each image's randomness comes from the seed and its name alone.

    Args:
        sharp: square images of ``4 * size`` pixels or more, which are reduced to that first.
        output: the folder to write.
        preset: one of ``PRESETS``.
        size: of the results, pixels.
        seed: 0 or more; another seed, other draws.
        room: side of the sharp images / side of the crop in their middle, which is taken.

    Returns:
        How many images were written.

    Raises:
        InputError: an unknown preset, an image that is too small or damaged, or a folder that cannot be written.
    """
    from scgan_fan.data.augment import read_crop
    from scgan_fan.data.degradations import Degradation  # these import torch, which --help need not
    check_choice('preset', preset, PRESETS)
    source, side = open_source(sharp), SCALE * size
    check_outside(output, sharp)
    make_bad = Degradation(**PRESETS[preset](side))
    try:
        Path(output).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f'{output}: cannot be written ({error.strerror}); choose another folder') from error
    for index, key in enumerate(tqdm(source.keys, unit='image')):
        rng = np.random.default_rng([seed, *hashlib.sha256(key.encode()).digest()[:16]])
        image = make_bad(read_crop(source, index, side, room), size, rng)
        write_image(Path(output) / f'{unquote(key, errors="surrogateescape")}.png', image)
    return len(source)
