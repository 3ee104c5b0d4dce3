"""What people read: tables, numbers, pictures, and the page in a real browser."""
import json

import numpy as np
import pytest

from runs import run
from scgan_fan.benchmark import gallery, report, runner
from scgan_fan.benchmark.options import read_options
from scgan_fan.benchmark.results import Outcome, Results
from scgan_fan.benchmark.statistics import Estimate
from scgan_fan.benchmark.tables import DatasetTables
from scgan_fan.images import read_image
from scgan_fan.metrics.validation import Metric

BENCHMARK = ('-c', 'import sys; from scgan_fan import commands; sys.exit(commands.main())', 'benchmark')
DIFFERENCES = np.linspace(-0.1, 0.1, 101)


def results_of(values: dict[str, float], better: str = 'higher', published: dict | None = None, **not_run) -> Results:
    """Results on one set, whose bootstrap moves all methods by up to 1 together, and each by up to 0.1 alone."""
    metrics = {'psnr': Metric('psnr', {'type': 'calculate_psnr', 'crop_border': 0, 'better': better})}
    common = np.random.default_rng(0).uniform(-1, 1, len(DIFFERENCES))
    outcomes = {}
    for index, (name, value) in enumerate(values.items()):
        alone = np.random.default_rng(index).permutation(DIFFERENCES)
        outcomes[name] = Outcome(figures={'psnr': Estimate(value, value + common + alone)})
    outcomes.update({name: Outcome(not_run=reason) for name, reason in not_run.items()})
    options = {'baseline': next(iter(values)), 'published': published or {}}
    return Results(options, metrics, sets={'faces': range(250)}, competing=set(values) - {'truth'},
                   outcomes={'faces': outcomes})


def texts(rows) -> list[list[str]]:
    return [[cell.text for cell in row] for row in rows]


@pytest.mark.parametrize('better, values, best', [
    ('higher', {'a': 24.0, 'b': 25.0, 'c': 24.5}, 'b'), ('lower', {'a': 24.0, 'b': 25.0, 'c': 24.5}, 'a'),
    ('higher', {'a': 24.0, 'b': 25.0, 'c': 24.95}, None), ('higher', {'a': 24.0}, None),
    ('higher', {'a': 24.0, 'b': 25.0, 'truth': 90.0}, 'b')])
def test_the_best_is_bold_where_it_separates_from_each_other(better, values, best):
    tables = DatasetTables(results_of(values, better), 'faces')
    bold = [row[0].text for row in tables.figures().rows if row[1].best]
    assert bold == ([best] if best else [])


def test_figures_differences_and_published():
    results = results_of({'bicubic': 24.0, 'ours': 25.0, 'close': 24.05}, published={
        'bicubic': {'faces': {'psnr': 23.5}}, 'GFPGAN': {'faces': {'psnr': 22.25}}}, GFPGAN='file g.pth not found')
    figures, differences = DatasetTables(results, 'faces').all()
    assert figures.title == 'faces, N = 250'
    assert figures.header == ['method', 'psnr ↑', 'published', 'measured - published']
    rows = texts(figures.rows)
    assert rows[0][1].startswith('24.00 [2')
    assert [row[2:] for row in rows] == [['23.50', '+0.50'], ['–', '–'], ['–', '–'], ['22.25', '–']]
    assert rows[3][:2] == ['GFPGAN (not run: file g.pth not found)', '–']
    (name, ours), (_, close) = texts(differences.rows)
    assert name == 'ours'
    assert ours.startswith('+1.00 [+0.')
    assert ours.endswith('better')
    assert close.endswith('not separated')


def test_an_absent_set_still_shows_what_was_published():
    results = results_of({'ours': 1.0}, published={'ours': {'faces': {'psnr': 22.25}}})
    results.sets['faces'] = 'file f.lmdb not found'
    results.outcomes['faces'] = {'ours': Outcome(not_run='file f.lmdb not found')}
    table, = DatasetTables(results, 'faces').all()
    assert table.title == 'faces: not run: file f.lmdb not found'
    assert texts(table.rows) == [['ours', '–', '22.25', '–']]


@pytest.fixture
def written(benchmark_file, tmp_path):
    """A finished small benchmark: its results and the folder of its reports."""
    options = read_options(benchmark_file(
        note='<b>drawn</b> faces', published={'area': {'pairs': {'psnr': 20.0}}},
        methods={'bicubic': {'type': 'interpolation', 'mode': 'bicubic'},
                 'a | b': {'type': 'interpolation', 'mode': 'bilinear'},
                 'area': {'type': 'interpolation', 'mode': 'area'},
                 'GFPGAN': {'type': 'spandrel', 'weights': 'gone.pth'}, 'truth': {'type': 'truth'}}))
    results = runner.run(options, tmp_path / 'out')
    report.write(results, tmp_path / 'out')
    return results, tmp_path / 'out'


def test_markdown(written):
    results, out = written
    text = (out / 'results.md').read_text()
    figure = results.outcomes['pairs']['area'].figures['psnr']
    low, high = figure.interval
    assert f'| area | {figure.value:.2f} [{low:.2f}, {high:.2f}] | 20.00 | {figure.value - 20:+.2f} |' in text
    assert '| GFPGAN (not run: file gone.pth not found) | – |' in text
    assert r'| a \| b |' in text
    assert '- bicubic: interpolation to 64 px, bicubic, a = -0.5, antialiased; ' in text
    assert '- GFPGAN: not run: file gone.pth not found' in text
    assert '- psnr: type calculate_psnr, crop_border 0, better higher' in text
    assert '- real, N = 10; no figure to show' in text


def test_numbers(written):
    results, out = written
    data = json.loads((out / 'results.json').read_text())
    area = data['results']['pairs']['area']['metrics']['psnr']
    assert area['value'] == results.outcomes['pairs']['area'].figures['psnr'].value
    assert list(area['images']) == results.sets['pairs'].keys
    assert np.mean(list(area['images'].values())) == pytest.approx(area['value'])
    assert data['results']['pairs']['truth']['metrics']['psnr']['value'] is None  # infinite
    assert data['results']['pairs']['GFPGAN'] == {'not_run': 'file gone.pth not found'}
    assert data['versions']['torch']
    assert data['options']['seed'] == 0
    assert data['datasets']['pairs']['images'] == 4
    assert data['protocols']['area'] == 'interpolation to 64 px, area'


def test_picture_shows_each_face_and_its_details(written):
    results, out = written
    picture = read_image(out / 'comparison_pairs.png')
    columns, rows = 6, 4 * 3  # LR, three methods, truth, HR; four faces with two details each
    assert picture.shape == (22 + rows * 132, columns * 132, 3)
    face = results.sets['pairs'].faces([0]).gt[0]
    assert np.array_equal(picture[22:150:2, 5 * 132:5 * 132 + 128:2], face)
    mouth = gallery._detail(face, *gallery.DETAILS[1])
    assert np.array_equal(picture[22 + 264, 5 * 132], mouth[0, 0])


def test_page_in_a_browser(written, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.select import Select
    results, out = written
    browser.get((out / 'index.html').as_uri())

    def find(name):
        return browser.find_element(By.ID, name)

    def choose(name, text):
        Select(find(name)).select_by_visible_text(text)

    figure = results.outcomes['pairs']['area'].figures['psnr']
    assert f'{figure.value:.2f} [' in browser.find_element(By.TAG_NAME, 'table').text
    assert '<b>drawn</b> faces' in browser.find_element(By.TAG_NAME, 'body').text  # shown, not interpreted

    keys = results.sets['pairs'].keys
    assert find('left-name').text == 'bicubic'
    assert find('right-image').get_property('naturalWidth') == 64
    assert find('right-image').get_attribute('alt') == f'{keys[0]}, HR'
    choose('right', 'area')
    row = results.outcomes['pairs']['area'].rows['psnr'][0]
    assert find('right-scores').text == f'psnr {row:.2f}'

    body = browser.find_element(By.TAG_NAME, 'body')
    before = find('left-image').get_attribute('src')
    body.send_keys(Keys.ARROW_RIGHT)
    assert find('left-image').get_attribute('src') != before
    find('previous').click()
    assert find('left-image').get_attribute('src') == before
    body.send_keys(Keys.ARROW_LEFT)
    assert Select(find('sample')).first_selected_option.text == keys[-1]  # around the end

    divider = find('divider')
    assert find('left-image').value_of_css_property('clip-path') == 'inset(0px 50% 0px 0px)'
    divider.send_keys(Keys.ARROW_UP)
    assert find('left-image').value_of_css_property('clip-path') == 'inset(0px 49% 0px 0px)'
    divider.send_keys(Keys.ARROW_RIGHT)  # moves on from there, too
    assert Select(find('sample')).first_selected_option.text == keys[0]

    choose('set', 'real')
    assert [option.text for option in Select(find('left')).options] == ['LR', 'bicubic', 'a | b', 'area']
    assert find('left-scores').text == ''
    browser.find_elements(By.CSS_SELECTOR, '.strip button')[0].click()
    assert find('right-name').text == 'LR'
    assert find('right-image').get_property('naturalWidth') == 16

    names = [control.accessible_name for control in browser.find_elements(By.CSS_SELECTOR, '.bar *, .wipe input')
             if control.tag_name in ('select', 'button', 'input')]
    assert names == ['Dataset', 'Image', 'previous image', 'next image', 'Left', 'Right',
                     'where left meets right, percent']
    assert browser.execute_script('return performance.getEntriesByType("resource").length') == 0
    assert browser.get_log('browser') == []


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_page_is_legible_in_both_schemes(written, browser, scheme):
    """WCAG's contrast of the text to the page and to the cards, 4.5 or more."""
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {
        'features': [{'name': 'prefers-color-scheme', 'value': scheme}]})
    browser.get((written[1] / 'index.html').as_uri())

    def luminance(selector, name):
        colour = browser.execute_script('return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]',
                                        selector, name)
        linear = [((value / 255 + 0.055) / 1.055) ** 2.4 if value > 10 else value / 255 / 12.92
                  for value in map(int, colour[4:-1].split(', '))]
        return np.dot(linear, (0.2126, 0.7152, 0.0722))

    for text in ('h1', 'strong', 'thead th', 'small'):
        for behind in ('body', 'section'):
            light, dark = sorted((luminance(text, 'color'), luminance(behind, 'backgroundColor')), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5
    assert (luminance('body', 'backgroundColor') < 0.1) == (scheme == 'dark')


def test_command(benchmark_file, tmp_path):
    path = benchmark_file(methods={'area': {'type': 'interpolation', 'mode': 'area'},
                                   'GFPGAN': {'type': 'spandrel', 'weights': 'gone.pth'}})
    done = run([*BENCHMARK, '-opt', str(path), '-o', 'out', '--images', '2'], tmp_path)
    assert '## pairs, N = 2' in done.stdout
    assert 'GFPGAN: not run: file gone.pth not found' in done.stdout
    refused = run([*BENCHMARK, '-opt', str(path), '-o', 'out', '--methods', 'x'], tmp_path,
                  check=False)
    assert refused.returncode == 1
    assert refused.stderr == "error: --methods: 'x' is not in the option file; it has area, GFPGAN\n"
