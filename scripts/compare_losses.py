"""Do steps of fewer operations learn as plain ones do? Trains each way from two seeds and compares the losses.

    python scripts/compare_losses.py

train_scgan_fan_cpu.yml at a sixteenth of the width, without heatmap term, on the same drawn faces. Printed is a loss's
mean over the last 50 of 200 steps, and how far a way's two seeds' mean lies from plain's, in distances of plain's two.
"""
import copy
from pathlib import Path

import numpy as np
import torch
from basicsr.models import build_model
from tqdm import tqdm

from drawn_faces import degrade_hidden, draw_face
from scgan_fan import compat, plugin  # noqa: F401  (registers everything)
from scgan_fan.options import read_options

OPTIONS = Path(__file__).parent.parent / 'options' / 'train_scgan_fan_cpu.yml'
WAYS = {'plain': {}, 'simultaneous': {'simultaneous': True}, 'backward_every: 2': {'backward_every': 2}}
SEEDS, STEPS, LAST = (0, 1), 200, 50
FACES, BATCH, WIDTH = 64, 4, 1 / 16


def draw_faces() -> list[torch.Tensor]:
    """Sharp faces, and low-resolution ones of others: (FACES, 3, height, width), RGB in [-1, 1]."""
    rng = np.random.default_rng(0)
    sharp = [draw_face(rng)[0] for _ in range(2 * FACES)]
    small = [degrade_hidden(face, rng) for face in sharp[FACES:]]
    return [torch.from_numpy(np.stack(faces) / 127.5 - 1).float().permute(0, 3, 1, 2)
            for faces in (sharp[:FACES], small)]


def mean_losses(opt: dict, hr: torch.Tensor, lr: torch.Tensor) -> dict[str, float]:
    """Train from random weights; each loss's mean over those of the last steps that have it."""
    torch.manual_seed(opt['manual_seed'])
    model, rng, found = build_model(copy.deepcopy(opt)), np.random.default_rng(1), {}
    for iteration in tqdm(range(1, STEPS + 1), 'steps', leave=False):
        model.feed_data({'gt': hr[rng.choice(FACES, BATCH)], 'lq': lr[rng.choice(FACES, BATCH)]})
        model.optimize_parameters(iteration)
        for name, loss in model.get_current_log().items() if iteration > STEPS - LAST else ():
            found.setdefault(name, []).append(loss)
    return {name: float(np.mean(losses)) for name, losses in found.items()}


if __name__ == '__main__':
    compat.apply()
    opt = read_options(OPTIONS)
    opt.update(is_train=True, dist=False, rank=0, world_size=1, num_gpu=0, path={})
    del opt['train']['heatmap_opt']
    opt = {key: {**block, 'width': WIDTH} if key.startswith('network_') else block for key, block in opt.items()}
    faces, results = draw_faces(), {}
    for way, changes in WAYS.items():
        results[way] = [mean_losses({**opt, 'train': {**opt['train'], **changes}, 'manual_seed': seed}, *faces)
                        for seed in SEEDS]
        print(f'{way:20}{"seed 0":>9}{"seed 1":>9}{"distance":>10}')
        for name, (a, b) in {name: [run[name] for run in results[way]] for name in results[way][0]}.items():
            first, second = (run[name] for run in results['plain'])
            print(f'{name:20}{a:9.4f}{b:9.4f}{abs(a + b - first - second) / 2 / abs(first - second):10.2f}', flush=True)
