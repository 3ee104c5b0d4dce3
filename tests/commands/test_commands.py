"""One entry point: it lists the commands and hands the rest of the line to one of them."""
import ast
import importlib
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from runs import program
from scgan_fan import commands
from scgan_fan.commands.doctor import report


@pytest.mark.parametrize('line', [[], ['--help'], ['-h']])
def test_help_lists_every_command(line, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['scgan-fan', *line])
    assert commands.main() == 0
    text = capsys.readouterr().out
    assert all(f'  {name} ' in text for name in commands.COMMANDS)


@pytest.mark.parametrize('module', [module for module, _ in commands.COMMANDS.values()])
def test_every_command_is_there(module):
    assert callable(importlib.import_module(module).main)


@pytest.mark.parametrize('name', [
    'restore', 'demo', 'benchmark', 'prepare', 'draw', 'lmdb', 'heatmaps', 'convert', 'export', 'experiments',
    'doctor'])
def test_help_of_a_command_has_an_example(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['scgan-fan', name, '--help'])
    with pytest.raises(SystemExit) as stop:
        commands.main()
    text = capsys.readouterr().out
    assert stop.value.code == 0 and text.startswith(f'usage: scgan-fan {name}')
    assert text.count(f'scgan-fan {name}') + text.count('python ') >= 2


def test_a_command_sees_its_own_line_and_gives_the_exit_status(monkeypatch):
    seen = []
    monkeypatch.setitem(commands.COMMANDS, 'mine', ('mine', 'nothing'))
    monkeypatch.setitem(sys.modules, 'mine', types.SimpleNamespace(main=lambda: seen.append(list(sys.argv)) or 3))
    monkeypatch.setattr(sys, 'argv', ['scgan-fan', 'mine', '-a', 'b'])
    assert commands.main() == 3 and seen == [['scgan-fan mine', '-a', 'b']]


def test_the_package_of_the_commands_is_one_itself():
    shown = subprocess.run([sys.executable, '-m', 'scgan_fan.commands', '--help'], capture_output=True, text=True)
    assert shown.returncode == 0 and shown.stdout.startswith('usage: scgan-fan COMMAND')


@pytest.mark.parametrize('line, said', [
    (['restore', '-i', 'a', '-o', 'b', '--margin', '0'], 'argument --margin: must be a number above 0'),
    (['restore', '-i', 'a', '-o', 'b', '--margin', 'nan'], 'argument --margin: must be a number above 0'),
    (['prepare', 'folder', 'a', '-o', 'b', '--margin', 'inf'], 'argument --margin: must be a number above 0'),
    (['prepare', 'folder', 'a', '-o', 'b', '--room', 'inf'], 'argument --room: must be a number from 1 on'),
    (['prepare', 'folder', 'a', '-o', 'b', '--val_share', 'nan'], 'argument --val_share: must be 0 to 1'),
    (['prepare', 'degrade', 'a', '-o', 'b', '--seed', '-1'], 'argument --seed: must be 0 or more'),
    (['demo', '--port', '0'], 'argument --port: must be from 1 to 65535'),
    (['heatmaps', 'a', '-o', 'b', '--pad', 'nan'], 'argument --pad: must be a number from 1 on')])
def test_numbers_out_of_range(line, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['scgan-fan', *line])
    with pytest.raises(SystemExit) as stop:
        commands.main()
    assert stop.value.code == 2 and said in capsys.readouterr().err


def test_messages_name_nothing_that_an_installed_package_lacks():
    """Scripts and option files lie in the repository alone; comments and docstrings may speak of them."""
    root = Path(commands.__file__).parents[1]
    for path in root.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, (ast.JoinedStr, ast.Call)):
                words = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
                named = [word for word in words if isinstance(word, str) and 'scripts/' in word]
                assert not named, f'{path}: {named}'


def test_unknown_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['scgan-fan', 'repair'])
    assert commands.main() == 2
    assert "error: unknown command 'repair'" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(signal, 'SIGPIPE'), reason='no pipes of this kind')
def test_a_reader_that_has_seen_enough_is_no_error():
    code = 'import sys; from scgan_fan import commands; sys.exit(commands.main())'
    with program([sys.executable, '-c', code, 'experiments'],
                 stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == ''
        process.wait(60)
    assert process.returncode == 128 + signal.SIGPIPE


def test_doctor_says_what_is_missing_and_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    lines = list(report())
    assert any(line.startswith('ok  torch ') for line in lines) and any('fan64.pth' in line for line in lines)
    missing = [line for line in lines if line.startswith('--  2DFAN4')]
    assert len(missing) == 1 and str(tmp_path) in missing[0] and 'https://' in missing[0]
    (tmp_path / 'hub/checkpoints').mkdir(parents=True)
    (tmp_path / 'hub/checkpoints/2DFAN4-11f355bf06.pth.tar').touch()
    assert any(line.startswith('ok  2DFAN4') for line in report())
