"""What every simulator shares: contract checks, fault switches, a call log, the servers."""
