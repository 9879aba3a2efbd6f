#!/usr/bin/env bash
# mypy --strict on the package and its stubs; the stubs against the compiled modules; mypy and pyright where users look.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# With the extras: their packages bring the types that the modules which use them are checked against.
python=$(installed_environment cli,plot)
"$python" -m pip install -q -r "$root/ci/requirements-types.txt"
cd "$scratch"
package=$("$python" -c "import fastgmm, pathlib; print(pathlib.Path(fastgmm.__file__).parent)")
[ -f "$package/py.typed" ] || { echo "py.typed is not installed" >&2; exit 1; }

# What is installed is checked, as a user's mypy would see it, stubs included.
"$python" -m mypy --config-file "$root/pyproject.toml" --cache-dir "$scratch/mypy" -p fastgmm

# Whatever the stubs name, the compiled modules must have, with these signatures. The stubs name what
# the package uses: what else stands in a module is its own.
modules=$("$python" - <<'P'
from pathlib import Path

from fastgmm import kernels

runs = [name.replace("-", "_") for name in kernels.BUILT if name in kernels.SUPPORTED]
stems = ["_detect", *(f"builds/{name}_{dtype}" for name in runs for dtype in ("f32", "f64"))]
modules = [f"fastgmm.kernels.{stem.replace('/', '.')}" for stem in stems]
for stem, module in zip(stems, modules):
    if not (Path(kernels.__file__).parent / f"{stem}.pyi").exists():
        raise SystemExit(f"{module} has no stubs")
print(*modules)
P
)
# shellcheck disable=SC2086 # one word per module
"$python" -m mypy.stubtest --concise --ignore-missing-stub --mypy-config-file "$root/pyproject.toml" $modules

# And what a user writes: a program that uses the whole API, arrays' dtypes included, by two checkers.
cp "$root/tests/project/typed_api.py" .
"$python" -m mypy --strict --cache-dir "$scratch/mypy" typed_api.py
echo '{"include": ["typed_api.py"], "typeCheckingMode": "strict"}' > pyrightconfig.json
"$python" -m pyright --pythonpath "$python"

# The public names are typed, and a wrong call is an error.
cat > right.py <<'P'
import numpy as np
from fastgmm import GaussianMixture, SufficientStatistics, load, show_config

model: GaussianMixture = GaussianMixture(2, covariance_type="diag").fit(np.zeros((9, 2)))
statistics: SufficientStatistics = model.e_step(np.zeros((9, 2))) + model.e_step(np.zeros((9, 2)))
again: GaussianMixture = load("x.gmm").m_step(statistics)
width: int = again.predict(np.zeros((9, 2))).shape[0]
total: SufficientStatistics = SufficientStatistics.total(model.e_step(b) for b in [np.eye(2)] * 3)
again = model.m_step(total - 0.5 * statistics * 0.5).reorder([1, 0]).set_params(reg_covar="auto")
GaussianMixture(2, reg_covar=1e-3, gap_tol=1e-4)
show_config()
P
cat > wrong.py <<'P'
from fastgmm import GaussianMixture

GaussianMixture("two")
GaussianMixture(covariance_type="round")
GaussianMixture(reg_covar="automatic")
GaussianMixture(gap_tol="automatic")
P
"$python" -m mypy --strict --cache-dir "$scratch/mypy" right.py
if "$python" -m mypy --strict --cache-dir "$scratch/mypy" wrong.py > "$scratch/log"; then
    echo "mypy accepts a call with wrong types: the annotations do not reach users" >&2
    exit 1
fi
[ "$(grep -c "arg-type" "$scratch/log")" = 4 ] || { cat "$scratch/log" >&2; exit 1; }
