"""What Seatsync remembers, in Azure Table Storage: one module for each aggregate."""
