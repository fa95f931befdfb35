"""The settings that the Admins make for everybody."""

from shared.domain.preferences import Preferences
from shared.ports import Services, Versioned
from shared.usecases.versions import check_version


def save_preferences(
    preferences: Preferences, services: Services, *, if_match: str | None
) -> Versioned[Preferences]:
    """Replace the settings.

    Raises:
        StaleVersionError: Somebody saved them first.
    """
    read = services.settings.get()
    check_version(read.version, if_match, "the settings")
    return services.settings.save(read, preferences)
