"""Heatmaps, their decoding, and errors of landmarks."""
import pytest
import torch

from scgan_fan.faces.landmarks import MIRRORED, decode_heatmaps, draw_heatmaps, normalized_mean_error


@pytest.mark.parametrize('stride, sigma', [(1, 1.75), (2, 1.0), (4, 1.75)])
def test_decoding_a_drawn_gaussian_is_exact(stride, sigma, device):
    generator = torch.Generator().manual_seed(0)
    side = 32
    landmarks = ((torch.rand(2, 68, 2, generator=generator) * (side - 4) + 2) * stride).to(device)
    found, confidence = decode_heatmaps(draw_heatmaps(landmarks, side, stride, sigma), stride)
    assert torch.allclose(found, landmarks, atol=1e-2 * stride)
    assert (confidence > 0.77).all() and (confidence <= 1).all()


def test_decoding_at_the_border_takes_the_pixel(device):
    landmarks = torch.tensor([[[0.2, 31.9]]], device=device)
    found, _ = decode_heatmaps(draw_heatmaps(landmarks, 32, 1, 1.0), 1)
    assert torch.allclose(found, torch.tensor([[[0.5, 31.5]]], device=device))


def test_axes_are_x_then_y(device):
    maps = draw_heatmaps(torch.tensor([[10.5, 20.5]], device=device), 32, 1, 1.0)[0]
    assert maps[20, 10] == 1


@pytest.mark.parametrize('sigma, shift, distance', [(1.75, 1, 1.508), (1.75, 2, 5.360), (1.75, 10, 19.24),
                                                    (1.0, 1, 1.391), (1.0, 2, 3.973), (1.0, 10, 6.284)])
def test_squared_distance_of_shifted_gaussians(sigma, shift, distance, device):
    """Check values of papers.md section 8: what a landmark that is off costs in Eq 4."""
    landmarks = torch.tensor([[[32.5, 32.5]], [[32.5 + shift, 32.5]]], device=device)
    here, there = draw_heatmaps(landmarks, 64, 1, sigma)
    assert (here - there).square().sum().item() == pytest.approx(distance, abs=6e-3)


def test_mirroring_twice_is_nothing():
    assert sorted(MIRRORED) == list(range(68))
    assert [MIRRORED[i] for i in MIRRORED] == list(range(68))
    assert MIRRORED[8] == 8 and MIRRORED[36] == 45 and MIRRORED[48] == 54 and MIRRORED[31] == 35


def test_normalized_mean_error(device):
    truth = torch.zeros(1, 68, 2, device=device)
    truth[0, 0], truth[0, 16] = torch.tensor([0., 0.]), torch.tensor([40., 10.])
    truth[0, 36], truth[0, 45] = torch.tensor([10., 5.]), torch.tensor([30., 5.])
    predicted = truth + torch.tensor([3., 4.], device=device)  # 5 pixels off everywhere
    assert normalized_mean_error(predicted, truth).item() == pytest.approx(5 / 20)  # box 40 x 10
    assert normalized_mean_error(predicted, truth, 'inter_ocular').item() == pytest.approx(5 / 20)
    assert normalized_mean_error(truth, truth).item() == 0
