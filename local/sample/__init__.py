"""A made-up MSP: 12 customers, 44 licences, and the awkward cases that real tenants have.

``customers`` says what they bought and how it is billed; ``microsoft`` and ``connectwise`` turn
that into states of the simulators, ``rule`` into what the PSA must hold, and ``onboarding`` into
calls of Seatsync's own API. All dates follow from today, so the sample never goes stale.
"""
