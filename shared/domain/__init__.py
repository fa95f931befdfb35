"""The rules of Seatsync: pure code without I/O, clock, environment or logging."""
