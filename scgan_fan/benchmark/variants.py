"""Ways to take the same training step, each as changes to the option file."""
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
import yaml

from scgan_fan.errors import InputError, check_choice
from scgan_fan.faces.fan_weights import PUBLISHED_URL

PLAIN = {'precision': 'float32', 'channels_last': False, 'compile': None, 'judge_jointly': False}
FUSED_OPTIMIZERS = ('Adam', 'AdamW', 'SGD')  # of torch.optim, those that have it


@dataclass(frozen=True)
class Variant:
    """What differs from plain: float32, contiguous, nothing compiled, fused, stored or judged jointly.

    Attributes:
        train: options of the block ``train``.
        fused: each step of an optimizer is one kernel.
        stored: the true faces' heatmaps are there and not drawn in each step.
        needs_gpu: cannot be had on a CPU.
    """

    train: dict = field(default_factory=dict)
    fused: bool = False
    stored: bool = False
    needs_gpu: bool = False

    @property
    def precision(self) -> str:
        """Of the arithmetic."""
        return self.train.get('precision', 'float32')

    def options(self, base: dict) -> dict:
        """``Task.opt`` with this variant's changes on top of plain."""
        opt = copy.deepcopy(base)
        train = opt['train']
        train.update({**PLAIN, **self.train})
        for block in ('optim_g', 'optim_d', 'optim_fan'):
            if (train.get(block) or {}).get('type') in FUSED_OPTIMIZERS:
                train[block]['fused'] = self.fused
        return opt


FAST32 = {'channels_last': True, 'judge_jointly': True}
FAST = {**FAST32, 'precision': 'bfloat16'}
NO_HEATMAPS = {'heatmap_opt': None, 'heatmap_real_opt': None}
VARIANTS = {
    'plain': Variant(),
    'channels_last': Variant({'channels_last': True}),
    'bfloat16': Variant({'precision': 'bfloat16'}),
    'compile': Variant({'compile': 'default'}),
    'CUDA graphs': Variant({'compile': 'reduce-overhead'}, needs_gpu=True),
    'fused': Variant(fused=True),
    'joint judging': Variant({'judge_jointly': True}),
    'stored heatmaps': Variant(stored=True),
    'no heatmap term': Variant(NO_HEATMAPS),
    'fast float32': Variant(FAST32, fused=True),
    'fast': Variant(FAST, fused=True),
    'fast, compiled': Variant({**FAST, 'compile': 'default'}, fused=True),
    'fast, stored heatmaps': Variant(FAST, fused=True, stored=True),
    'fast, CUDA graphs': Variant({**FAST, 'compile': 'reduce-overhead'}, fused=True, needs_gpu=True),
}


class _Loader(yaml.SafeLoader):
    """Reads the line that registers the plugin, and runs nothing."""


_Loader.add_multi_constructor('tag:yaml.org,2002:python/name:', lambda loader, suffix, node: suffix)


@dataclass(frozen=True)
class Task:
    """What is measured.

    Attributes:
        opt: the option file, ready for ``Variant.options``.
        planned: steps and pairs in a step, as the file has them.
        notes: what differs from the file, for people.
    """

    opt: dict
    planned: tuple[int, int]
    notes: list[str]

    @property
    def batch(self) -> int:
        """Pairs in a step that is measured."""
        return self.opt['datasets']['train']['batch_size_per_gpu']


def read_task(path: str, batch: int | None = None, width: float | None = None) -> Task:
    """An option file for training on unpaired faces, made ready for a measurement.

    Nothing is loaded, continued or downloaded: where published weights are not there, a network of the same shape with
    random ones takes as long.

    Args:
        batch: pairs in a step; None: the file's.
        width: of all networks but FANs, a share of the papers' channels; None: the file's.

    Raises:
        InputError: no such file, or not one of those.
    """
    try:
        opt = yaml.load(Path(path).read_text(encoding='utf-8'), _Loader)
        data, train = opt['datasets']['train'], opt['train']
        check_choice(f'{path}: datasets: train: type', data['type'], ('UnpairedFaceDataset',))
        planned = (train['total_iter'], data['batch_size_per_gpu'])
        opt.update(is_train=True, dist=False, rank=0, world_size=1, path={}, num_gpu=min(int(opt['num_gpu']), 1),
                   manual_seed=opt.get('manual_seed') or 0)
        data.update(phase='train', scale=opt['scale'], heatmaps=None, batch_size_per_gpu=batch or planned[1])
        for name, block in opt.items():
            if width is not None and name.startswith('network_') and block['type'] != 'FAN':
                block['width'] = width
        return Task(opt, planned, list(_prepare_heatmaps(train)))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f'{path}: not a readable option file ({str(error).splitlines()[0]})') from error
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f'{path}: not an option file for training ({error}); options has examples') from error


def _prepare_heatmaps(train: dict) -> Iterator[str]:
    """Let the heatmap terms be as they are later in the run; yields notes."""
    for name in ('heatmap_opt', 'heatmap_real_opt'):
        block = train.get(name)
        if block is None:
            continue
        block.update(start_iter=0, warmup_iter=0)
        published = Path(torch.hub.get_dir()) / 'checkpoints' / Path(PUBLISHED_URL).name
        if block.get('fan') == '2dfan4' and not published.is_file():
            block['fan'] = 'random'
            yield f'{name}: the published FAN is not there; one of the same shape with random weights takes as long'
