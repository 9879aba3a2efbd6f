"""EM itself: E-step, M-step, the loop, when it ends, steps ahead of it, collapse, regularisation."""
