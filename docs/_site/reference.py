"""The pages of the reference: one for each public name, made of its docstring."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

GROUPS = {
    "Mixtures": [
        "GaussianMixture",
        "BayesianGaussianMixture",
        "Snapshot",
        "NormalInverseWishart",
        "load",
    ],
    "Prediction of targets": ["GaussianMixtureClassifier", "GaussianMixtureRegressor"],
    "The number of components": [
        "select",
        "Selection",
        "Candidate",
        "bootstrap_lrt",
        "LikelihoodRatioTests",
        "LikelihoodRatio",
        "Criteria",
    ],
    "Many models, standard errors": [
        "fit_many",
        "FittedGroups",
        "GroupFit",
        "bootstrap",
        "Bootstrap",
        "ParameterArrays",
    ],
    "Sums of rows": ["SufficientStatistics", "fit_with", "compress"],
    "What a fit tells": ["Iteration", "Initialization", "Repair", "Stream"],
    "The installation": ["show_config", "get_include"],
}
"""The names of `fastgmm` on the page that lists them; a test holds it against `__all__`."""

MODULES = {
    "sources": "Data from files, frames, stores and streams",
    "plot": "Pictures",
    "errors": "Errors and warnings",
    "typing": "Types and words",
}
"""The public modules, each on a page of its own."""

HEAD = """# Reference

Every public name, from its docstring. `help(fastgmm.GaussianMixture)` says the same in Python.
What is not listed here is private and may move.
"""


def summary(value: Any) -> str:
    """Return the first sentence of a docstring, in one line."""
    paragraph = (inspect.getdoc(value) or "").split("\n\n")[0]
    return " ".join(paragraph.split())


def page_of(name: str, value: Any) -> str:
    """Return the page of a class or a function."""
    if not inspect.isclass(value):
        directive = f".. autofunction:: fastgmm.{name}"
    else:
        directive = f".. autoclass:: fastgmm.{name}\n   :members:\n   :inherited-members: tuple"
    return f"# {name}\n\n```{{eval-rst}}\n{directive}\n```\n"


def module_page(name: str, title: str) -> str:
    """Return the page of a public module: all names of its `__all__`."""
    module = importlib.import_module(f"fastgmm.{name}")
    lines = [f"# fastgmm.{name}: {title}", "", summary(module), "", "```{eval-rst}"]
    lines += [f".. currentmodule:: fastgmm.{name}", ""]
    for public in module.__all__:
        value = getattr(module, public)
        if inspect.isclass(value) and value.__module__.startswith("fastgmm"):
            lines += [f".. autoclass:: {public}", "   :members:", "   :inherited-members: Exception,tuple"]
        elif inspect.isfunction(value):
            lines += [f".. autofunction:: {public}"]
        else:
            lines += [f".. autodata:: {public}", "   :no-value:"]
        lines.append("")
    return "\n".join([*lines, "```", ""])


def reference() -> dict[str, str]:
    """Return the text of each page of the reference, by its place on the site."""
    package = importlib.import_module("fastgmm")
    pages, index, listed = {}, [HEAD], []
    for title, names in GROUPS.items():
        index += [f"## {title}", "", "| name | |", "|---|---|"]
        for name in names:
            value = getattr(package, name)
            pages[f"api/{name}.md"] = page_of(name, value)
            index.append(f"| [{name}]({name}.md) | {summary(value)} |")
            listed.append(name)
        index.append("")
    index += ["## Modules", "", "| module | |", "|---|---|"]
    for name, title in MODULES.items():
        pages[f"api/{name}.md"] = module_page(name, title)
        index.append(f"| [fastgmm.{name}]({name}.md) | {title} |")
        listed.append(name)
    index += ["", "```{toctree}", ":hidden:", "", *listed, "```", ""]
    pages["api/index.md"] = "\n".join(index)
    return pages
