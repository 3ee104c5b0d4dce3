"""The examples in the package's docstrings: ``pytest --doctest-modules scgan_fan`` runs the same."""
import doctest
import importlib
from pathlib import Path

import pytest

import scgan_fan

PACKAGE = Path(scgan_fan.__file__).parent
MODULES = ['.'.join(path.relative_to(PACKAGE.parent).with_suffix('').parts)
           for path in sorted(PACKAGE.rglob('*.py')) if '>>> ' in path.read_text(encoding='utf-8')]


@pytest.mark.parametrize('name', MODULES)
def test_examples(name):
    results = doctest.testmod(importlib.import_module(name))
    assert results.attempted > 0 and results.failed == 0
