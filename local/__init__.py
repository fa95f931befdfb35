"""What runs Seatsync on a laptop: the host, the storage emulator and the simulators. Never deployed."""
