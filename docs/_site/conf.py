"""What Sphinx is told about the site; `build.py` puts its pages together and calls Sphinx."""

import re
import sys
from pathlib import Path
from typing import Any

import fastgmm

sys.path.insert(0, str(Path(__file__).resolve().parent))

project = "fastgmm"
author = "fastgmm developers"
version = release = fastgmm.__version__
project_copyright = author
language = "en"

extensions = [
    "mathml",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
root_doc = "index"

# Links to headings are those of code hosts, where the same pages are read.
myst_enable_extensions = ["attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 4

# A copied example has neither prompts nor results.
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

# Types stand in the sections of the docstrings, where they are words; signatures have names alone.
autodoc_typehints = "none"
autodoc_member_order = "groupwise"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_param = False
napoleon_use_rtype = False
# The types in docstrings are words of English, and no names that could be looked up.
nitpick_ignore_regex = [("py:.*", r".*")]
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = f"fastgmm {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_math_renderer = "mathml"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-dark"
# Pages of the site and files of the project are not one to one: there is no button to edit a page.
html_theme_options = {"top_of_page_buttons": []}


def link_pages(app: Any, kind: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Make links of the pages that a docstring names, such as docs/fits.md."""
    lines[:] = [re.sub(r"\bdocs/(\w+)\.md\b", r":doc:`/\1`", line) for line in lines]


def setup(app: Any) -> None:
    """Tell Sphinx of what is done to docstrings."""
    app.connect("autodoc-process-docstring", link_pages)
