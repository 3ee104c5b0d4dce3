"""Yaw from landmarks."""
import numpy as np
import pytest
import torch

from drawn_faces.head import Face, rotation_matrix
from scgan_fan.faces.landmarks import MIRRORED
from scgan_fan.faces.mean_face import mean_landmarks
from scgan_fan.faces.pose import yaw


def seen(turn: float, pitch: float, roll: float) -> torch.Tensor:
    """The mean face turned by these degrees, at some size and place of an image: (1, 68, 2)."""
    rotation = rotation_matrix(*np.radians((turn, pitch, roll)))
    return torch.from_numpy(mean_landmarks() @ rotation.T)[None, :, :2] * 0.4 + torch.tensor([31.0, -5.0])


@pytest.mark.parametrize('turn', [-90, -60, -25, 0, 10, 45, 89])
@pytest.mark.parametrize('pitch, roll', [(0, 0), (25, -30), (-20, 170)])
def test_the_projected_mean_face_is_exact(turn, pitch, roll):
    assert yaw(seen(turn, pitch, roll)).item() == pytest.approx(turn, abs=1e-4)


def test_other_faces_are_within_some_degrees():
    """Identity, expression and the outline's jaw move the points; 600 faces were within 7.7 degrees, 1.0 on average."""
    faces = [Face(np.random.default_rng((77, seed)), 256) for seed in range(60)]
    truth = torch.tensor([np.degrees(face.yaw) for face in faces])
    error = (yaw(torch.tensor(np.stack([face.landmarks for face in faces]))) - truth).abs()
    assert truth.abs().max() > 40
    assert error.mean() < 1.5 and error.max() < 8


def test_mirroring_turns_it_over():
    landmarks = torch.cat((seen(33, 5, 8), seen(-70, 0, 0)))
    mirrored = (landmarks * torch.tensor([-1, 1]))[:, MIRRORED]
    assert torch.allclose(yaw(mirrored), -yaw(landmarks))
