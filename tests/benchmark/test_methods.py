"""Methods against answers that are known."""
import numpy as np
import pytest
import torch
from basicsr.archs.rrdbnet_arch import RRDBNet
from PIL import Image

from benchmark.known_networks import FirstChannelNet, SideNet
from network_files import exported, small
from scgan_fan.benchmark import methods
from scgan_fan.benchmark.image_set import Faces, NotRun
from scgan_fan.benchmark.methods import networks
from scgan_fan.errors import InputError
from scgan_fan.images import write_image

CPU = torch.device('cpu')


def restore(block: dict, faces: Faces, size: int = 64) -> np.ndarray:
    return methods.build('it', block, size, CPU)(faces)


def test_bicubic_is_pillows(batch_of_faces):
    mild = batch_of_faces.lq // 2 + 64  # Pillow rounds and clips between its two passes
    restored = restore({'type': 'interpolation', 'mode': 'bicubic'}, Faces(batch_of_faces.keys, mild, None))
    expected = [Image.fromarray(image).resize((64, 64), Image.BICUBIC) for image in mild]
    assert restored.dtype == np.uint8
    assert np.abs(restored.astype(int) - np.stack(expected)).max() <= 1


def test_area_repeats_pixels(batch_of_faces):
    restored = restore({'type': 'interpolation', 'mode': 'area'}, batch_of_faces)
    assert np.array_equal(restored, batch_of_faces.lq.repeat(4, axis=1).repeat(4, axis=2))


@pytest.mark.parametrize('value_range', [[-1, 1], [0, 1]])
@pytest.mark.parametrize('channels, kept', [('rgb', 0), ('bgr', 2)])
def test_networks_see_their_own_range_and_channel_order(batch_of_faces, save_weights, value_range, channels, kept):
    weights = save_weights(FirstChannelNet(black=float(value_range[0])))
    restored = restore({'type': 'network', 'network': {'type': 'FirstChannelNet'}, 'weights': weights,
                        'value_range': value_range, 'channels': channels}, batch_of_faces, size=16)
    expected = np.zeros_like(batch_of_faces.lq)
    expected[..., kept] = batch_of_faces.lq[..., kept]
    assert np.array_equal(restored, expected)


@pytest.mark.parametrize('input_size, seen', [(None, 16), (32, 32), (128, 128)])
def test_input_is_resized_before_a_network_and_output_after_it(batch_of_faces, save_weights, input_size, seen):
    restored = restore({'type': 'network', 'network': {'type': 'SideNet'}, 'weights': save_weights(SideNet()),
                        'value_range': [0, 1], 'input_size': input_size}, batch_of_faces)
    assert restored.shape == (2, 64, 64, 3)
    assert np.all(restored == seen)


def test_spandrel_reads_what_basicsr_built(batch_of_faces, tmp_path):
    """The same network by two ways: half-precision weights under params_ema, as Real-ESRGAN is distributed."""
    torch.manual_seed(0)
    network = RRDBNet(3, 3, num_feat=16, num_block=1)
    torch.nn.init.constant_(network.conv_last.bias, 0.5)  # otherwise most values are below 0
    weights = str(tmp_path / 'esrgan.pth')
    torch.save({'params_ema': network.half().state_dict()}, weights)
    by_spandrel = restore({'type': 'spandrel', 'weights': weights}, batch_of_faces)
    by_basicsr = restore({
        'type': 'network', 'weights': weights, 'param_key': 'params_ema', 'value_range': [0, 1], 'network': {
            'type': 'RRDBNet', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 16, 'num_block': 1},
    }, batch_of_faces)
    assert by_spandrel.std() > 3
    assert np.abs(by_spandrel.astype(int) - by_basicsr).max() <= 1


def test_an_onnx_file_stays_on_the_processor_where_other_networks_are_on_a_gpu(tmp_path):
    (tmp_path / 'small.onnx').write_bytes(exported())
    torch.save(small().state_dict(), tmp_path / 'small.pth')
    gpu = torch.device('meta')  # stands for one
    onnx, checkpoint = (methods.build('it', {'type': 'restorer', 'weights': str(tmp_path / name)}, 64, gpu)
                        for name in ('small.onnx', 'small.pth'))
    assert {parameter.device for parameter in checkpoint.restorer.parameters()} == {gpu}
    assert onnx.forward(torch.zeros(1, 3, 16, 16)).shape == (1, 3, 64, 64)


def test_protocol_states_file_and_sizes(save_weights):
    method = methods.build('it', {'type': 'network', 'network': {'type': 'SideNet'}, 'input_size': 128,
                                  'weights': save_weights(SideNet())}, 64, CPU)
    assert method.protocol() == ('SideNet of net.pth (params), RGB in [-1, 1]; input: bicubic to 128 px; output, where '
                                 'it is not 64 px: area to 64 px')


def test_folder_of_another_program(batch_of_faces, tmp_path):
    for name, image in zip(batch_of_faces.keys, batch_of_faces.gt):
        write_image(tmp_path / 'theirs' / f'{name}.png', image.repeat(2, axis=0).repeat(2, axis=1))
    block = {'type': 'folder', 'path': str(tmp_path / 'theirs')}
    assert np.array_equal(restore(block, batch_of_faces), batch_of_faces.gt)
    (tmp_path / 'theirs' / 'b.png').unlink()
    with pytest.raises(NotRun, match='theirs has no image called b'):
        restore(block, batch_of_faces)


def test_truth_and_noise(batch_of_faces):
    assert np.array_equal(restore({'type': 'truth'}, batch_of_faces), batch_of_faces.gt)
    with pytest.raises(NotRun, match='no true faces'):
        restore({'type': 'truth'}, Faces(['a'], batch_of_faces.lq[:1], None))
    noise = restore({'type': 'noise'}, batch_of_faces)
    assert np.array_equal(noise[1:], restore({'type': 'noise'}, Faces(['b'], batch_of_faces.lq[1:], None)))
    assert not np.array_equal(noise[0], noise[1])


@pytest.mark.parametrize('block', [
    {'type': 'spandrel', 'weights': 'gone.pth'}, {'type': 'folder', 'path': 'gone.pth'},
    {'type': 'network', 'weights': 'gone.pth', 'network': {'type': 'SideNet'}}])
def test_absent_files_are_named(block):
    with pytest.raises(NotRun, match='^file gone.pth not found$'):
        methods.build('it', block, 64, CPU)


@pytest.mark.parametrize('block, message', [
    ({'type': 'magic'}, 'methods: it: type: unknown value'),
    ({'type': 'interpolation', 'mode': 'bicubik'}, "mode: unknown value 'bicubik'"),
    ({'type': 'interpolation', 'mode': 'area', 'mod': 1}, 'mod: unknown option; did you mean mode'),
    ({'type': 'network', 'network': {'type': 'Nothing'}, 'weights': '{weights}'}, 'network: type: unknown value'),
    ({'type': 'network', 'network': {'type': 'SideNet', 'depth': 3}, 'weights': '{weights}'}, "'depth'"),
    ({'type': 'network', 'network': {'type': 'FirstChannelNet'}, 'weights': '{weights}'}, 'not the weights of'),
    ({'type': 'spandrel', 'weights': '{weights}'}, 'spandrel cannot read it')])
def test_mistakes_are_one_line(block, message, save_weights):
    weights = save_weights(SideNet())
    block = {key: weights if value == '{weights}' else value for key, value in block.items()}
    with pytest.raises(InputError, match=message) as error:
        methods.build('it', block, 64, CPU)
    assert not isinstance(error.value, NotRun)


def test_dfdnet_is_told_the_parts_of_each_face(monkeypatch, batch_of_faces, save_weights):
    told = []

    class Fake(SideNet):
        def forward(self, x, part_locations):
            told.append(part_locations)
            return x

    monkeypatch.setattr(networks.DFDNet, '_build', lambda self, block: Fake())
    restored = restore({'type': 'dfdnet', 'network': {'type': 'DFDNet'}, 'weights': save_weights(SideNet()),
                        'input_size': 512}, batch_of_faces)
    assert restored.shape == (2, 64, 64, 3)
    assert len(told) == 2
    assert [tuple(box.shape) for box in told[0]] == [(1, 4)] * 4


def test_part_boxes_surround_the_points_and_stay_inside():
    landmarks = torch.full((68, 2), 256.)
    landmarks[48:68] = torch.linspace(400, 520, 20)[:, None]  # the mouth leaves the picture
    left_eye, _, _, mouth = networks.part_boxes(landmarks)
    assert left_eye.tolist() == [[240, 240, 272, 272]]  # the least box
    assert mouth.tolist() == [[392, 392, 512, 512]]  # 120 wide, moved inside
