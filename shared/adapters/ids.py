"""Random names for new things."""

import secrets


class RandomIds:
    """An ``Ids`` of 16 hexadecimal digits: no two alike among billions."""

    def new(self) -> str:
        return secrets.token_hex(8)
