"""A simulated Autotask PSA: its REST API, its own proration, and its approve-and-post run."""
