"""A small semi-cycle: every network at a sixteenth of the papers' width, on drawn faces."""
import copy
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from drawn_faces import degrade_hidden, draw_dataset, draw_face
from scgan_fan import compat, plugin  # noqa: F401  (registers everything with BasicSR)
from scgan_fan.data.lmdb_writer import write_lmdb

compat.apply()
torch.set_num_threads(1)  # the tensors are small, and on a busy machine threads mostly wait for each other

HANDLERS = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

WIDTH = 1 / 16
ADAM = {'type': 'Adam', 'lr': 1e-3, 'betas': [0.9, 0.999]}
PIXEL = {'type': 'L1Loss', 'loss_weight': 1.0}
ADVERSARIAL = {'type': 'GANLoss', 'gan_type': 'hinge', 'loss_weight': 0.05}
SMALL_FAN = {'num_stacks': 1, 'width': 16, 'stem_stride': 2}
HEATMAP = {'type': 'HeatmapLoss', 'loss_weight': 0.15, 'fan': 'random', 'network': SMALL_FAN}

SEMI_CYCLE = {
    'name': 'tiny', 'model_type': 'SemiCycleModel', 'scale': 4, 'num_gpu': 0, 'manual_seed': 0, 'dist': False,
    'rank': 0, 'world_size': 1, 'is_train': True, 'path': {},
    'network_g': {'type': 'RestorationNet', 'width': WIDTH},
    'network_degrade_hl': {'type': 'DegradationNet', 'width': WIDTH},
    'network_degrade_sl': {'type': 'DegradationNet', 'width': WIDTH},
    'network_d_l1': {'type': 'FaceDiscriminator', 'size': 16, 'width': WIDTH},
    'network_d_l2': {'type': 'FaceDiscriminator', 'size': 16, 'width': WIDTH},
    'network_d_h1': {'type': 'FaceDiscriminator', 'size': 64, 'width': WIDTH},
    'network_d_h2': {'type': 'FaceDiscriminator', 'size': 64, 'width': WIDTH},
    'train': {
        'optim_g': ADAM, 'optim_d': ADAM, 'ema_decay': 0.9,
        'scheduler': {'type': 'OscillatingCosineLR', 'half_period': 10, 'eta_min': 1e-5, 'iters_per_epoch': 2},
        'pixel_lr_opt': PIXEL, 'cycle_hr_opt': PIXEL, 'pixel_hr_opt': PIXEL, 'cycle_lr_opt': PIXEL,
        'adv_l1_opt': ADVERSARIAL, 'adv_l2_opt': ADVERSARIAL, 'adv_h1_opt': ADVERSARIAL, 'adv_h2_opt': ADVERSARIAL,
    },
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests take the time that they need."""
    for item in items:
        if item.get_closest_marker('slow'):
            item.add_marker(pytest.mark.timeout(0))


@pytest.fixture(autouse=True)
def signals_as_before():
    """No test's process heeds signals as a model that another one has built does."""
    yield
    for number, handler in HANDLERS.items():
        signal.signal(number, handler)


@pytest.fixture(params=['cpu', 'cuda'] if torch.cuda.is_available() else ['cpu'])
def device(request, monkeypatch) -> str:
    """Where tests of networks, losses and metrics make their tensors: the processor, and the GPU where there is one."""
    monkeypatch.setattr(torch.backends.cudnn, 'allow_tf32', False)  # its rounding is above the tests' tolerances
    return request.param


@pytest.fixture(autouse=True)
def no_device_is_said(monkeypatch) -> None:
    """No test runs on the device that another one has said."""
    monkeypatch.setattr('scgan_fan.device._in_use', None)


@pytest.fixture
def on_the_cpu(monkeypatch, no_device_is_said) -> None:
    """Networks are loaded to the processor where nothing else is said, also on a machine with a GPU."""
    monkeypatch.setattr('scgan_fan.device._in_use', torch.device('cpu'))


@pytest.fixture
def browser(tmp_path):
    """Chromium without a window, which downloads into the test's folder; skips where there is none."""
    webdriver = pytest.importorskip('selenium.webdriver', reason='selenium is not installed')
    binary, driver = shutil.which('chromium'), shutil.which('chromedriver')
    if not binary or not driver:
        pytest.skip('no chromium and chromedriver here: the page is tested in a real browser')
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ('--headless', '--no-sandbox', '--disable-gpu', '--window-size=1000,1400'):
        options.add_argument(argument)
    options.add_experimental_option('prefs', {'download.default_directory': str(tmp_path)})
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield driver
    driver.quit()


@pytest.fixture
def semi_cycle() -> dict:
    """Options of a small SCGAN, without a heatmap block; a copy to change."""
    return copy.deepcopy(SEMI_CYCLE)


@pytest.fixture
def heatmap() -> dict:
    """A heatmap block with a small random FAN."""
    return copy.deepcopy(HEATMAP)


@pytest.fixture
def batch() -> dict:
    """Four unpaired faces of noise, RGB in [-1, 1]."""
    generator = torch.Generator().manual_seed(1)
    return {'gt': torch.rand(4, 3, 64, 64, generator=generator) * 2 - 1,
            'lq': torch.rand(4, 3, 16, 16, generator=generator) * 2 - 1}


@pytest.fixture(scope='session')
def faces(tmp_path_factory) -> Path:
    """18 HR and 10 LR drawn faces, four validation pairs, and LMDBs of the training sets."""
    return drawn_sets(tmp_path_factory.mktemp('faces'), hr=18, lr=10, val=4)


@pytest.fixture(scope='session')
def larger_faces(tmp_path_factory) -> Path:
    """The same for networks of 32 to 128 pixels: 4 faces of each kind."""
    return drawn_sets(tmp_path_factory.mktemp('larger_faces'), hr=4, lr=4, val=4, size=128)


def drawn_sets(folder: Path, **options) -> Path:
    draw_dataset(folder, **options, workers=1)
    write_lmdb([str(folder / 'hr')], str(folder / 'hr.lmdb'))
    write_lmdb([str(folder / 'lr')], str(folder / 'lr.lmdb'))
    return folder


@dataclass(frozen=True)
class CutFaces:
    """Drawn faces as crops: sharp ones of 64 pixels, and degraded ones of 16 of the same faces."""

    hr: list[np.ndarray]

    def lr(self, scale: float = 1, x: float = 0, y: float = 0) -> list[np.ndarray]:
        """In crops that show the faces so much larger, and so many of 64 pixels further right and down."""
        matrix = np.array([[scale, 0, 31.5 * (1 - scale) + x], [0, scale, 31.5 * (1 - scale) + y]])
        moved = [cv2.warpAffine(face, matrix, (64, 64), borderMode=cv2.BORDER_REPLICATE) for face in self.hr]
        return [degrade_hidden(face, np.random.default_rng(number)) for number, face in enumerate(moved)]


@pytest.fixture(scope='session')
def cut_faces() -> CutFaces:
    return CutFaces([draw_face(np.random.default_rng(number))[0] for number in range(50)])
