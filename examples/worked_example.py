"""A mixture small enough for pencil and paper: one point under two components, then one EM step.

The mixture is N(2, 1) with weight 0.6 and N(5, 2) with weight 0.4; the second number is a variance.
The tutorial behind this example prints 0.107, 0.120, 0.112, 0.571 and 0.429 for the five numbers at
x = 3.5: its formulas are right, its arithmetic is not, and what stands here is what they give.
"""

import numpy as np

from fastgmm import GaussianMixture


def main() -> None:
    """Print every step."""
    model = GaussianMixture.from_parameters(
        weights=[0.6, 0.4],
        means=[[2.0], [5.0]],
        covariances=[[[1.0]], [[2.0]]],
        reg_covar=0.0,  # nothing is added to the variances, so that the M-step is the plain formula
    )

    x = [[3.5]]
    first, second = np.exp(model.component_log_density(x))[0]
    density = np.exp(model.score_samples(x))[0]
    responsibilities = model.predict_proba(x)[0]
    print("At x = 3.5")
    print(f"  density of component 1               p1 = {first:.6f}")
    print(f"  density of component 2               p2 = {second:.6f}")
    print(f"  density of the mixture                p = 0.6 p1 + 0.4 p2 = {density:.6f}")
    print(f"  responsibility of component 1        r1 = 0.6 p1 / p = {responsibilities[0]:.6f}")
    print(f"  responsibility of component 2        r2 = 0.4 p2 / p = {responsibilities[1]:.6f}")

    points = np.array([[1.0], [2.0], [3.5], [5.0], [6.5]])
    statistics = model.e_step(points)
    print("\nOne EM step on the points 1, 2, 3.5, 5 and 6.5")
    print(f"  log-likelihood before                {statistics.log_likelihood:.6f}")
    _print_row("sums of responsibilities, N_k", statistics.component_weight)
    model.m_step(statistics)
    _print_row("weights, N_k / N", model.weights_)
    _print_row("means, sum r x / N_k", model.means_[:, 0])
    _print_row("variances, sum r (x - mean)^2 / N_k", model.covariances_[:, 0, 0])
    print(f"  log-likelihood after                 {model.e_step(points).log_likelihood:.6f}")


def _print_row(what: str, values: np.ndarray) -> None:
    print(f"  {what:37}" + "  ".join(f"{value:.6f}" for value in values))


if __name__ == "__main__":
    main()
