"""How people are told: e-mail, a Teams workflow, a ticket in a PSA."""
