"""One story, told to any simulated PSA: companies, products, agreements and lines in its own terms.

The demo and the tests that run the whole stack say once what an MSP has, and a site turns it into
records of its PSA's simulator, reads the lines back, and says how Seatsync is connected to it.
"""
