"""All that Seatsync keeps in tables, as one file: ``python -m local backup`` and ``restore``."""
