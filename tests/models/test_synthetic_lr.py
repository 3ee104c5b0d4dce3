"""What R_LS restores in the forward cycle beside D_HL's faces."""
import cv2
import numpy as np
import pytest
import torch

from scgan_fan.models.synthetic_lr import gaussian_blur, partly_clean


def test_each_image_has_its_own_blur():
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    blurred = gaussian_blur(images, torch.tensor([0.0, 0.6, 1.0]))
    assert torch.equal(blurred[0], images[0])
    for image, result, sigma in zip(images[1:], blurred[1:], (0.6, 1.0)):
        expected = cv2.GaussianBlur(image.permute(1, 2, 0).numpy(), (15, 15), sigma)
        assert np.allclose(result.permute(1, 2, 0)[7:9, 7:9], expected[7:9, 7:9], atol=1e-5)  # far from borders


def test_borders_stay_as_bright_as_they_were():
    assert torch.allclose(gaussian_blur(torch.full((1, 3, 16, 16), 0.7), torch.tensor([1.0])), torch.tensor(0.7))


def test_blur_keeps_single_precision_under_autocast_and_passes_gradients():
    images = torch.rand(2, 3, 16, 16, requires_grad=True)
    with torch.autocast('cpu', torch.bfloat16):
        blurred = gaussian_blur(images, torch.tensor([0.5, 0.9]))
    assert torch.equal(blurred, gaussian_blur(images, torch.tensor([0.5, 0.9])))
    blurred.sum().backward()
    assert images.grad.abs().min() > 0


@pytest.mark.parametrize('share, clean', [(0, 0), (0.3, 1), (1, 4)])
def test_the_first_faces_are_clean(share, clean):
    sharp, synthetic = torch.rand(4, 3, 64, 64), torch.rand(4, 3, 16, 16)
    mixed = partly_clean(synthetic, sharp, share)
    assert torch.allclose(mixed[:clean], torch.nn.functional.avg_pool2d(sharp, 4)[:clean])
    assert torch.equal(mixed[clean:], synthetic[clean:])
