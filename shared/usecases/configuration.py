"""Everything that people decided, out as one value and in again; nothing of what was written.

Source:
    docs/adr/0021-configuration-in-and-out.md
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.domain.custom import CopyOf, CustomLicense, check_sources
from shared.domain.customers import Customer, CustomerState
from shared.domain.errors import ConflictError, InvalidInputError, NotFoundError
from shared.domain.ids import CustomerId, GroupId, ProfileId, RowId
from shared.domain.ledger import Ledger
from shared.domain.mappings import (
    BillingProfile,
    GlobalExclusion,
    Mapping,
    RowExclusion,
    group_of,
)
from shared.domain.preferences import Preferences
from shared.ports import Services, Versioned
from shared.usecases.compare_tenants import tenant_is_added
from shared.usecases.customers import delete_customer
from shared.usecases.exclusions import lines_billing, save_exclusions
from shared.usecases.profiles import moves_lines, price_problem

LONGEST_TOLD = 5


@dataclass(frozen=True, slots=True)
class CustomerConfiguration:
    """A customer with what people decided about its rows.

    Attributes:
        mappings: Current and superseded ones.
    """

    customer: Customer
    custom_licenses: tuple[CustomLicense, ...] = ()
    mappings: tuple[Mapping, ...] = ()
    excluded_rows: tuple[RowExclusion, ...] = ()


@dataclass(frozen=True, slots=True)
class Configuration:
    """What people decided; ``None`` says nothing about a part.

    Attributes:
        exclusions: Global ones; ``None`` while the list that costs nothing was never replaced.
        customers: Those that are not deleted.
    """

    preferences: Preferences | None
    exclusions: tuple[GlobalExclusion, ...] | None
    profiles: tuple[BillingProfile, ...] | None
    customers: tuple[CustomerConfiguration, ...] | None


class Action(StrEnum):
    """What an import does with one item."""

    CREATED = "created"
    CHANGED = "changed"
    REMOVED = "removed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ImportedItem:
    """What becomes of one item.

    Attributes:
        kind: settings, exclusions, billing_profile, customer, custom_license, mapping or
            excluded_row.
        name: What a person knows it by.
        why: Why it is refused; empty otherwise.
    """

    kind: str
    customer_id: CustomerId | None
    item_id: str
    name: str
    action: Action
    why: str = ""


def export_configuration(services: Services) -> Configuration:
    """Return all that people decided, each list by id; what was written to PSAs is not among it."""
    exclusions = services.exclusions.get()
    profiles = (read.value for read in services.profiles.all())
    customers = (c for c in services.customers.all() if c.state is not CustomerState.DELETED)
    return Configuration(
        preferences=services.settings.get().value,
        exclusions=exclusions.value if exclusions.version else None,
        profiles=tuple(sorted(profiles, key=lambda one: one.profile_id)),
        customers=tuple(
            _exported(one, services) for one in sorted(customers, key=lambda c: c.customer_id)
        ),
    )


def import_configuration(
    wanted: Configuration, services: Services, *, remove: bool, dry_run: bool, actor: str
) -> tuple[ImportedItem, ...]:
    """Bring the configuration to what is wanted, and say what became of each item.

    Nothing is applied while an item is refused. Ledgers, and so lines of PSAs, are never touched:
    what would move or end a line is refused, because only a preview shows what that bills. To
    repeat an import, also one that was interrupted, changes nothing more.

    Args:
        remove: Also take away what is not wanted; otherwise it stays.
        dry_run: Only say what would become of each item.

    Raises:
        ConflictError: Items are refused, and this is no dry run.
    """
    work = _Import(wanted, services, remove=remove, actor=actor)
    work.look()
    refused = [one for one in work.items if one.action is Action.REFUSED]
    if dry_run:
        return tuple(work.items)
    if refused:
        told = "; ".join(f"{one.kind} {one.name}: {one.why}" for one in refused[:LONGEST_TOLD])
        more = f"; and {len(refused) - LONGEST_TOLD} more" if len(refused) > LONGEST_TOLD else ""
        raise ConflictError(f"nothing was imported: {told}{more}")
    for step in work.steps:
        step()
    return tuple(work.items)


def _exported(customer: Customer, services: Services) -> CustomerConfiguration:
    customer_id = customer.customer_id
    mappings = (read.value for read in services.mappings.of_customer(customer_id))
    customs = (read.value for read in services.custom_licenses.of_customer(customer_id))
    return CustomerConfiguration(
        customer=customer,
        custom_licenses=tuple(sorted(customs, key=lambda one: one.license_id)),
        mappings=tuple(sorted(mappings, key=_place)),
        excluded_rows=tuple(
            sorted(services.mappings.exclusions(customer_id), key=lambda one: one.row_id)
        ),
    )


def _place(mapping: Mapping) -> tuple[str, str, str, str]:
    """What tells a mapping from the row's others, in the order of an export."""
    last = "" if mapping.effective_to is None else mapping.effective_to.isoformat()
    return mapping.row_id, last, mapping.profile_id, mapping.agreement_id


class _Import:
    """One import: looks first, and keeps the steps to take.

    Profiles come before mappings and a new customer last, so that a sync that runs meanwhile never
    sees a customer of which rows are missing.
    """

    def __init__(
        self, wanted: Configuration, services: Services, *, remove: bool, actor: str
    ) -> None:
        self.wanted = wanted
        self.services = services
        self.remove = remove
        self.actor = actor
        self.now: datetime = services.clock.now()
        self.items: list[ImportedItem] = []
        self.steps: list[Callable[[], object]] = []
        self.last_steps: list[Callable[[], object]] = []
        self.stored = {c.customer_id: c for c in services.customers.all()}
        self.profiles = {p.value.profile_id: p for p in services.profiles.all()}
        self.known_profiles = {key: read.value for key, read in self.profiles.items()}
        self.known_profiles |= {one.profile_id: one for one in wanted.profiles or ()}

    def look(self) -> None:
        """Find what becomes of each item."""
        self._preferences()
        self._exclusions()
        for profile in self.wanted.profiles or ():
            self._profile(profile)
        for one in self.wanted.customers or ():
            self._customer(one)
        if self.remove:
            self._removals()
        self.steps += self.last_steps

    def _note(
        self, kind: str, item_id: str, name: str, action: Action, *, of: CustomerId | None = None
    ) -> None:
        self.items.append(ImportedItem(kind, of, item_id, name, action))

    def _refuse(
        self, kind: str, item_id: str, name: str, why: str, *, of: CustomerId | None = None
    ) -> None:
        self.items.append(ImportedItem(kind, of, item_id, name, Action.REFUSED, why))

    # What all customers share -----------------------------------------------------------------

    def _preferences(self) -> None:
        wanted = self.wanted.preferences
        if wanted is None:
            return
        read = self.services.settings.get()
        same = read.value == wanted
        self._note("settings", "settings", "settings", _action(read.version or same, same))
        if not same:
            self.steps.append(lambda: self.services.settings.save(read, wanted))

    def _exclusions(self) -> None:
        wanted = self.wanted.exclusions
        if wanted is None:
            return
        read = self.services.exclusions.get()
        listed = tuple(sorted(wanted, key=lambda one: one.sku_id))
        same = bool(read.version) and read.value == listed
        new = {one.sku_id for one in listed} - {one.sku_id for one in read.value}
        billing = lines_billing(new, self.services)
        if billing:
            names = ", ".join(sorted({line.customer_name for line in billing}))
            why = f"lines bill what would be excluded, of {names}; exclude it on its page first"
            self._refuse("exclusions", "exclusions", "global exclusions", why)
            return
        self._note(
            "exclusions", "exclusions", "global exclusions", _action(bool(read.version), same)
        )
        if not same:
            self.steps.append(lambda: save_exclusions(listed, {}, self.services, if_match=None))

    def _profile(self, wanted: BillingProfile) -> None:
        read = self.profiles.get(wanted.profile_id)
        amount = price_problem(wanted)
        why = f"the amount of its price {amount}" if amount else ""
        if wanted.psa not in self.services.connections.psa_names():
            why = f"there is no PSA connection {wanted.psa}"
        elif read is not None and moves_lines(read.value, wanted) and self._bills(read.value):
            why = "rows are mapped to it, and this would move their lines; use a new profile"
        if why:
            self._refuse("billing_profile", wanted.profile_id, wanted.name, why)
            return
        same = read is not None and read.value == wanted
        self._note(
            "billing_profile", wanted.profile_id, wanted.name, _action(read is not None, same)
        )
        if same:
            return
        if read is None:
            self.steps.append(lambda: self.services.profiles.add(wanted))
        else:
            self.steps.append(lambda: self.services.profiles.save(read, wanted))

    def _bills(self, profile: BillingProfile) -> bool:
        return any(
            mapping.value.profile_id == profile.profile_id
            for customer_id in self.stored
            for mapping in self.services.mappings.of_customer(customer_id)
        )

    # Customers --------------------------------------------------------------------------------

    def _customer(self, wanted: CustomerConfiguration) -> None:
        customer = wanted.customer
        customer_id = customer.customer_id
        old = self.stored.get(customer_id)
        why = self._why_not(customer, old)
        if why:
            self._refuse("customer", customer_id, customer.name, why, of=customer_id)
            return
        kept = customer if old is None else _with_same_origin(customer, old)
        same = kept == old
        exists = old is not None and old.state is not CustomerState.DELETED
        self._rows_of(wanted)
        self._note("customer", customer_id, customer.name, _action(exists, same), of=customer_id)
        if old is None:
            self.steps.append(lambda: self.services.customers.add(customer))
        elif not same:
            self.steps.append(
                lambda: self.services.customers.save(self.services.customers.get(customer_id), kept)
            )
        if not exists:
            self.steps.append(lambda: tenant_is_added(customer.tenant_id, self.services))

    def _why_not(self, customer: Customer, old: Customer | None) -> str:
        connections = self.services.connections
        if customer.microsoft not in connections.microsoft_names():
            return f"there is no Microsoft connection {customer.microsoft}"
        if customer.psa not in connections.psa_names():
            return f"there is no PSA connection {customer.psa}"
        if old is not None and _identity(old) != _identity(customer):
            return "its tenant, company and connections are fixed; add another customer"
        given = {one.customer.customer_id: one.customer for one in self.wanted.customers or ()}
        others = {**self.stored, **given}
        for other in others.values():
            if (
                other.customer_id != customer.customer_id
                and other.state is not CustomerState.DELETED
                and (other.tenant_id, other.filter) == (customer.tenant_id, customer.filter)
            ):
                return f"customer {other.name} ({other.customer_id}) already has these users"
        return ""

    def _rows_of(self, wanted: CustomerConfiguration) -> None:
        customer_id = wanted.customer.customer_id
        ledgers = {
            read.value.group_id: read.value
            for read in self.services.ledgers.of_customer(customer_id)
        }
        for license_ in wanted.custom_licenses:
            self._custom_license(license_, wanted)
        excluded = {one.row_id for one in wanted.excluded_rows}
        stored = {_place(m.value): m for m in self.services.mappings.of_customer(customer_id)}
        current = {m.value.row_id: m for m in stored.values() if m.value.effective_to is None}
        for mapping in wanted.mappings:
            if mapping.effective_to is None:
                read = current.get(mapping.row_id)
            else:
                read = stored.get(_place(mapping))
            self._mapping(mapping, wanted.customer, read, ledgers, excluded)
        before = {one.row_id: one for one in self.services.mappings.exclusions(customer_id)}
        for exclusion in wanted.excluded_rows:
            self._excluded_row(exclusion, before.get(exclusion.row_id), current, ledgers)
        if self.remove:
            self._removed_rows(wanted, current, before, ledgers)

    def _custom_license(self, wanted: CustomLicense, beside: CustomerConfiguration) -> None:
        customer_id, license_id = wanted.customer_id, wanted.license_id
        read = self._stored_license(wanted)
        if isinstance(wanted.source, CopyOf):
            others = {
                x.row_id: x.source for x in beside.custom_licenses if x.row_id != wanted.row_id
            }
            try:
                check_sources(wanted.row_id, wanted.source, others, wanted.source.rows)
            except InvalidInputError as error:
                why = "; ".join(error.errors.values())
                self._refuse("custom_license", license_id, wanted.name, why, of=customer_id)
                return
        kept = wanted
        if read is not None:
            kept = replace(wanted, saved_by=read.value.saved_by, saved_at=read.value.saved_at)
        same = read is not None and read.value == kept
        self._note(
            "custom_license",
            license_id,
            wanted.name,
            _action(read is not None, same),
            of=customer_id,
        )
        if read is None:
            self.steps.append(lambda: self.services.custom_licenses.add(wanted))
        elif not same:
            self.steps.append(lambda: self.services.custom_licenses.save(read, wanted))

    def _stored_license(self, wanted: CustomLicense) -> Versioned[CustomLicense] | None:
        try:
            return self.services.custom_licenses.get(wanted.customer_id, wanted.license_id)
        except NotFoundError:
            return None

    def _mapping(
        self,
        wanted: Mapping,
        customer: Customer,
        read: Versioned[Mapping] | None,
        ledgers: dict[GroupId, Ledger],
        excluded: set[RowId],
    ) -> None:
        old = None if read is None else read.value
        profile = self.known_profiles.get(wanted.profile_id)
        why = ""
        if profile is None:
            why = f"there is no billing profile {wanted.profile_id}"
        elif profile.psa != customer.psa:
            why = f"its billing profile is for PSA {profile.psa}, its customer for {customer.psa}"
        elif wanted.effective_to is None and wanted.row_id in excluded:
            why = "the row is excluded too"
        elif old is not None and self._moves(old, wanted) and self._owns(old, ledgers):
            why = (
                "its line would move; change it on the customer's page, which shows what is billed"
            )
        elif old is None and wanted.effective_to is not None and self._owns(wanted, ledgers):
            why = "a row that left a line cannot be added to one that is billed"
        if why:
            self._refuse("mapping", wanted.row_id, wanted.row_id, why, of=wanted.customer_id)
            return
        same = old is not None and _by(wanted, old.saved_by, old.saved_at) == old
        self._note(
            "mapping",
            wanted.row_id,
            wanted.row_id,
            _action(old is not None, same),
            of=wanted.customer_id,
        )
        if same:
            return
        if wanted.effective_to is not None:
            self.steps.append(lambda: self.services.mappings.put(None, None, [wanted]))
            return
        if old is None:
            self.steps.append(
                lambda: self.services.mappings.include(wanted.customer_id, wanted.row_id)
            )
        # Nobody saw a preview of this: it keeps its moment, so that a large change is still held.
        kept = wanted if old is None else replace(wanted, saved_at=old.saved_at)
        self.steps.append(lambda: self.services.mappings.put(read, kept))

    def _moves(self, old: Mapping, wanted: Mapping) -> bool:
        before = self.known_profiles.get(old.profile_id)
        after = self.known_profiles.get(wanted.profile_id)
        if before is None or after is None:
            return True
        days = (old.effective_from, old.effective_to)
        return group_of(old, before) != group_of(wanted, after) or days != (
            wanted.effective_from,
            wanted.effective_to,
        )

    def _owns(self, mapping: Mapping, ledgers: dict[GroupId, Ledger]) -> bool:
        """Whether the mapping bills through a line that is known."""
        profile = self.known_profiles.get(mapping.profile_id)
        if profile is None:
            return False
        ledger = ledgers.get(group_of(mapping, profile).group_id)
        return ledger is not None and ledger.line_id is not None

    def _excluded_row(
        self,
        wanted: RowExclusion,
        old: RowExclusion | None,
        current: dict[RowId, Versioned[Mapping]],
        ledgers: dict[GroupId, Ledger],
    ) -> None:
        row_id, of = wanted.row_id, wanted.customer_id
        mapped = current.get(row_id)
        if mapped is not None and self._owns(mapped.value, ledgers):
            why = "its line would end; exclude it on the customer's page"
            self._refuse("excluded_row", row_id, row_id, why, of=of)
            return
        same = old is not None and old.leave_line == wanted.leave_line and mapped is None
        self._note("excluded_row", row_id, row_id, _action(old is not None, same), of=of)
        if same:
            return
        if mapped is not None:
            self.steps.append(lambda: self.services.mappings.put(mapped, None))
        self.steps.append(lambda: self.services.mappings.exclude(wanted))

    # What is not wanted -----------------------------------------------------------------------

    def _removed_rows(
        self,
        wanted: CustomerConfiguration,
        current: dict[RowId, Versioned[Mapping]],
        excluded: dict[RowId, RowExclusion],
        ledgers: dict[GroupId, Ledger],
    ) -> None:
        customer_id = wanted.customer.customer_id
        named = {m.row_id for m in wanted.mappings if m.effective_to is None}
        named |= {one.row_id for one in wanted.excluded_rows}
        for row_id, read in current.items():
            if row_id in named:
                continue
            if self._owns(read.value, ledgers):
                why = "its line would end; remove it on the customer's page"
                self._refuse("mapping", row_id, row_id, why, of=customer_id)
                continue
            self._note("mapping", row_id, row_id, Action.REMOVED, of=customer_id)
            self.steps.append(lambda read=read: self.services.mappings.put(read, None))  # type: ignore[misc] # bound per row
        for row_id in excluded.keys() - named:
            self._note("excluded_row", row_id, row_id, Action.REMOVED, of=customer_id)
            self.steps.append(
                lambda row_id=row_id: self.services.mappings.include(customer_id, row_id)  # type: ignore[misc] # bound per row
            )
        kept = {one.license_id for one in wanted.custom_licenses}
        for custom in self.services.custom_licenses.of_customer(customer_id):
            one = custom.value
            if one.license_id in kept:
                continue
            if one.row_id in current and self._owns(current[one.row_id].value, ledgers):
                why = "it is billed; delete it on the customer's page"
                self._refuse("custom_license", one.license_id, one.name, why, of=customer_id)
                continue
            self._note("custom_license", one.license_id, one.name, Action.REMOVED, of=customer_id)
            self.last_steps.append(
                lambda custom=custom: self.services.custom_licenses.delete(custom)  # type: ignore[misc] # bound per licence
            )

    def _removals(self) -> None:
        if self.wanted.customers is not None:
            named = {one.customer.customer_id for one in self.wanted.customers}
            for one in self.stored.values():
                if one.customer_id not in named and one.state is not CustomerState.DELETED:
                    self._note(
                        "customer", one.customer_id, one.name, Action.REMOVED, of=one.customer_id
                    )
                    self.last_steps.append(
                        lambda one=one: delete_customer(  # type: ignore[misc] # bound per customer
                            one.customer_id, self.services, if_match=None
                        )
                    )
        for read in self._unwanted_profiles():
            profile = read.value
            if self._bills(profile):
                why = "rows are mapped to it; map them to another first"
                self._refuse("billing_profile", profile.profile_id, profile.name, why)
                continue
            self._note("billing_profile", profile.profile_id, profile.name, Action.REMOVED)
            self.last_steps.append(lambda read=read: self.services.profiles.delete(read))  # type: ignore[misc] # bound per profile

    def _unwanted_profiles(self) -> Iterator[Versioned[BillingProfile]]:
        if self.wanted.profiles is None:
            return
        named: set[ProfileId] = {one.profile_id for one in self.wanted.profiles}
        for profile_id in sorted(self.profiles.keys() - named):
            yield self.profiles[profile_id]


def _action(exists: object, same: object) -> Action:
    if not exists:
        return Action.CREATED
    return Action.UNCHANGED if same else Action.CHANGED


def _identity(customer: Customer) -> tuple[str, ...]:
    return customer.microsoft, customer.tenant_id, customer.psa, customer.company_id


def _with_same_origin(wanted: Customer, old: Customer) -> Customer:
    """The customer as wanted, still added by whom it was; terms keep who said them."""
    said = {(one.subscription_id, one.length): one for one in old.terms}
    terms = tuple(said.get((one.subscription_id, one.length), one) for one in wanted.terms)
    return replace(wanted, added_by=old.added_by, added_at=old.added_at, terms=terms)


def _by(mapping: Mapping, who: str, at: datetime) -> Mapping:
    return replace(mapping, saved_by=who, saved_at=at)
