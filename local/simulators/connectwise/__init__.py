"""A small ConnectWise PSA: agreements, additions, catalog, and an invoice run of its own."""
