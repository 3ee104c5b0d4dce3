"""Texts for people, made of Jinja's templates, which lie beside the modules that fill them in."""
from importlib import resources

from jinja2 import Environment


def render(package: str, template: str, **values) -> str:
    """The text of a template, a file of the package; what it holds of ``values`` is escaped where it is HTML.

    >>> render('scgan_fan.benchmark', 'results.md.jinja', name='faces', tables=[], notes=['one', 'two'])
    '# faces\\n\\n- one\\n- two\\n'
    """
    text = resources.files(package).joinpath(template).read_text(encoding='utf-8')
    environment = Environment(autoescape='.html' in template, trim_blocks=True, lstrip_blocks=True,
                              keep_trailing_newline=True)
    return environment.from_string(text).render(values)
