"""EM itself: E-step, M-step, the loop, its end, steps ahead of it, collapse, regularisation."""
