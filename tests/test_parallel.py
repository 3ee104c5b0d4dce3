"""Two processes: what one decides for both, what they share out, and that one may wait long for the other."""
import numpy as np
import pytest
import torch

from runs import run
from scgan_fan.images import read_image, write_image
from scgan_fan.metrics.distribution import frechet_distance

REFERENCE, TESTED = 5, 4  # images
PROCESSES = '''
import time
from datetime import timedelta
from types import SimpleNamespace
import numpy as np, torch
import scgan_fan
from scgan_fan import compat
from scgan_fan.images import read_image
from scgan_fan.metrics import features
from scgan_fan.models import face_model
from scgan_fan.parallel import gather_objects, wait_for_all
from scgan_fan.run_folder import RunFolder
from torch.distributed.distributed_c10d import _set_pg_timeout

torch.distributed.init_process_group('gloo')
rank = torch.distributed.get_rank()
opt = {'rank': rank, 'world_size': 2, 'auto_resume': True, 'dist': True, 'num_gpu': 0, 'is_train': False,
       'network_g': {}, 'datasets': {'train': {'batch_size_per_gpu': 1}},
       'path': {'models': 'models', 'training_states': 'training_states', 'visualization': 'pictures'},
       'val': {'metrics': {'fid': {'type': 'calculate_fid', 'network': 'means', 'reference': 'reference'}}}}
found = {}

# ---- one decides where to go on ----
folder = RunFolder(opt)
if rank == 0:
    for iteration in (1, 2):
        folder.save(iteration, [('g', {'params': {}})], {'iter': iteration, 'epoch': 0})
wait_for_all()
if rank == 1:  # sees the folder as it was
    RunFolder.newest_valid = lambda self, **_: (self.state_file(1), self.read_state(self.state_file(1)))
found['resumed'] = gather_objects(compat.load_resume_state(opt)['iter'])

# ---- validation: features are shared out, and kept; the first may take longer than collectives wait ----
seen = []
def means(images):
    seen.extend(images)
    return images.mean((1, 2), dtype=np.float32)
features.NETWORKS['means'] = lambda weights: means

class Tested(torch.utils.data.Dataset):
    opt = {'name': 'tested'}
    __len__ = lambda self: len(range(TESTED))
    __getitem__ = lambda self, index: {'lq': torch.from_numpy(read_image(f'tested/{index}.png'))}

def feed(data):
    image = data['lq'][0].numpy()
    model.current_images = lambda: {'ours': image}
    model.metric_inputs = lambda: {'img': image[..., ::-1]}
model = SimpleNamespace(opt=opt, is_train=False, feed_data=feed, test=lambda: None)

def report(model, results, *_):
    found.setdefault('fid', []).append(results['fid'])
    time.sleep(12)
face_model.report = report
_set_pg_timeout(timedelta(seconds=8))
found['seen'] = []
for _ in range(2):
    face_model.FaceModel.validation(model, SimpleNamespace(dataset=Tested()), 1, None)
    torch.distributed.all_reduce(torch.zeros(1))  # the next iteration
    found['seen'].append(gather_objects(len(seen)))
    seen.clear()
    features.reference_features.cache_clear()
if rank == 0:
    torch.save(found, 'found.pth')
'''


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Images, and ``found.pth``: what the processes made of them."""
    folder = tmp_path_factory.mktemp('processes')
    rng = np.random.default_rng(0)
    for name, count in (('reference', REFERENCE), ('tested', TESTED)):
        for index in range(count):
            write_image(folder / name / f'{index}.png', rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    for name in ('models', 'training_states'):
        (folder / name).mkdir()
    (folder / 'processes.py').write_text(PROCESSES.replace('TESTED', str(TESTED)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('TORCH_HOME', str(folder))
        run(['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2', 'processes.py'], folder)
    return folder


def test_both_resume_where_the_first_says(folder):
    assert torch.load(folder / 'found.pth')['resumed'] == [2, 2]


def test_reference_features_are_shared_out_and_kept(folder):
    assert torch.load(folder / 'found.pth')['seen'] == [[2 + 3, 2 + 2], [2, 2]]


def test_the_figure_is_that_of_the_whole_set_after_any_wait(folder):
    rows = [np.stack([read_image(folder / name / f'{index}.png').mean((0, 1), dtype=np.float32)
                      for index in range(count)]) for name, count in (('tested', TESTED), ('reference', REFERENCE))]
    figures = torch.load(folder / 'found.pth')['fid']
    assert figures == [pytest.approx(frechet_distance(*rows), rel=1e-6)] * 2 and figures[0] == figures[1]
