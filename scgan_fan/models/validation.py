"""Validation: every sample of a set, each process its share; figures of the whole set, images, a picture."""
import math
from pathlib import Path

from basicsr.utils import get_root_logger
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from scgan_fan.errors import InputError
from scgan_fan.images import write_image
from scgan_fan.metrics.validation import ValidationMetrics
from scgan_fan.parallel import gather_interleaved, share_of
from scgan_fan.pictures import comparison

PICTURE_ROWS = 8


def check_test(opt: dict, network: str) -> None:
    """Raise InputError where what ``basicsr/test.py`` has been given would test nothing that was trained."""
    key = f'path: pretrain_network_{network}'
    if 'train' in opt['datasets']:
        raise InputError('datasets: train: this is the option file of a training, which does not say what to test; see '
                         'options/test_scgan_fan.yml, or leave the block out and name the weights in ' + key)
    if opt['path'].get(f'pretrain_network_{network}') is None:
        raise InputError(f'{key}: names no weights to test; give a file such as experiments/NAME/models/'
                         f'net_{network}_latest.pth')


def validate(model, dataset, current_iter: int | str, tb_logger, save_img: bool) -> dict[str, float]:
    """Test a FaceModel on a dataset; all processes call it. The first writes the picture and gets the figures."""
    opt, rank = model.opt, model.opt['rank']
    name = dataset.opt['name']
    metrics = ValidationMetrics(opt['val'].get('metrics') or {})
    rows: list[dict] = []
    share = DataLoader(Subset(dataset, share_of(len(dataset))))
    for data in tqdm(share, desc=f'validating {name}', leave=False,
                     disable=rank != 0 or not opt['val'].get('pbar', True)):
        model.feed_data(data)
        model.test()
        images = model.current_images()
        metrics.add(model.metric_inputs())
        if len(rows) < PICTURE_ROWS:
            rows.append(images)
        if save_img:
            write_image(_image_path(opt, name, data['lq_path'][0], current_iter), images['ours'])
    metrics.rows = {metric: gather_interleaved(values) for metric, values in metrics.rows.items()}
    rows = gather_interleaved(rows)[:PICTURE_ROWS]
    metrics.prepare()
    if rank != 0:
        return {}
    picture = comparison(rows)
    write_image(Path(opt['path']['visualization']) / f'{name}_{current_iter}.png', picture)
    if tb_logger:
        tb_logger.add_image(f'validation/{name}', picture, current_iter, dataformats='HWC')
    return metrics.results()


def _image_path(opt: dict, dataset: str, key: str, current_iter: int | str) -> Path:
    """BasicSR's places: a folder for each image in training, for each dataset in testing."""
    stem = str(Path(key).with_suffix('')).strip('/').replace('/', '_')
    folder = Path(opt['path']['visualization'])
    if opt['is_train']:
        return folder / stem / f'{stem}_{current_iter}.png'
    return folder / dataset / f'{stem}_{opt["val"].get("suffix") or opt["name"]}.png'


def report(model, results: dict[str, float], dataset: str, current_iter: int | str, tb_logger) -> None:
    """Log the figures of a set beside the best so far."""
    lines = [f'Validation {dataset}']
    bests = model.best_metric_results.setdefault(dataset, {})
    for metric, value in results.items():
        better = model.opt['val']['metrics'][metric].get('better', 'higher')
        best = bests.get(metric)
        if best is None or best['better'] != better:  # not as before the run was stopped
            best = bests[metric] = {'better': better, 'val': math.inf if better == 'lower' else -math.inf, 'iter': -1}
        if value <= best['val'] if better == 'lower' else value >= best['val']:
            best.update(val=value, iter=current_iter)
        lines.append(f'\t # {metric}: {value:.4f}\tBest: {best["val"]:.4f} @ {best["iter"]} iter')
        if tb_logger:
            tb_logger.add_scalar(f'metrics/{dataset}/{metric}', value, current_iter)
    get_root_logger().info('\n'.join(lines))
