"""Table ``connections``: a partition of refresh tokens, by the connection's name.

The one secret in the tables, which the storage account encrypts at rest. It cannot be an app
setting: it changes at each use.

Source:
    docs/adr/0013-two-ways-into-a-tenant.md
"""

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import key
from shared.adapters.tables.table import Tables
from shared.domain.errors import OperatorActionError
from shared.domain.ids import ConnectionName
from shared.ports import RefreshToken, Versioned

PARTITION = "refresh-tokens"


class RefreshTokenTable:
    """A ``RefreshTokens``."""

    def __init__(self, tables: Tables) -> None:
        codec = Codec[RefreshToken](RefreshToken, "a refresh token")
        self._entries = Entries(tables.table("connections"), codec)

    def get(self, name: ConnectionName) -> Versioned[RefreshToken] | None:
        entity = self._entries.table.get(PARTITION, key(name))
        if entity is None:
            return None
        try:
            return self._entries.value(entity)
        except OperatorActionError as error:
            damage = str(error)
        # Raised out here, so that the cause is left behind: it quotes what is stored.
        raise OperatorActionError(f"{name}: {damage}")

    def save(
        self,
        name: ConnectionName,
        read: Versioned[RefreshToken] | None,
        token: RefreshToken,
    ) -> Versioned[RefreshToken]:
        return self._entries.save(PARTITION, key(name), read, token)
