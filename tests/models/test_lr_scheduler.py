"""SCGAN's learning rate over epochs (papers.md section 8)."""
import pytest
import torch

from scgan_fan.errors import InputError
from scgan_fan.models.lr_scheduler import OscillatingCosineLR

FIRST_EPOCHS = [1.00e-4, 9.78e-5, 9.14e-5, 8.15e-5, 6.89e-5, 5.50e-5, 4.11e-5, 2.85e-5, 1.86e-5, 1.22e-5, 1.00e-5]


def rates(epochs: int, iters_per_epoch: int = 3, **options) -> list[float]:
    """The rate in the first iteration of each epoch."""
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-4)
    scheduler = OscillatingCosineLR(optimizer, 10, 1e-5, iters_per_epoch, **options)
    found = []
    for iteration in range(epochs * iters_per_epoch):
        if iteration % iters_per_epoch == 0:
            found.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step()
    return found


def test_oscillates_as_the_released_code():
    found = rates(200)
    assert found[:11] == pytest.approx(FIRST_EPOCHS, abs=6e-8)
    assert found[10:21] == pytest.approx(FIRST_EPOCHS[::-1], abs=6e-8)
    assert found[20:31] == pytest.approx(FIRST_EPOCHS, abs=6e-8)
    assert found[199] == pytest.approx(9.78e-5, abs=6e-8)


def test_warm_restarts_jump_back():
    assert rates(12, warm_restarts=True)[9:12] == pytest.approx([1.22e-5, 1e-4, 9.78e-5], abs=6e-8)


def test_changes_once_an_epoch():
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-4)
    scheduler = OscillatingCosineLR(optimizer, 10, 1e-5, 3)
    seen = []
    for _ in range(6):
        seen.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step()
    assert len(set(seen[:3])) == len(set(seen[3:])) == 1 and seen[2] != seen[3]


def test_error():
    with pytest.raises(InputError, match='iters_per_epoch 0'):
        rates(1, iters_per_epoch=0)
