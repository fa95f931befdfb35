"""The parts of the local host: what the Functions host does, one concept a module."""
