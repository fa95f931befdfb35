"""One package for each PSA. None imports another."""
