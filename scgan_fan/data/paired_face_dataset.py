"""HR faces with LR versions of themselves: for validation, and for training methods that need pairs."""
import numpy as np
import torch
import torch.nn.functional as F
from basicsr.utils.registry import DATASET_REGISTRY
from torch.utils.data import Dataset

from scgan_fan.data.dataset_options import DatasetOptions
from scgan_fan.data.image_source import open_source
from scgan_fan.data.sizes import read_exact, read_hr
from scgan_fan.errors import InputError
from scgan_fan.images import to_tensor


@DATASET_REGISTRY.register()
class PairedFaceDataset(Dataset):
    """Faces with ground truth, the LR side read from files or made by plain downsampling (papers.md section 2.9).

    Options:
        dataroot_gt: HR faces: a folder, an LMDB, or a list of them; square, ``gt_size`` or larger (then reduced).
        dataroot_lq: LR faces, likewise, with the same keys; exactly ``gt_size / scale``. Default: made from HR.
        scale: HR side / LR side.
        gt_size: HR height and width, pixels. Default 64.
        downsampling: how LR is made: ``bilinear``, ``bicubic`` (both antialiased) or ``area``; rounded to 8 bit.
            Default bilinear. Only without ``dataroot_lq``.
        num_images: take only the first so many. Default: all.

    Items: ``gt`` float32 (3, gt_size, gt_size) and ``lq`` float32 (3, gt_size / scale, gt_size / scale), RGB in
    [-1, 1]; ``gt_path`` and ``lq_path``, both the pair's key.

    Raises InputError: an option is wrong, names no images, or the keys do not match; reading an item, for a bad image
    or a wrong size.
    """

    def __init__(self, opt: dict):
        self.opt = opt
        options = DatasetOptions(opt, required=('dataroot_gt', 'scale'), defaults={
            'dataroot_lq': None, 'gt_size': 64, 'downsampling': None, 'num_images': None})
        self.gt_size = options.whole_number('gt_size')
        self.lq_size = options.lr_size()
        self.downsampling = options.choice('downsampling', (None, 'bilinear', 'bicubic', 'area')) or 'bilinear'
        self.gt = open_source(options['dataroot_gt'])
        self.keys = self.gt.keys[:options.whole_number_or_none('num_images')]
        self.lq = None
        if options['dataroot_lq'] is not None:
            if options['downsampling'] is not None:
                raise InputError('PairedFaceDataset: dataroot_lq and downsampling exclude each other; remove one')
            self.lq = open_source(options['dataroot_lq'])
            self._lq_indices = _match(self.gt, self.lq)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> dict:
        gt = read_hr(self.gt, index, self.gt_size)
        if self.lq is None:
            lq = downsample(gt, self.lq_size, self.downsampling)
        else:
            lq = read_exact(self.lq, self._lq_indices[index], self.lq_size)
        key = self.keys[index]
        return {'gt': to_tensor(gt), 'lq': to_tensor(lq), 'gt_path': key, 'lq_path': key}


def downsample(image: np.ndarray, size: int, mode: str) -> np.ndarray:
    """``uint8`` RGB (height, width, 3) -> (size, size, 3) by ``bilinear``, ``bicubic`` (antialiased) or ``area``."""
    # in 8-bit units, not in [-1, 1]: sums are exact there, so that ties round the same on every machine
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
    small = F.interpolate(pixels, (size, size), mode=mode, antialias=mode != 'area')
    return small[0].round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


def _match(gt, lq) -> list[int]:
    """For each HR image the number of its LR image."""
    indices = {key: index for index, key in enumerate(lq.keys)}
    without_lq = [key for key in gt.keys if key not in indices]
    without_gt = sorted(set(lq.keys) - set(gt.keys))
    if without_lq or without_gt:
        raise InputError(f'{gt.path} and {lq.path} do not match: {_count(without_lq)} only in the first, '
                         f'{_count(without_gt)} only in the second; give both sides of a pair the same name')
    return [indices[key] for key in gt.keys]


def _count(keys: list[str]) -> str:
    shown = ', '.join(keys[:3]) + (', ...' if len(keys) > 3 else '')
    return f'{len(keys)} ({shown})' if keys else '0'
