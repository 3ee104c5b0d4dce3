"""The t-SNE plot: whose images it takes, and that alike ones come to lie together."""
import numpy as np
import pytest

from drawn_faces import draw_face
from scgan_fan.benchmark import neighbours, report
from scgan_fan.benchmark.options import read_options
from scgan_fan.benchmark.runner import run
from scgan_fan.errors import InputError
from scgan_fan.images import write_image


@pytest.fixture
def results(benchmark_file, tmp_path):
    """Three people with four images each, enlarged bicubically."""
    rng = np.random.default_rng(0)
    for person in range(3):
        face = draw_face(rng)[0]
        for number in range(4):
            write_image(tmp_path / f'people/{person}/{number}.png', np.roll(face, number, axis=1))
    file = benchmark_file(
        datasets={'people': {'type': 'PairedFaceDataset', 'dataroot_gt': str(tmp_path / 'people'), 'scale': 4}},
        methods={'bicubic': {'type': 'interpolation', 'mode': 'bicubic'}, 'truth': {'type': 'truth'}})
    return run(read_options(file), tmp_path / 'out')


def test_images_of_the_first_identities(results):
    pictures, identities = neighbours._collect(results, 'people', results.sets['people'], 2)
    assert list(pictures) == ['HR', 'bicubic'] and identities == ['0'] * 4 + ['1'] * 4
    assert all(len(images) == 8 for images in pictures.values())


def test_alike_images_come_to_lie_together():
    rng = np.random.default_rng(0)
    vectors = np.concatenate([centre + rng.normal(size=(10, 5)) for centre in (0, 50)])
    points = neighbours._project(vectors, perplexity=30, seed=0)
    assert points.shape == (20, 2)
    near = [np.linalg.norm(points[:, None] - points[None], axis=2)[i].argsort()[1] for i in range(20)]
    assert all((i < 10) == (j < 10) for i, j in enumerate(near))


def test_plot(results):
    picture = neighbours.plot(results, {'dataset': 'people', 'network': 'dlib', 'identities': 3})
    assert picture.dtype == np.uint8 and picture.shape == (720, 960, 3) and len(np.unique(picture)) > 10


def test_unknown_dataset(results):
    with pytest.raises(InputError, match="tsne: dataset: 'faces' is not among the datasets"):
        neighbours.plot(results, {'dataset': 'faces'})


def test_a_plot_that_cannot_be_drawn_does_not_lose_the_rest(results, tmp_path):
    results.options['tsne'] = {'dataset': 'people', 'network': 'resnet101', 'weights': 'nowhere.pth'}
    written = report.write(results, tmp_path / 'out')
    assert tmp_path / 'out/results.md' in written and tmp_path / 'out/tsne.png' not in written
    assert 'tsne.png was not drawn: nowhere.pth: no such file' in (tmp_path / 'out/results.md').read_text()
