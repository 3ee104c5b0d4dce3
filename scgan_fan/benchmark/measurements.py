"""What is timed: training steps, loading of data, restoring of faces, writing of LMDBs. Each in a ``worker.Worker``."""
import contextlib
import io
import shutil
import time
from pathlib import Path

import numpy as np
import torch
from basicsr.archs import build_network
from basicsr.data import build_dataloader, build_dataset
from basicsr.data.data_sampler import EnlargedSampler
from basicsr.data.prefetch_dataloader import CPUPrefetcher, CUDAPrefetcher
from basicsr.losses import build_loss
from basicsr.models import build_model
from basicsr.utils import set_random_seed
from torch.utils.flop_counter import FlopCounterMode

from scgan_fan.benchmark.machine import Memory, wait
from scgan_fan.data.heatmap_store import write_heatmaps
from scgan_fan.data.lmdb_writer import write_lmdb
from scgan_fan.errors import InputError
from scgan_fan.faces.drawn import draw_dataset
from scgan_fan.images import read_image, to_image, to_tensor, write_image
from scgan_fan.inference import BATCH, choose_device, face_size, restore
from scgan_fan.network_loader import Restorer, load_restorer

LOADED_PAIRS = 2048
DRAWN_HR, DRAWN_LR = 128, 64  # faces
FACES = {'cpu': 32, 'cuda': 512}  # restored at a time


class Trainer:
    """The training step, on images of noise but where a method says otherwise.

    Args:
        opt: option file, of ``Variant.options``.
        stored: heatmaps of the true faces come with the batch.
    """

    def __init__(self, opt: dict, stored: bool = False):
        torch.backends.cudnn.benchmark = True  # as in basicsr/train.py
        set_random_seed(opt['manual_seed'])
        self.opt = opt
        self.model = build_model(opt)
        self.device = self.model.device
        self.memory = Memory(self.device)
        self.round = opt['train'].get('net_d_iters') or 1  # iterations until all networks have stepped
        self.iteration = 0
        self.batch = self._noise()
        if stored:
            self.batch['heatmaps'] = self._heatmaps(self.batch['gt'].to(self.device))

    def _noise(self) -> dict[str, torch.Tensor]:
        data, generator = self.opt['datasets']['train'], torch.Generator().manual_seed(0)
        sides = {'gt': data['gt_size'], 'lq': data['gt_size'] // data['scale']}
        return {name: torch.rand(data['batch_size_per_gpu'], 3, side, side, generator=generator) * 2 - 1
                for name, side in sides.items()}

    @torch.no_grad()
    def _heatmaps(self, faces: torch.Tensor) -> torch.Tensor:
        loss = self.model.terms.get('heatmap_opt')
        if loss is None:
            raise InputError('train: has no heatmap_opt')
        return loss.heatmaps(faces).cpu()

    def _step(self, batch: dict) -> None:
        self.iteration += 1
        self.model.feed_data(batch)
        self.model.optimize_parameters(self.iteration)

    def warm_up(self) -> dict:
        """The first steps, which compile and choose algorithms.

        Returns:
            ``first_step``, its seconds, and ``flops`` of a step: in convolutions and matrix products, None where they
            are compiled and cannot be counted.
        """
        compiled = self.opt['train'].get('compile') is not None
        counter = contextlib.nullcontext() if compiled else FlopCounterMode(display=False)
        with counter:
            seconds = self.seconds(self.round)
        if self.device.type == 'cuda':  # CUDA graphs are recorded in the second and third
            self.seconds(2 * self.round)
        self.memory.begin()
        return {'first_step': seconds, 'flops': None if compiled else counter.get_total_flops() / self.round}

    def seconds(self, steps: int) -> float:
        """Mean time of a step over so many, or so many more that all networks step equally often."""
        steps = -(-steps // self.round) * self.round
        start = time.perf_counter()
        for _ in range(steps):
            self._step(self.batch)
        wait(self.device)
        return (time.perf_counter() - start) / steps

    def peak_memory(self) -> int | None:
        """Bytes, since the first steps."""
        return self.memory.peak()

    def room(self) -> int:
        """How many more processes like this one there is memory for."""
        return self.memory.room()

    def fed(self, options: dict, steps: int) -> dict[str, float]:
        """Train on the dataset; seconds of a step, and those of them in which the step waited for data."""
        batches = Batches({**self.opt, 'datasets': {'train': {**self.opt['datasets']['train'], **options}}})
        self._step(batches.next())  # while the loader gets going
        wait(self.device)
        start, waiting = time.perf_counter(), 0.0
        for _ in range(steps):
            asked = time.perf_counter()
            batch = batches.next()
            waiting += time.perf_counter() - asked
            self._step(batch)
            wait(self.device)
        return {'seconds': (time.perf_counter() - start) / steps, 'waiting': waiting / steps}

    def losses(self, steps: int) -> list[dict[str, float]]:
        """Train on the dataset; the losses of each step."""
        batches, log = Batches(self.opt), []
        for _ in range(steps):
            self._step(batches.next())
            log.append({name: loss.item() for name, loss in self.model.losses.items()})
        return log


class Batches:
    """The batches of the training dataset, epoch after epoch, as basicsr/train.py gets them.

    Args:
        opt: option file.
    """

    def __init__(self, opt: dict):
        data = opt['datasets']['train']
        dataset = build_dataset(data)
        pairs = LOADED_PAIRS + 32 * data['batch_size_per_gpu']
        ratio = max(data.get('dataset_enlarge_ratio') or 1, -(-pairs // len(dataset)))
        self.sampler = EnlargedSampler(dataset, 1, 0, ratio)
        loader = build_dataloader(dataset, data, num_gpu=1, sampler=self.sampler, seed=opt['manual_seed'])
        self.epoch = 0
        self._prefetcher = CUDAPrefetcher(loader, opt) if data.get('prefetch_mode') == 'cuda' else CPUPrefetcher(loader)

    def next(self) -> dict:
        """The next batch."""
        batch = self._prefetcher.next()
        if batch is None:
            self.epoch += 1
            self.sampler.set_epoch(self.epoch)
            self._prefetcher.reset()
            batch = self._prefetcher.next()
        return batch


class Loading:
    """The loader without a model.

    Args:
        opt: option file.
    """

    def __init__(self, opt: dict):
        self.opt = opt

    def pairs_per_second(self, options: dict, pairs: int) -> float:
        """Timed from the first batch on.

        Args:
            options: of the dataset, on top of the file's.
        """
        data = {**self.opt['datasets']['train'], **options}
        batches, count = Batches({**self.opt, 'datasets': {'train': data}}), -(-pairs // data['batch_size_per_gpu'])
        batches.next()
        start = time.perf_counter()
        for _ in range(count):
            batches.next()
        return count * data['batch_size_per_gpu'] / (time.perf_counter() - start)


class Restoring:
    """A restorer and ways to use it.

    Args:
        network, scale: of the option file; its weights are random.
        weights: file of a restorer instead; None: none.
    """

    ONE_BY_ONE = 'one by one, float32'
    BATCHES = {f'batches of {BATCH}, {precision}': precision for precision in ('float32', 'bfloat16')}

    def __init__(self, network: dict | None, scale: int, weights: str | None):
        self.device = choose_device('auto')
        if weights is None:
            torch.manual_seed(0)
            restorer = Restorer(build_network(network), 'random', scale).eval().requires_grad_(False)
            self.restorer = restorer.to(self.device)
        else:
            self.restorer = load_restorer(weights, self.device)
        side, count = face_size(self.restorer), FACES[self.device.type]
        self.faces = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
        self._restored = {}

    def faces_per_second(self, way: str) -> float:
        """From arrays of 8-bit pixels to such arrays, by a plain loop or as ``scgan-fan restore`` does."""
        self._restore(way, self.faces[:BATCH])  # chooses algorithms
        start = time.perf_counter()
        self._restored[way] = self._restore(way, self.faces)
        return len(self.faces) / (time.perf_counter() - start)

    def _restore(self, way: str, faces: np.ndarray) -> np.ndarray:
        if way in self.BATCHES:
            return restore(faces, self.restorer, self.BATCHES[way])
        with torch.inference_mode():
            return np.stack([to_image(self.restorer(to_tensor(face)[None].to(self.device))[0]) for face in faces])

    def difference(self, way: str) -> float:
        """Mean absolute difference from the pictures of ``ONE_BY_ONE``, in levels of 255; both have been timed."""
        return float(np.abs(self._restored[way].astype(int) - self._restored[self.ONE_BY_ONE]).mean())


class Files:
    """Drawn faces in files, and what is made of them.

    Args:
        folder: where all of it goes.
    """

    def __init__(self, folder: str):
        self.folder = Path(folder)

    def draw(self, size: int, scale: int) -> dict[str, str]:
        """Draw sharp and small faces and store them; the options of a dataset of them."""
        with quiet():
            draw_dataset(self.folder, DRAWN_HR, DRAWN_LR, 0, size=size, scale=scale)
            for name in ('hr', 'lr'):
                write_lmdb([str(self.folder / name)], str(self.folder / f'{name}.lmdb'))
        return {'dataroot_gt': str(self.folder / 'hr.lmdb'), 'dataroot_lq': str(self.folder / 'lr.lmdb')}

    def store_heatmaps(self, loss: dict, size: int) -> dict[str, str]:
        """Store heatmaps of the sharp faces, the same for each: the options of a dataset with them.

        Args:
            loss: block of the option file.
        """
        with quiet():
            output = str(self.folder / 'maps.lmdb')
            write_heatmaps([str(self.folder / 'hr.lmdb')], output, _SameForAll(loss, size), size)
        return {'heatmaps': output}

    def turn(self) -> int:
        """Make more images of the sharp faces, eight of each by turning and mirroring; their number."""
        faces = sorted((self.folder / 'hr').glob('*.png'))
        for path in faces:
            face = read_image(path)
            for turns in range(4):
                for mirrored in (0, 1):
                    image = np.ascontiguousarray(np.rot90(face, turns)[:, ::1 - 2 * mirrored])
                    write_image(self.folder / 'turned' / f'{path.stem}_{turns}{mirrored}.png', image)
        return 8 * len(faces)

    def images_per_second(self, workers: int) -> float:
        """Write the LMDB of the turned faces, from PNG files to PNG files in it."""
        start = time.perf_counter()
        with quiet():
            summary = write_lmdb([str(self.folder / 'turned')], str(self.folder / 'turned.lmdb'), workers=workers)
        seconds = time.perf_counter() - start
        shutil.rmtree(self.folder / 'turned.lmdb')
        return summary.stored / seconds


class _SameForAll:
    """A HeatmapLoss that has looked at one face: reading what it draws takes as long as reading the right heatmaps."""

    def __init__(self, loss: dict, size: int):
        self._loss = build_loss(loss)
        with torch.no_grad():
            self._maps = self._loss.heatmaps(torch.zeros(1, 3, size, size))
        self.parameters, self.drawn_by = self._loss.parameters, self._loss.drawn_by

    def heatmaps(self, faces: torch.Tensor) -> torch.Tensor:
        return self._maps.expand(len(faces), -1, -1, -1)


def quiet():
    """Without the bars of what is called: the main process has its own."""
    return contextlib.redirect_stderr(io.StringIO())
