"""A made-up MSP: 12 customers, 44 licences, and the awkward cases that real tenants have.

``customers`` says what they bought and how it is billed; ``microsoft`` turns that into a state of
its simulator, ``psa`` into a story for any PSA (``local.sites`` tells it in its terms), ``rule``
into what the PSA must hold, and ``onboarding`` into calls of Seatsync's own API. All dates follow
from today, so the sample never goes stale.
"""
