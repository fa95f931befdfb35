"""Graph's JSON of users as what the domain knows."""

from collections.abc import Iterable
from sys import intern

from shared.adapters.http.payload import Payload
from shared.adapters.microsoft.fields import cleaned, guid
from shared.domain.errors import UnexpectedPayloadError
from shared.domain.ids import SkuId
from shared.domain.licensing import AssignedUser, UserDetails

BASIC_FIELDS = "id,displayName,userPrincipalName,assignedLicenses"
DETAIL_FIELDS = "department,officeLocation,city,state,accountEnabled,userType"


def assigned_users_of(
    rows: Iterable[Payload], *, details: bool = False
) -> tuple[AssignedUser, ...]:
    """Return the users with a licence, by name; one without a name goes by the address.

    Takes one row after the other and keeps little of each: users with the same licences share one
    set of them, users with the same details share those, and a licence's id is kept once for all.

    Args:
        details: Whether the rows have ``DETAIL_FIELDS`` too.

    Raises:
        UnexpectedPayloadError: A field is of a wrong kind, or a user came twice.
    """
    seen: set[str] = set()
    sets: dict[frozenset[SkuId], frozenset[SkuId]] = {}
    shared: dict[UserDetails, UserDetails] = {}
    users: list[AssignedUser] = []
    for row in rows:
        user_id = guid(row["id"])
        if user_id in seen:
            raise UnexpectedPayloadError(f"{row.where}.id: came twice")
        seen.add(user_id)
        sku_ids = frozenset(
            SkuId(intern(guid(one["skuId"]))) for one in row["assignedLicenses"].items()
        )
        if not sku_ids:
            continue  # lists lag behind: the last licence went since the filter looked
        address = row["userPrincipalName"].text()
        told = _details(row) if details else None
        users.append(
            AssignedUser(
                name=cleaned(row["displayName"]) or address,
                address=address,
                sku_ids=sets.setdefault(sku_ids, sku_ids),
                details=None if told is None else shared.setdefault(told, told),
            )
        )
    return tuple(sorted(users, key=lambda one: (one.name.casefold(), one.address.casefold())))


def _details(row: Payload) -> UserDetails:
    return UserDetails(
        department=cleaned(row["department"]),
        office=cleaned(row["officeLocation"]),
        city=cleaned(row["city"]),
        state=cleaned(row["state"]),
        enabled=row["accountEnabled"].flag_or_none() is not False,
        guest=cleaned(row["userType"]).casefold() == "guest",
    )
