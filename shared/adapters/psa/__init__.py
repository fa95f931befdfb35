"""One package for each PSA, and what several do alike. No PSA's package imports another's."""
