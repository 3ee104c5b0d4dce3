"""Option files that are based on others: what they resolve to, by our loader and by BasicSR's, and what is refused."""
import copy
import shutil
import sys
from pathlib import Path

import basicsr
import pytest
import yaml
from basicsr.utils.options import dict2str, ordered_yaml, parse_options

from runs import OPTIONS, run, small, write_options
from scgan_fan.errors import InputError
from scgan_fan.options import BASED_ON, PLUGIN, make_whole, read_options

BASE = {'name': 'base', 'scale': 4, 'network_g': {'type': 'A', 'width': 1.0, 'blocks': [12, 3]},
        'train': {'augment': None, 'loss': {'type': 'L1', 'weight': 1.0}, 'total_iter': 2}}


@pytest.fixture
def based(tmp_path):
    """Write a base, and beside or above it a file that is based on it, given its ``kwds``; gives the latter's path."""
    (tmp_path / 'base.yml').write_text(f'{PLUGIN}\n{yaml.safe_dump(BASE, sort_keys=False)}')

    def write(name: str = 'mine.yml', **kwds) -> Path:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f'# Mine.\n{BASED_ON}\n{yaml.safe_dump({"kwds": kwds})}')
        return tmp_path / name

    return write


def by_basicsr(path: Path) -> dict:
    with open(path) as file:
        return yaml.load(file, Loader=ordered_yaml()[0])


LOADERS = pytest.mark.parametrize('read', [read_options, by_basicsr])


@LOADERS
def test_differences(based, read):
    found = read(based('sub/mine.yml', base='../base.yml', without=['scale', 'train.loss.weight'],
                       set={'name': 'mine', 'train': {'augment': {'flip': True}, 'total_iter': None}},
                       add={'network_d': {'type': 'D'}, 'train': {'loss': {'reduction': 'sum'}}}))
    assert found == {'plugin': 'scgan_fan', 'name': 'mine', 'network_g': BASE['network_g'], 'network_d': {'type': 'D'},
                     'train': {'augment': {'flip': True}, 'loss': {'type': 'L1', 'reduction': 'sum'},
                               'total_iter': None}}
    assert type(found) is dict and copy.deepcopy(found) == found and 'flip: True' in dict2str(found)


@LOADERS
def test_a_block_of_another_type_replaces_the_whole_block(based, read):
    found = read(based(base='base.yml', set={'name': 'mine', 'network_g': {'type': 'B', 'depth': 2},
                                             'train': {'loss': {'type': 'L1', 'weight': 2.0}}}))
    assert found['network_g'] == {'type': 'B', 'depth': 2} and found['train']['loss'] == {'type': 'L1', 'weight': 2.0}
    assert list(found) == ['plugin', 'name', 'scale', 'network_g', 'train']


@LOADERS
def test_bases_of_bases_from_any_folder(based, read, tmp_path, monkeypatch):
    based('one/a.yml', base='../base.yml', set={'name': 'a', 'scale': 2})
    based('two/b.yml', base='../one/a.yml', set={'name': 'b'})
    monkeypatch.chdir(tmp_path / 'one')
    assert read(Path('../two/b.yml'))['scale'] == 2


@LOADERS
@pytest.mark.parametrize('kwds, message', [
    ({'base': 'bose.yml'}, r'mine.yml: base: there is no /.*/bose.yml; a base is named relative to'),
    ({'base': 'base.yml', 'set': {'name': 'm', 'train': {'los': 1}}},
     'set: train.los is not in .*base.yml; what is new'),
    ({'base': 'base.yml', 'without': ['train.los']}, 'without: train.los is not in .*base.yml'),
    ({'base': 'base.yml', 'without': ['trian.loss']}, 'without: trian.loss is not in .*base.yml'),
    ({'base': 'base.yml', 'add': {'train': {'loss': 1}}}, 'add: train.loss is in .*base.yml; another value'),
    ({'base': 'base.yml', 'set': {'scale': 2}}, 'set with a name'), ({}, 'needs base'),
    ({'base': 'base.yml', 'without': 'scale'}, 'without, a list'),
    ({'base': 'base.yml', 'sett': {}}, 'nothing else, such as sett'),
    ({'base': 'mine.yml'}, 'mine.yml: is based on itself')])
def test_mistakes(based, read, kwds, message):
    with pytest.raises(InputError, match=message):
        read(based(**{'set': {'name': 'mine'}, **kwds}))


@pytest.mark.parametrize('text', ['[1]', 'a: [', 'a: !!python/object/apply:os.getcwd []', None])
def test_no_option_file(tmp_path, text):
    if text is not None:
        (tmp_path / 'x.yml').write_text(text)
    with pytest.raises(InputError, match=r'x.yml: not a'):
        read_options(tmp_path / 'x.yml')


def test_a_copy_made_whole_needs_no_base_and_keeps_its_head(based, tmp_path):
    path = based(base='base.yml', set={'name': 'mine'})
    (tmp_path / 'run').mkdir()
    whole = Path(shutil.copy(path, tmp_path / 'run'))
    make_whole(whole, path)
    assert whole.read_text().startswith('# Mine.\nplugin: !!python/name:scgan_fan.__name__\nname: mine\n')
    assert by_basicsr(whole) == by_basicsr(path)
    before = (tmp_path / 'base.yml').read_text()
    make_whole(tmp_path / 'base.yml', path.parent / 'base.yml')
    assert (tmp_path / 'base.yml').read_text() == before


@pytest.mark.parametrize('file', ['ablation/heatmap_l1.yml', 'small/small_through.yml'])
def test_basicsr_parses_the_same(file, monkeypatch):
    """``parse_options`` as BasicSR has it, ``--force_yml`` of an inherited option included."""
    monkeypatch.setattr(sys, 'argv', ['train', '-opt', str(OPTIONS / file), '--force_yml',
                                      'train:heatmap_opt:pad=1.6', 'path:resume_state=x.state'])
    parsed, _ = parse_options('/root')
    read = read_options(OPTIONS / file)
    read['train']['heatmap_opt']['pad'] = 1.6
    assert parsed['path'].pop('resume_state') == 'x.state' and read['path'].pop('resume_state') is None
    assert {**parsed, 'path': {key: parsed['path'][key] for key in read['path']}} == {
        **read, 'dist': False, 'rank': 0, 'world_size': 1, 'auto_resume': False, 'is_train': True,
        'path': read['path'], 'datasets': {name: {**block, 'phase': name.split('_')[0], 'scale': 4}
                                           for name, block in read['datasets'].items()}}


def test_stock_basicsr_trains_and_resumes_and_its_copy_is_whole(faces, tmp_path):
    """The unmodified train.py, from another folder than the option file's."""
    (tmp_path / 'basicsr').mkdir()
    shutil.copy(Path(basicsr.__file__).parent / 'train.py', tmp_path / 'basicsr')
    (tmp_path / 'options').mkdir()
    write_options(tmp_path / 'options/base.yml', small(read_options(OPTIONS / 'train_scgan.yml'), faces))
    short = tmp_path / 'options/short.yml'
    short.write_text(f'{BASED_ON}\nkwds: {{base: base.yml, set: {{name: short, train: {{total_iter: 1}}}}}}\n')
    command = ['basicsr/train.py', '-opt', short, '--auto_resume', '--force_yml', 'logger:save_checkpoint_freq=1']
    run(command, tmp_path)
    result = run([*command, 'train:total_iter=2'], tmp_path)
    assert 'Resuming training from epoch: 0, iter: 1' in result.stderr
    whole = tmp_path / 'experiments/short/short.yml'
    assert whole.read_text().startswith('# GENERATE TIME') and by_basicsr(whole) == by_basicsr(short)
