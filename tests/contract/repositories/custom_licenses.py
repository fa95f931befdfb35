"""What every ``CustomLicenseRepository`` does."""

from dataclasses import replace

import pytest

from shared.domain.custom import CopyOf, EntraUsers, GroupMembers
from shared.domain.errors import ConflictError, NotFoundError, StaleVersionError
from shared.domain.ids import CustomLicenseId
from tests.builders import CUSTOMER, E5_ROW, OTHER_CUSTOMER, a_custom_license
from tests.contract.repositories.stored import at_once

BACKUP = CustomLicenseId("backup")


class CustomLicensesContract:
    """A suite."""

    @pytest.mark.parametrize(
        "source",
        [
            EntraUsers(licensed_only=True, domain="contoso.example", enabled_only=False),
            EntraUsers(licensed_only=False, domain=None, enabled_only=True),
            GroupMembers("44444444-4444-4444-8444-444444444444", include_disabled=True),
            GroupMembers("44444444-4444-4444-8444-444444444444", False, nested=True),
            CopyOf((E5_ROW,)),
        ],
        ids=lambda source: type(source).__name__,
    )
    def test_a_custom_licence_comes_back_as_it_was_stored(self, stored, source):
        made = a_custom_license(source=source, name="Säule 'A' / 東京", retired=True)
        stored.custom_licenses.add(made)

        assert stored.custom_licenses.get(CUSTOMER, made.license_id).value == made

    def test_a_missing_one_is_an_error(self, stored):
        stored.custom_licenses.add(a_custom_license(customer_id=OTHER_CUSTOMER))

        with pytest.raises(NotFoundError):
            stored.custom_licenses.get(CUSTOMER, a_custom_license().license_id)

    def test_an_id_is_given_once(self, stored):
        stored.custom_licenses.add(a_custom_license(name="First"))

        with pytest.raises(ConflictError):
            stored.custom_licenses.add(a_custom_license(name="Second"))

    def test_a_save_needs_the_version_it_read(self, stored):
        read = stored.custom_licenses.add(a_custom_license())
        stored.custom_licenses.save(read, replace(read.value, name="Newer"))

        with pytest.raises(StaleVersionError):
            stored.custom_licenses.save(read, replace(read.value, name="Older"))
        with pytest.raises(StaleVersionError):
            stored.custom_licenses.delete(read)
        found = stored.custom_licenses.get(CUSTOMER, read.value.license_id)
        assert found.value.name == "Newer"

    def test_a_deleted_one_is_gone_and_may_be_deleted_again(self, stored):
        read = stored.custom_licenses.add(a_custom_license())

        stored.custom_licenses.delete(read)
        stored.custom_licenses.delete(read)

        assert stored.custom_licenses.of_customer(CUSTOMER) == ()

    def test_a_customers_are_listed_by_id_and_can_be_saved(self, stored):
        stored.custom_licenses.add(a_custom_license())
        stored.custom_licenses.add(a_custom_license(BACKUP))
        stored.custom_licenses.add(a_custom_license(customer_id=OTHER_CUSTOMER))

        found = stored.custom_licenses.of_customer(CUSTOMER)

        assert [one.value.license_id for one in found] == [BACKUP, a_custom_license().license_id]
        stored.custom_licenses.save(found[0], replace(found[0].value, name="Newer"))

    def test_of_two_saves_at_once_one_wins(self, stored):
        read = stored.custom_licenses.add(a_custom_license())

        answers = at_once(
            lambda: stored.custom_licenses.save(read, replace(read.value, name="One")),
            lambda: stored.custom_licenses.save(read, replace(read.value, name="Two")),
        )

        assert sum(isinstance(answer, StaleVersionError) for answer in answers) == 1
