"""The thresholds that the Admins set."""

from shared.domain.guards import GuardSettings
from shared.ports import Services, Versioned
from shared.usecases.versions import check_version


def save_guards(
    guards: GuardSettings, services: Services, *, if_match: str | None
) -> Versioned[GuardSettings]:
    """Replace the thresholds.

    Raises:
        StaleVersionError: Somebody saved them first.
    """
    read = services.settings.guards()
    check_version(read.version, if_match, "the settings")
    return services.settings.save_guards(read, guards)
