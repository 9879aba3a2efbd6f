"""Peak memory of one call, above what the process held before it."""

from collections.abc import Callable
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # proc(5): sets the high-water mark VmHWM to the present size


def _kilobytes(field: str) -> int:
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise OSError(f"{_STATUS} has no {field}")


def peak_above(call: Callable[[], object]) -> float | None:
    """Return the megabytes that `call` takes at its peak; None where the system does not tell."""
    try:
        before = _kilobytes("VmRSS")
        _CLEAR.write_text(_RESET_PEAK, encoding="ascii")
    except OSError:
        call()
        return None
    call()
    return max(0.0, (_kilobytes("VmHWM") - before) / 1e3)
