"""What Azure's own models say of a resource: property names, and which words a property takes.

The models are of each service's newest version and so may know more than the version that a file
names; what they do not know is a typo.
"""

import enum
import sys
import types
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from azure.mgmt.applicationinsights.v2020_02_02 import models as insights
from azure.mgmt.applicationinsights.v2023_06_01 import models as workbooks
from azure.mgmt.authorization.v2022_04_01 import models as authorization
from azure.mgmt.consumption import models as consumption
from azure.mgmt.keyvault import models as keyvault
from azure.mgmt.loganalytics import models as loganalytics
from azure.mgmt.monitor import models as monitor
from azure.mgmt.msi import models as msi
from azure.mgmt.network import models as network
from azure.mgmt.storage import models as storage
from azure.mgmt.web import models as web

from tests.architecture.bicep import Expression, Object, Value

BICEP_OWN = {"parent", "scope", "dependsOn", "name"}
"""Properties of the language, and a name that the models count as read only."""

MODELS: dict[str, type] = {
    "Microsoft.Authorization/roleAssignments": authorization.RoleAssignmentCreateParameters,
    "Microsoft.Consumption/budgets": consumption.Budget,
    "Microsoft.Insights/actionGroups": monitor.ActionGroupResource,
    "Microsoft.Insights/components": insights.ApplicationInsightsComponent,
    "Microsoft.Insights/scheduledQueryRules": monitor.ScheduledQueryRuleResource,
    "Microsoft.Insights/workbooks": workbooks.Workbook,
    "Microsoft.KeyVault/vaults": keyvault.VaultCreateOrUpdateParameters,
    "Microsoft.KeyVault/vaults/secrets": keyvault.SecretCreateOrUpdateParameters,
    "Microsoft.ManagedIdentity/userAssignedIdentities": msi.Identity,
    "Microsoft.Network/privateEndpoints": network.PrivateEndpoint,
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": network.PrivateDnsZoneGroup,
    "Microsoft.Network/virtualNetworks": network.VirtualNetwork,
    "Microsoft.OperationalInsights/workspaces": loganalytics.Workspace,
    "Microsoft.Storage/storageAccounts": storage.StorageAccountCreateParameters,
    "Microsoft.Storage/storageAccounts/blobServices": storage.BlobServiceProperties,
    "Microsoft.Storage/storageAccounts/blobServices/containers": storage.BlobContainer,
    "Microsoft.Web/serverfarms": web.AppServicePlan,
    "Microsoft.Web/sites": web.Site,
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": (
        web.CsmPublishingCredentialsPoliciesEntity
    ),
    "Microsoft.Web/sites/config appsettings": web.StringDictionary,
    "Microsoft.Web/sites/config authsettingsV2": web.SiteAuthSettingsV2,
}
WITHOUT_MODEL: dict[str, set[str]] = {
    # Their models are in packages of their own, which are not worth a dependency each.
    "Microsoft.Network/privateDnsZones": {"location", "tags"},
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": {"location", "properties"},
    "Microsoft.Resources/resourceGroups": {"location", "tags"},
}


@dataclass(frozen=True)
class Shape:
    """What a value may be: an object's properties, a list's items, or words."""

    properties: dict[str, Any] = field(default_factory=dict)
    items: Any = None
    values: Any = None
    words: frozenset[str] = frozenset()
    open: bool = False


def faults_of(kind: str, body: Object) -> list[str]:
    """Return what Azure would refuse of a resource's body, with the line of each.

    Raises:
        KeyError: We have no model of such a resource.
    """
    if kind in WITHOUT_MODEL:
        return [
            f"line {one.line}: {name}"
            for name, one in body.items()
            if name not in WITHOUT_MODEL[kind] | BICEP_OWN
        ]
    own = {name: one for name, one in body.items() if name not in BICEP_OWN}
    return _faults(own, _shape(MODELS[kind]), 0)


def _faults(value: Value, shape: Shape, line: int) -> list[str]:
    if isinstance(value, Expression):
        return [fault for end in value.outcomes for fault in _faults(end, shape, line)]
    if isinstance(value, str) and shape.words and value not in shape.words:
        return [f"line {line}: {value} is none of {', '.join(sorted(shape.words))}"]
    if isinstance(value, list) and shape.items is not None:
        return [fault for one in value for fault in _faults(one, _of(shape.items), line)]
    if not isinstance(value, dict) or shape.open:
        return []
    if shape.values is not None:
        return [
            fault for one in value.values() for fault in _faults(one.value, _of(shape.values), 0)
        ]
    found = []
    for name, one in value.items():
        if name not in shape.properties:
            found.append(f"line {one.line}: there is no property {name}")
        else:
            found += _faults(one.value, _of(shape.properties[name]), one.line)
    return found


def _of(kind: Any) -> Shape:
    """The shape of an annotation, of a model, or of an old model's description of a type."""
    if isinstance(kind, Shape):
        return kind
    if get_origin(kind) in {Union, types.UnionType}:
        return _union([one for one in get_args(kind) if one is not type(None)])
    if get_origin(kind) is list:
        return Shape(items=get_args(kind)[0])
    if get_origin(kind) is dict:
        return Shape(values=get_args(kind)[1])
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return Shape(words=frozenset(str(one.value) for one in kind))
    return _shape(kind) if _is_model(kind) else Shape(open=True)


def _union(kinds: list[Any]) -> Shape:
    for kind in kinds:
        found = _of(kind)
        if found.words or not found.open:
            return found
    return Shape(open=True)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and kind.__module__.startswith("azure.mgmt.")


@cache
def _shape(model: type) -> Shape:
    old = getattr(model, "_attribute_map", None)
    if old is not None:
        return _old_shape(model, old)
    model()  # fills the table of its fields
    fields = model._attr_to_rest_field  # type: ignore[attr-defined]  # where the SDK keeps the names
    hints = _hints(model)
    return Shape(properties={one._rest_name: hints[name] for name, one in fields.items()})


def _hints(model: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in reversed(model.__mro__):
        if base.__module__.startswith("azure.mgmt.") and "__annotations__" in vars(base):
            module = sys.modules[base.__module__]
            package = sys.modules[base.__module__.rpartition(".")[0]]
            found |= get_type_hints(base, {**vars(module), "_models": package})
    return found


def _old_shape(model: type, described: dict[str, dict[str, str]]) -> Shape:
    module = sys.modules[model.__module__]
    top: dict[str, Any] = {}
    for one in described.values():
        first, _, rest = one["key"].partition(".")
        kind = _old_type(one["type"], module)
        if rest:
            nested = top.setdefault(first, Shape())
            nested.properties[rest] = kind
        else:
            top[first] = kind
    return Shape(properties=top)


def _old_type(text: str, module: types.ModuleType) -> Any:
    if text.startswith("["):
        return Shape(items=_old_type(text[1:-1], module))
    if text.startswith("{"):
        return Shape(values=_old_type(text[1:-1], module))
    return getattr(module, text, None) or Shape(open=True)
