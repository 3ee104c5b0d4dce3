"""Whether networks, losses and faces of an option file are of the kinds and sizes that a method needs.

Of what others have registered with BasicSR nothing is known: it is let through.
"""
from collections.abc import Iterable

from torch import nn

from scgan_fan.archs import DEGRADERS, DISCRIMINATORS, FAN
from scgan_fan.data.face_dataset import DatasetBlock, FaceDataset, PairBlock
from scgan_fan.data.landmark_face_dataset import LandmarkBlock
from scgan_fan.data.low_resolution_face_dataset import LowResolutionBlock
from scgan_fan.errors import InputError
from scgan_fan.metrics.validation import Metric

IMAGES, JUDGEMENTS, HEATMAPS, GRADIENTS = 'two images', 'judgements', 'heatmaps of two images', 'gradients'
COMPARES = {  # loss -> what it is called with
    **dict.fromkeys(('L1Loss', 'MSELoss', 'CharbonnierLoss', 'FeatureLoss', 'IdentityLoss'), IMAGES),
    'GANLoss': JUDGEMENTS, 'HeatmapLoss': HEATMAPS, 'GradientPenalty': GRADIENTS, 'ZeroCenteredPenalty': GRADIENTS,
    'PerceptualLoss': 'style, too, by a second number', 'WeightedTVLoss': 'an image with itself',
    'MultiScaleGANLoss': 'lists of judgements'}
LEAST_SIDE = {'calculate_ssim': 11, 'calculate_niqe': 96, 'calculate_niqe_enlarged': 96}  # a window, a block


def is_ours(kind: type) -> bool:
    """Whether a class is of this package."""
    return kind.__module__.startswith('scgan_fan.')


def check_network(model, name: str, network: type) -> None:
    """Raise InputError where a network is not of the kind that a FaceModel, the class, has under this name."""
    kinds = (model.main_kind if name == 'g' else (FAN,) if name == 'fan' else
             DEGRADERS if name.startswith('degrade') else DISCRIMINATORS)
    if is_ours(network) and network not in kinds:
        raise InputError(f'network_{name}: type: {network.__name__} is of another kind; take {_any_of(kinds)}')


def check_dataset(model, phase: str, dataset: type) -> None:
    """Raise InputError where the items of a set are not what a FaceModel, the class, is trained or tested on."""
    kinds = model.trained_on if phase == 'train' else model.tested_on
    if issubclass(dataset, FaceDataset) and not issubclass(dataset, kinds):
        raise InputError(f'type: {dataset.__name__} is of another kind; {model.__name__} takes {_any_of(kinds)} here')


def check_loss(term: str, loss: str, wanted: str) -> None:
    """Raise InputError where a loss, by its name, does not compare what a term's block gives it."""
    found = COMPARES.get(loss, wanted)
    if found != wanted:
        fitting = ' or '.join(name for name, compared in COMPARES.items() if compared == wanted)
        raise InputError(f'train: {term}: type: {loss} compares {found}, not {wanted}; take {fitting}')


def check_sizes(model, networks: dict[str, nn.Module], scale: int, sets: dict[str, DatasetBlock], tested: str) -> None:
    """Raise InputError where networks are built for faces of another size or scale.

    Args:
        model: a FaceModel, the class.
        networks: by name; they need no memory.
        scale: of the option file.
        sets: phase -> what describes the faces.
        tested: the network that alone sees those of others than ``train``.
    """
    for name, network in networks.items():
        if getattr(network, 'scale', scale) != scale:
            raise InputError(f'scale: is {scale}, but network_{name} is made for {network.scale}; give both the same')
    for phase, block in sets.items():
        for name, option in model.SIZE_SEEN.items():
            if name in networks and (phase == 'train' or name == tested):
                _check_size(name, networks[name], phase, option, block)


def _check_size(name: str, network: nn.Module, phase: str, option: str, block: DatasetBlock) -> None:
    size = getattr(block, option, None)
    if size is None:
        raise InputError(f'datasets: {phase}: has no {option}, which network_{name} sees; take another type')
    if getattr(network, 'size', size) != size:
        raise InputError(f'network_{name}: size: is {network.size}, but the faces of datasets: {phase} that it sees '
                         f'have {size} pixels; give both the same')
    if size % getattr(network, 'side_multiple', 1):
        raise InputError(f'datasets: {phase}: {option}: {size} is not a multiple of {network.side_multiple}, which '
                         f'network_{name} needs')


def check_metrics(metrics: dict[str, dict], sets: Iterable[DatasetBlock]) -> None:
    """Raise InputError where one looks at more pixels at once than the faces of a set have; ``metrics``: the blocks of
    ``val:``."""
    side = min((block.gt_size if isinstance(block, PairBlock) else block.size * (block.scale or 1)
                for block in sets if isinstance(block, (PairBlock, LowResolutionBlock))), default=None)
    for name, options in metrics.items() if side else ():
        left = (side - 2 * options.get('crop_border', 0)) * options.get('enlarge', 1)
        least = LEAST_SIDE.get(options['type'], 1)
        if left < least:
            raise InputError(f'val: metrics: {name}: {options["type"]} needs {least} pixels; with these options '
                             f'{max(left, 0)} are left of faces of {side}')


def check_measured(best: dict, metric: dict, sets: dict[str, DatasetBlock]) -> None:
    """Raise InputError where ``keep_best`` names a metric, of this block, for which its set lacks the truth."""
    for block in sets.values():
        truth = {'img2'} if isinstance(block, PairBlock) else set()
        given = {'landmarks', 'landmarks2'} if isinstance(block, LandmarkBlock) else {'img', *truth}
        if block.name == best['dataset'] and not Metric(best['metric'], metric).applies_to(dict.fromkeys(given)):
            raise InputError(f'logger: keep_best: metric: {best["metric"]} is not measured of {block.name}, whose '
                             'truth is not known; take another metric or set')


def _any_of(kinds: tuple[type, ...]) -> str:
    return ' or '.join(kind.__name__ for kind in kinds)
