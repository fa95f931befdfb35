"""The probe: settles on a sandbox agreement what a PSA's documents leave open.

``command`` asks a person first and prints the answers, ``bench`` writes through the app's own
gateway and looks until it shows, and one module for each PSA asks its questions.
"""
