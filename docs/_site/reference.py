"""The pages of the reference: the docstring of each name in the tables of `docs/api.md`."""

from __future__ import annotations

import importlib
import inspect
import re

LISTED = re.compile(r"^\| `(fastgmm\.)?(\w+)` \|", re.MULTILINE)
"""A line of the tables: a name of `fastgmm`, or a public module."""


def names_of(text: str) -> tuple[list[str], list[str]]:
    """Return the names and the modules that the page of the reference lists, in its order.

    Parameters
    ----------
    text : str
        The page.
    """
    found = LISTED.findall(text)
    return [name for of, name in found if not of], [name for of, name in found if of]


def page_of(name: str) -> str:
    """Return the page of a class or a function."""
    value = getattr(importlib.import_module("fastgmm"), name)
    directive = f".. autofunction:: fastgmm.{name}"
    if inspect.isclass(value):
        directive = f".. autoclass:: fastgmm.{name}\n   :members:\n   :inherited-members: tuple"
    return f"# {name}\n\n```{{eval-rst}}\n{directive}\n```\n"


def module_page(name: str) -> str:
    """Return the page of a public module: all names of its `__all__`."""
    module = importlib.import_module(f"fastgmm.{name}")
    about = (inspect.getdoc(module) or "").split("\n\n")[0]
    lines = [f"# fastgmm.{name}", "", about, "", "```{eval-rst}"]
    lines += [f".. currentmodule:: fastgmm.{name}", ""]
    for public in module.__all__:
        value = getattr(module, public)
        if inspect.isclass(value) and value.__module__.startswith("fastgmm"):
            lines += [f".. autoclass:: {public}", "   :members:"]
            lines += ["   :inherited-members: Exception,tuple"]
        elif inspect.isfunction(value):
            lines += [f".. autofunction:: {public}"]
        else:
            lines += [f".. autodata:: {public}", "   :no-value:"]
        lines.append("")
    return "\n".join([*lines, "```", ""])


def reference(text: str) -> dict[str, str]:
    """Return the pages of the reference by their place on the site, that of the list included.

    Parameters
    ----------
    text : str
        The page that lists the names.
    """
    names, modules = names_of(text)
    pages = {f"api/{name}.md": page_of(name) for name in names}
    pages |= {f"api/{name}.md": module_page(name) for name in modules}
    linked = LISTED.sub(r"| [`\1\2`](api/\2.md) |", text)
    entries = "\n".join(f"api/{name}" for name in [*names, *modules])
    pages["api.md"] = f"{linked}\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"
    return pages
