"""The command that takes a model to new rows: `fastgmm adapt`."""

from __future__ import annotations

import argparse
from pathlib import Path

from fastgmm import SufficientStatistics, load
from fastgmm.cli.inputs import (
    gap_facts,
    name_of,
    open_source,
    say_gaps,
    tables_for,
    taken_gaps,
)
from fastgmm.cli.machine import model_facts, print_json
from fastgmm.cli.places import check_places
from fastgmm.cli.report import column_names_of, counted, print_summary
from fastgmm.cli.terminal import about, naming, open_results, print_pairs


def adapt(arguments: argparse.Namespace) -> None:
    """Write the model as some rows have adapted it, and print its components.

    The rows are gone through once, batch by batch.
    """
    model = load(arguments.model).set_params(n_threads=arguments.threads)
    arguments.gaps = taken_gaps(arguments, model)
    model.set_params(missing="em" if arguments.gaps == "em" else "error")
    source = open_source(arguments, model=model)
    check_places(arguments, [*source.files, Path(arguments.model)])
    name = name_of(arguments)
    with about(name):
        total = SufficientStatistics.total(
            model.e_step(table, sample_weight=weights)
            for table, weights in tables_for(model, source, name)
        )
        adapted = model.adapt(total, relevance=arguments.relevance, parts=arguments.parts)
    say_gaps(arguments, source)
    with naming(arguments.output):
        adapted.save(arguments.output)
    # The report is last: whoever reads it may close the pipe, and by then the file is written.
    with open_results(None):
        score = total.log_likelihood / total.weight
        if arguments.json:
            shown = model_facts(adapted, column_names_of(adapted))
            found = {"n_rows": total.n_samples, "log_likelihood": score, "model": shown}
            print_json(gap_facts(arguments, source) | found)
            return
        if arguments.quiet:
            return
        print_pairs(
            {
                "rows": counted(total.n_samples, "row"),
                "log-likelihood before": f"{score:.6f} per row",
                "adapted": ", ".join(arguments.parts),
            }
        )
        print()
        print_summary(adapted)
