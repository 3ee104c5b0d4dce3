"""Nothing here runs code that a file carries: weights are read as data."""
import ast
import io
import os
from pathlib import Path

import pytest
import torch

from dangerous import Dangerous
from scgan_fan.checkpoint import fetching_weights

ROOT = Path(__file__).parent.parent
FILES = [ROOT / 'setup.py', ROOT / 'scgan_fan_startup.py',
         *(path for folder in ('scgan_fan', 'drawn_faces', 'scripts')
           for path in sorted((ROOT / folder).rglob('*.py')))]
RUNNING_MODULES = {'pickle', 'cPickle', 'dill', 'cloudpickle', 'joblib', 'shelve', 'marshal'}
RUNNING_CALLS = {'eval', 'exec', 'compile', '__import__'}
SAFE_IF = {  # call -> keyword and value that make it read data only
    'torch.load': ('weights_only', True), 'get_state_dict': ('weights_only', True),
    'load_state_dict_from_url': ('weights_only', True)}
FORBIDDEN_CALLS = {'yaml.load_all', 'yaml.unsafe_load', 'yaml.full_load', 'runpy.run_path'}
UNSAFE_KEYWORDS = {'allow_pickle': True, 'weights_only': False}


def findings(text: str) -> list[str]:
    """What could run code in a file, by line."""
    nodes = list(ast.walk(ast.parse(text)))
    safe_loaders = {'yaml.SafeLoader', *(node.name for node in nodes if isinstance(node, ast.ClassDef)
                                         and [ast.unparse(base) for base in node.bases] == ['yaml.SafeLoader'])}
    return [f'line {node.lineno}: {ast.unparse(node)[:80]}' for node in nodes
            if (isinstance(node, (ast.Import, ast.ImportFrom)) and imports_one_that_runs(node))
            or (isinstance(node, ast.Call) and calls_what_runs(node, safe_loaders))]


def imports_one_that_runs(node: ast.Import | ast.ImportFrom) -> bool:
    modules = [node.module or ''] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return any(module.split('.')[0] in RUNNING_MODULES for module in modules)


def calls_what_runs(node: ast.Call, safe_loaders: set[str]) -> bool:
    called = ast.unparse(node.func)
    if called == 'yaml.load':
        return len(node.args) < 2 or ast.unparse(node.args[1]) not in safe_loaders
    given = {keyword.arg: getattr(keyword.value, 'value', None) for keyword in node.keywords}
    keyword, value = SAFE_IF.get(called) or SAFE_IF.get(called.split('.')[-1]) or (None, None)
    return (called in RUNNING_CALLS | FORBIDDEN_CALLS or (keyword and given.get(keyword) is not value)
            or any(given.get(key) is value for key, value in UNSAFE_KEYWORDS.items()))


@pytest.mark.parametrize('text', [
    'import pickle', 'from joblib import load', 'eval("1")', 'torch.load(path)', 'torch.load(path, weights_only=False)',
    'np.load(path, allow_pickle=True)', 'yaml.load(file)', 'yaml.load(file, yaml.Loader)',
    'weights.get_state_dict(check_hash=True)',
    'torch.hub.load_state_dict_from_url(url)'])
def test_the_search_finds(text):
    assert findings(text)


@pytest.mark.parametrize('text', [
    'torch.load(path, weights_only=True)', 'np.load(path)', 'yaml.safe_load(file)', 'network.eval()', 're.compile("a")',
    'class Loader(yaml.SafeLoader): pass\nyaml.load(file, Loader)'])
def test_the_search_leaves_alone(text):
    assert not findings(text)


def test_the_package_has_none():
    found = {str(path.relative_to(ROOT)): findings(path.read_text(encoding='utf-8')) for path in FILES}
    assert len(found) > 50 and not {path: lines for path, lines in found.items() if lines}


def test_other_libraries_get_weights_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', raising=False)
    file = io.BytesIO()
    torch.save({'params': Dangerous()}, file)
    file.seek(0)
    with fetching_weights(), pytest.raises(Exception, match='Weights only load failed'):
        torch.load(file, weights_only=False)
    assert not (tmp_path / 'code_was_run').exists() and 'TORCH_FORCE_WEIGHTS_ONLY_LOAD' not in os.environ
