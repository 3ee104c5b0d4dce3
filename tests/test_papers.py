"""docs/papers.md names code and tests that exist, and has the sections that the code cites."""
import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'docs/papers.md').read_text(encoding='utf-8')
TABLE = PAGE[PAGE.index('\n## 9.'):]
ROWS = [line.strip('| ').split(' | ') for line in TABLE.splitlines() if line.startswith('| ')][1:]
LINK = re.compile(r'\[([\w.]+)\]\(\.\./([\w./-]+)\)')
SECTIONS = set(re.findall(r'^#{2,3} (\d+(?:\.\d+)?)\.? ', PAGE, re.MULTILINE))
NUMBER = r'\d(?:\.\d)?'
CITATION = re.compile(rf'papers\.md,? (?:sections? )?({NUMBER}(?:(?:, | and | to ){NUMBER})*)')


def defined(path: Path) -> set[str]:
    """Functions, classes and methods (``Class.method``) of a file."""
    names = set()
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f'{node.name}.{part.name}' for part in node.body if isinstance(part, ast.FunctionDef)}
    return names


def missing(cell: str, folder: str) -> list[str]:
    """What a cell of the table names that is not there."""
    links = LINK.findall(cell)
    assert links and len(links) == cell.count('](') and all(file.startswith(folder) for _, file in links)
    return [f'{file}: {name}' for name, file in links if not (ROOT / file).is_file()
            or (file.endswith('.py') and name not in defined(ROOT / file))]


@pytest.mark.parametrize('row', ROWS, ids=[f'{row[0]}: {row[1]}' for row in ROWS])
def test_code_and_tests_of_each_row_exist(row):
    source, _, code, tests = row
    assert all(section in SECTIONS for section in re.findall(rf'§({NUMBER})', source))
    assert missing(code, ('scgan_fan/', 'options/')) == []
    assert missing(tests, 'tests/') == []


def test_every_printed_equation_has_a_row():
    sources = ' '.join(f'{row[0]} {row[1]}' for row in ROWS)
    listed = {(paper, number) for paper, numbers in re.findall(r'(SCGAN|LRGAN|Super-FAN) Eq ((?:\d+(?:, )?)+)', sources)
              for number in re.findall(r'\d+', numbers)}
    cited = {(paper, number) for paper, first, numbers in re.findall(
        r'(SCGAN|LRGAN|Super-FAN) Eqs? (\d+)((?:, \d+)*)', PAGE) for number in re.findall(r'\d+', first + numbers)}
    assert cited <= listed and ('Super-FAN', '4') in listed


def citations() -> list[tuple[str, str]]:
    """(file, section) of every citation; one may go over the end of a line, in a comment too."""
    found = []
    for file in sorted(path for folder in ('scgan_fan', 'options', 'tests') for path in (ROOT / folder).rglob('*')
                       if path.suffix in ('.py', '.yml') and path != Path(__file__)):
        text = re.sub(r'\s*\n\s*(?:# ?)?', ' ', file.read_text(encoding='utf-8'))
        found += [(str(file.relative_to(ROOT)), section) for listed in CITATION.findall(text)
                  for section in re.findall(NUMBER, listed)]
    return found


def test_cited_sections_exist():
    found = citations()
    assert len(found) > 50
    assert [(file, section) for file, section in found if section not in SECTIONS] == []
