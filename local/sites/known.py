"""All sites."""

from local.sites.autotask import AutotaskSite
from local.sites.connectwise import ConnectWiseSite
from local.sites.halopsa import HaloPsaSite
from local.sites.site import Site
from local.sites.syncro import SyncroSite

DEFAULT = "connectwise"
SITES: dict[str, Site] = {
    site.name: site for site in (ConnectWiseSite(), AutotaskSite(), HaloPsaSite(), SyncroSite())
}
"""By the name that settings and simulators have for them."""
