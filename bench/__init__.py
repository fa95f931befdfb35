"""What Seatsync costs in calls and time: ``make bench``. Nothing of it is deployed or asserted."""
