"""A fit of rows in Spark: each pass is one job of mapInArrow, and only statistics come back.

Run ``python examples/on_spark.py``; it needs ``pip install pyspark pyarrow`` and a Java runtime.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

import fastgmm
from fastgmm import GaussianMixture, SufficientStatistics


def fit(frame: DataFrame, n_components: int, **params: Any) -> GaussianMixture:
    """Fit a mixture to the numeric columns of a frame, best cached, as `fastgmm.fit_with`."""

    def one_pass(model: GaussianMixture) -> SufficientStatistics:
        def sums(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            of_batches = [model.e_step(batch).to_bytes() for batch in batches if batch.num_rows]
            yield pa.record_batch([pa.array(of_batches, pa.binary())], ["statistics"])

        found = frame.mapInArrow(sums, "statistics binary").toArrow()[0].to_pylist()
        return SufficientStatistics.total(map(SufficientStatistics.from_bytes, found))

    share = min(1.0, 20_000 / frame.count())
    sample = frame.sample(share, seed=0).toArrow()
    return fastgmm.fit_with(one_pass, sample, n_components, **{"random_state": 0, **params})


if __name__ == "__main__":
    spark = SparkSession.builder.master("local[2]").getOrCreate()
    blobs = [spark.range(50_000).selectExpr(f"randn({i}) + {9 * i} x", "randn() y") for i in (0, 1)]
    model = fit(blobs[0].union(blobs[1]).cache(), n_components=2)
    print(f"{model.n_passes_} passes; means {sorted(model.means_[:, 0].round(1).tolist())}")
