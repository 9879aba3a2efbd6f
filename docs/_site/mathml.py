"""Formulas as MathML, which browsers set themselves: nothing is loaded, offline or online."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert

WORD = re.compile(r"\\(log|det|max)(?![a-z_])")
"""Words that need a small space before what they are of, which MathML does not give them."""


def mathml(formula: str, display: str) -> str:
    """Return a formula of LaTeX as MathML.

    Parameters
    ----------
    formula : str
    display : {"inline", "block"}
        Whether it stands within a line or in a line of its own.
    """
    return str(convert(WORD.sub(r"\\\1\\,", formula), display=display))


def inline(self: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    self.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def display(self: Any, node: nodes.math_block) -> None:
    """Write a formula in a line of its own, which scrolls where it is too wide for a phone."""
    self.body.append(f'<div class="formula">{mathml(node.astext(), "block")}</div>\n')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx of the renderer."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
