"""What a plan needs besides seats: the product, its price, and what the invoice text is made of.

Read only when a mapping or a profile asks for it, and at most once for each piece of work.
"""

from decimal import Decimal

from shared.domain.agreements import AgreementLine, Product
from shared.domain.commerce import Joined, joined, term_in_words
from shared.domain.descriptions import LineText, RowText, UserList, user_list
from shared.domain.errors import NotFoundError
from shared.domain.ids import ProductId, SkuId
from shared.domain.licensing import AssignedUser, LicenseRow, RowKind
from shared.domain.mappings import (
    DescriptionOptions,
    LineGroup,
    PriceKind,
    UserLabel,
    Usernames,
)
from shared.domain.plans import Member
from shared.domain.sharing import users_of
from shared.ports import PsaConnection, Services
from shared.usecases.books import Book
from shared.usecases.pauses import asking_tenant


class LineFacts:
    """The facts of one customer's lines. Not safe for threads.

    Reads raise what ``PsaGateway`` and ``LicenseSource`` raise, but ``ConnectionPausedError`` when
    Microsoft asks to wait: only the PSA may pause the PSA. An unread fact is never guessed.
    """

    def __init__(
        self,
        book: Book,
        psa: PsaConnection,
        services: Services,
        users: tuple[AssignedUser, ...] | None = None,
    ) -> None:
        self._book = book
        self._psa = psa
        self._services = services
        self._products: dict[ProductId, Product] = {}
        self._users = None if users is None else tuple(users_of(book.customer, users))

    def product(self, group: LineGroup) -> Product:
        """Return the group's product; one that is gone counts as inactive."""
        if group.product_id not in self._products:
            try:
                product = self._psa.gateway.get_product(group.product_id)
            except NotFoundError:
                name = str(group.product_id)
                product = Product(group.product_id, name, name, price=None, cost=None, active=False)
            self._products[group.product_id] = product
        return self._products[group.product_id]

    def price(self, group: LineGroup) -> Decimal | None:
        """Return the price of a seat that the profile sets; ``None`` leaves it to the PSA."""
        percent = group.price.kind is PriceKind.PERCENT
        return group.price.price(self.product(group).price if percent else None)

    def text(
        self, group: LineGroup, members: tuple[Member, ...], lines: tuple[AgreementLine, ...]
    ) -> LineText | None:
        """Return what the group's invoice text is made of; ``None`` when no row manages it."""
        billing = [m for m in members if m.mapping.effective_to is None]
        if not any(m.mapping.description.manages_text for m in billing):
            return None
        limit = self._psa.gateway.capabilities.description_limit
        return LineText(
            rows=tuple(self._row_text(m, limit) for m in billing),
            product_name=self._product_name(group, lines),
            limit=limit,
        )

    def _product_name(self, group: LineGroup, lines: tuple[AgreementLine, ...]) -> str:
        named = [x.product_name for x in lines if x.product_id == group.product_id]
        return next((name for name in named if name), None) or self.product(group).name

    def _row_text(self, member: Member, limit: int) -> RowText:
        options = member.mapping.description
        row = self._book.row(member.row_id)
        found = self._joined(row)
        unassigned = None if row is None or row.counts is None else row.counts.unassigned
        return RowText(
            row_id=member.row_id,
            name=member.name,
            options=options,
            term="" if found is None else term_in_words(found),
            ends=None if found is None else found.ends,
            unassigned=unassigned,
            users=self._user_list(row, options, limit),
        )

    def _joined(self, row: LicenseRow | None) -> Joined | None:
        """A split row's subscription with what Partner Center and a person say of it."""
        if row is None or row.kind is not RowKind.SUBSCRIPTION or self._book.record is None:
            return None
        [subscription] = row.subscriptions
        said = self._book.customer.stated_term(subscription.subscription_id)
        length = None if said is None else said.length
        return joined(subscription, self._book.record.partner, length)

    def _user_list(
        self, row: LicenseRow | None, options: DescriptionOptions, limit: int
    ) -> UserList | None:
        if options.usernames is Usernames.NONE or row is None or row.sku_id is None:
            return None
        return user_list(self._assigned(row.sku_id, options.show_users_as), limit)

    def _assigned(self, sku_id: SkuId, label: UserLabel) -> list[str]:
        if self._users is None:
            customer = self._book.customer
            source = self._services.connections.microsoft(customer.microsoft)
            with asking_tenant(customer.microsoft, customer.tenant_id, self._services):
                users = source.assigned_users(
                    customer.tenant_id, details=customer.filter is not None
                )
            # An invoice names nobody of another customer.
            self._users = users if customer.filter is None else tuple(users_of(customer, users))
        return [
            user.name if label is UserLabel.NAME else user.address
            for user in self._users
            if sku_id in user.sku_ids
        ]
