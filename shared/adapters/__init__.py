"""The outside world behind the ports. Only ``shared.bootstrap`` chooses among these."""
