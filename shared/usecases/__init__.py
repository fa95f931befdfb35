"""The verbs of Seatsync, one module each; they see the outside world only through ports."""
