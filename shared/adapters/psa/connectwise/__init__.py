"""ConnectWise PSA: agreements, and their additions, which are what we call lines."""
