"""What runs Seatsync on a laptop: the host, the emulator and the simulators. Never deployed."""
