"""Exported networks do what PyTorch does, for any number and size of faces."""
import io
import json
import sys

import onnx
import onnxruntime
import pytest
import torch

from network_files import exported, noise, small
from scgan_fan import commands
from scgan_fan import export as export_module
from scgan_fan.errors import InputError
from scgan_fan.export import export
from scgan_fan.network_loader import load_restorer


pytestmark = pytest.mark.usefixtures('on_the_cpu')


@pytest.fixture
def checkpoint(tmp_path):
    torch.save({'params': small().state_dict()}, tmp_path / 'net_g.pth')
    return tmp_path / 'net_g.pth'


def run(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, 'argv', ['scgan-fan', 'export', *map(str, arguments)])
    return commands.main()


def test_onnx_by_itself():
    """What another program sees: names, shapes, metadata, opset; and numbers, without this package's loader."""
    model = onnx.load_from_string(exported())
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [('', 20)]
    facts = json.loads({p.key: p.value for p in model.metadata_props}['scgan_fan'])
    assert facts.items() >= {'scale': 4, 'size': None, 'channel_order': 'rgb', 'value_range': [-1, 1],
                             'precision': 'float32', 'source': 'small.pth'}.items()
    assert len(facts['source_sha256']) == 64
    session = onnxruntime.InferenceSession(exported())
    (given,), (made,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape) == ('images', ['batch', 3, 'height', 'width']) and made.name == 'restored'
    for shape in ((1, 3, 16, 16), (5, 3, 16, 16), (2, 3, 24, 8)):
        restored, = session.run(None, {'images': noise(*shape).numpy()})
        assert (torch.from_numpy(restored) - small()(noise(*shape))).abs().max() < 1e-5


def test_half_onnx_of_a_bgr_network(tmp_path):
    torch.save({'params': small().state_dict(), 'channel_order': 'bgr', 'size': 16}, tmp_path / 'bgr.pth')
    difference = export(tmp_path / 'bgr.pth', tmp_path / 'half.onnx', half=True)
    assert 0 < difference <= 2 / 255
    assert {t.data_type for t in onnx.load(tmp_path / 'half.onnx').graph.initializer} >= {onnx.TensorProto.FLOAT16}
    restorer = load_restorer(tmp_path / 'half.onnx')
    assert (restorer.channel_order, restorer.size) == ('rgb', 16)
    assert (restorer(noise(2, 3, 8, 8)) - load_restorer(tmp_path / 'bgr.pth')(noise(2, 3, 8, 8))).abs().max() < 2 / 255


@pytest.mark.parametrize('half, tolerance', [(False, 1e-5), (True, 2 / 255)])
def test_torchscript(tmp_path, checkpoint, half, tolerance):
    assert export(checkpoint, tmp_path / 'net.pt', 'torchscript', half) <= tolerance
    extra = {'scgan_fan.json': ''}
    network = torch.jit.load(io.BytesIO((tmp_path / 'net.pt').read_bytes()), _extra_files=extra)
    assert json.loads(extra['scgan_fan.json'])['precision'] == ('float16' if half else 'float32')
    for shape in ((1, 3, 16, 16), (5, 3, 24, 8)):
        restored = network(noise(*shape))
        assert restored.dtype == torch.float32
        assert (restored - small()(noise(*shape))).abs().max() <= tolerance
    with pytest.raises(InputError, match='net.pt: not a readable checkpoint .*carries code'):
        load_restorer(tmp_path / 'net.pt')


def test_a_result_that_differs_is_not_written(tmp_path, checkpoint, monkeypatch):
    monkeypatch.setattr(export_module, 'TOLERANCES', {torch.float16: 0})
    with pytest.raises(InputError, match='not written: differs from PyTorch by .*export it without --half'):
        export(checkpoint, tmp_path / 'net.pt', 'torchscript', half=True)
    assert [path.name for path in tmp_path.iterdir()] == ['net_g.pth']


def test_what_is_refused(tmp_path, checkpoint):
    (tmp_path / 'net.onnx').write_bytes(exported())
    for arguments, message in (
            ((checkpoint, tmp_path / 'net.onnx'), 'exists already'),
            ((tmp_path / 'net.onnx', tmp_path / 'new.onnx'), 'is exported already; give the checkpoint'),
            ((checkpoint, tmp_path / 'x', 'tflite'), "format: unknown value 'tflite'; choose one of onnx, torch")):
        with pytest.raises(InputError, match=message):
            export(*arguments)


def test_a_shipped_network_by_its_name(tmp_path):
    assert export('pixel', tmp_path / 'x.pt', 'torchscript') < 1e-4 and (tmp_path / 'x.pt').stat().st_size > 1000
    with pytest.raises(InputError, match='pixle: no such file, nor a network that comes with the package .*, pixel'):
        export('pixle', tmp_path / 'y.pt', 'torchscript')


def test_script(tmp_path, checkpoint, monkeypatch, capsys):
    arguments = (checkpoint, '-o', tmp_path / 'net.pt', '--format', 'torchscript')
    assert run(monkeypatch, *arguments) == 0
    assert 'net.pt: torchscript; differs from PyTorch by at most ' in capsys.readouterr().out
    assert run(monkeypatch, *arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith('error: ') and 'exists already' in error and error.count('\n') == 1
    with pytest.raises(SystemExit):
        run(monkeypatch, '--help')
    assert 'scgan-fan export pretrained_model.pth -o scgan.onnx' in capsys.readouterr().out
