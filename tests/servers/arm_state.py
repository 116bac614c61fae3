"""What a stand-in of Azure Resource Manager holds: workspaces and what they rely on.

Documents are plain dictionaries in ARM's shapes, which a test may change at will: each fault that
`doctor` is to find is one such change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SUBSCRIPTION = "5f3b6a0e-0000-4000-8000-000000000001"
GROUP = "ml"
TENANT = "72f988bf-0000-4000-8000-0000000000aa"
LOCATION = "westeurope"
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
MADE = {
    "createdBy": "Ada",
    "createdByType": "User",
    "createdAt": "2026-01-02T03:04:05.6789012Z",
    "lastModifiedAt": "2026-01-02T03:04:05.6789012Z",
    "lastModifiedBy": "Ada",
    "lastModifiedByType": "User",
}

Document = dict[str, Any]


def group_id(subscription: str, group: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


@dataclass
class Workspace:
    """A workspace with what is below it."""

    document: Document
    resources: Mapping[str, Document]
    """The stand-in's, by lower-case id."""
    connections: dict[str, Document] = field(default_factory=dict)
    """By name; with the credentials, which only `listsecrets` gives."""
    environments: dict[str, dict[str, Document]] = field(default_factory=dict)
    """Name to version to properties; the newest version last."""
    computes: dict[str, Document] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.document["id"])

    @property
    def option(self) -> str:
        """As the option `workspace` takes it: SUBSCRIPTION/GROUP/NAME."""
        parts = self.id.split("/")
        return f"{parts[2]}/{parts[4]}/{parts[8]}"

    @property
    def properties(self) -> Document:
        found: Document = self.document["properties"]
        return found

    @property
    def storage(self) -> Document:
        return self.resources[str(self.properties["storageAccount"]).lower()]

    @property
    def registry(self) -> Document:
        return self.resources[str(self.properties["containerRegistry"]).lower()]

    @property
    def compute(self) -> Document:
        """The cluster that builds images."""
        return self.computes[str(self.properties["imageBuildCompute"])]

    def connect(
        self,
        name: str,
        target: str = "https://pkgs.dev.azure.com/contoso",
        credentials: Mapping[str, str] | None = None,
        **properties: Any,
    ) -> Document:
        """Plant a connection, as made by hand: `connect("feed", target, {"pat": "..."})`.

        The authentication follows from the credentials; further properties as in ARM.
        """
        kind = {"pat": "PAT", "username": "UsernamePassword"}
        found: Document = {
            "category": "PythonFeed",
            "target": target,
            "authType": kind[next(iter(credentials))] if credentials else "None",
            "isSharedToAll": True,
            "metadata": {},
            **properties,
        }
        if credentials:
            found["credentials"] = dict(credentials)
        self.connections[name] = {"properties": found, "systemData": dict(MADE)}
        return self.connections[name]

    def register(self, name: str, *versions: str, **properties: Any) -> None:
        """Plant versions of an environment, oldest first."""
        held = self.environments.setdefault(name, {})
        for version in versions:
            held[version] = {"image": IMAGE, "tags": {}, "isArchived": False, **properties}


def _approved(endpoint: Document, owner: str, kind: str) -> Document:
    """A private endpoint as its target lists it."""
    return {
        "id": f"{owner}/privateEndpointConnections/{endpoint['name']}",
        "name": endpoint["name"],
        "type": f"{kind}/privateEndpointConnections",
        "properties": {
            "privateEndpoint": {"id": endpoint["id"]},
            "privateLinkServiceConnectionState": {
                "status": "Approved",
                "description": "Auto-Approved",
                "actionsRequired": "None",
            },
            "provisioningState": "Succeeded",
        },
    }


@dataclass(frozen=True)
class _Made:
    """What a workspace is made of."""

    subscription: str
    group: str
    name: str
    closed: bool

    @property
    def plain(self) -> str:
        return "".join(c for c in self.name.lower() if c.isalnum())

    @property
    def network(self) -> str:
        folder = group_id(self.subscription, self.group)
        return f"{folder}/providers/Microsoft.Network/virtualNetworks/ml"

    def one(self, of_type: str, name: str, properties: Document, **more: Any) -> Document:
        """A document of any type, e.g. "Microsoft.Storage/storageAccounts"."""
        space, *types = of_type.split("/")
        pairs = "/".join(f"{a}/{b}" for a, b in zip(types, name.split("/"), strict=True))
        return {
            "id": f"{group_id(self.subscription, self.group)}/providers/{space}/{pairs}",
            "name": name.rpartition("/")[2],
            "type": of_type,
            "location": LOCATION,
            **more,
            "properties": properties,
        }

    def endpoint(self, target: Document, group: str) -> Document:
        """A private endpoint, approved on its target when the set-up is a closed one."""
        found = self.one(
            "Microsoft.Network/privateEndpoints",
            f"{target['name']}-{group}",
            {
                "provisioningState": "Succeeded",
                "subnet": {"id": f"{self.network}/subnets/endpoints"},
                "privateLinkServiceConnections": [
                    {
                        "name": group,
                        "properties": {
                            "privateLinkServiceId": target["id"],
                            "groupIds": [group],
                            "privateLinkServiceConnectionState": {"status": "Approved"},
                        },
                    }
                ],
            },
        )
        listed = target["properties"].setdefault("privateEndpointConnections", [])
        listed.append(_approved(found, target["id"], target["type"]))
        return found

    def workspace(self) -> Document:
        access = "Disabled" if self.closed else "Enabled"
        properties = {
            "friendlyName": self.name,
            "description": "",
            "workspaceId": "9b1f3c52-0000-4000-8000-00000000f00d",
            "storageAccount": self.storage()["id"],
            "keyVault": self.one("Microsoft.KeyVault/vaults", f"{self.plain}kv", {})["id"],
            "applicationInsights": self.one("Microsoft.Insights/components", self.name, {})["id"],
            "containerRegistry": self.registry()["id"],
            "hbiWorkspace": False,
            "publicNetworkAccess": access,
            "discoveryUrl": f"https://{LOCATION}.api.azureml.ms/discovery",
            "v1LegacyMode": False,
            "provisioningState": "Succeeded",
            "privateEndpointConnections": [],
        }
        if self.closed:
            properties["imageBuildCompute"] = "image-build"
        return self.one(
            "Microsoft.MachineLearningServices/workspaces",
            self.name,
            properties,
            kind="Default",
            sku={"name": "Basic", "tier": "Basic"},
            identity={
                "type": "SystemAssigned",
                "principalId": "0d2b5a10-0000-4000-8000-00000000beef",
                "tenantId": TENANT,
            },
            tags={},
        )

    def storage(self) -> Document:
        owner = self.one("Microsoft.MachineLearningServices/workspaces", self.name, {})
        trusted = [{"tenantId": TENANT, "resourceId": owner["id"]}]
        return self.one(
            "Microsoft.Storage/storageAccounts",
            f"{self.plain}store",
            {
                "provisioningState": "Succeeded",
                "allowBlobPublicAccess": False,
                "allowSharedKeyAccess": True,
                "supportsHttpsTrafficOnly": True,
                "minimumTlsVersion": "TLS1_2",
                "publicNetworkAccess": "Disabled" if self.closed else "Enabled",
                "networkAcls": {
                    "bypass": "AzureServices",
                    "defaultAction": "Deny" if self.closed else "Allow",
                    "ipRules": [],
                    "virtualNetworkRules": [],
                    "resourceAccessRules": trusted if self.closed else [],
                },
                "primaryEndpoints": {"blob": f"https://{self.plain}store.blob.core.windows.net/"},
            },
            kind="StorageV2",
            sku={"name": "Standard_LRS", "tier": "Standard"},
        )

    def registry(self) -> Document:
        properties: Document = {
            "loginServer": f"{self.plain}images.azurecr.io",
            "provisioningState": "Succeeded",
            "adminUserEnabled": False,
            "publicNetworkAccess": "Disabled" if self.closed else "Enabled",
            "networkRuleBypassOptions": "AzureServices",
        }
        if self.closed:  # the other tiers have no network rules
            properties["networkRuleSet"] = {"defaultAction": "Deny", "ipRules": []}
        tier = "Premium" if self.closed else "Basic"
        return self.one(
            "Microsoft.ContainerRegistry/registries",
            f"{self.plain}images",
            properties,
            sku={"name": tier, "tier": tier},
        )


def cluster(size: str = "STANDARD_DS3_V2", subnet: str | None = None) -> Document:
    """The properties of a compute cluster, in a subnet or in none."""
    inner: Document = {
        "osType": "Linux",
        "vmSize": size,
        "vmPriority": "Dedicated",
        "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 2},
        "enableNodePublicIp": subnet is None,
        "allocationState": "Steady",
    }
    if subnet:
        inner["subnet"] = {"id": subnet}
    return {
        "computeType": "AmlCompute",
        "computeLocation": LOCATION,
        "provisioningState": "Succeeded",
        "disableLocalAuth": True,
        "properties": inner,
    }


def made_workspace(
    resources: dict[str, Document], subscription: str, group: str, name: str, *, closed: bool
) -> Workspace:
    """Add a healthy workspace with storage and registry.

    Closed: as "Secure an Azure Machine Learning workspace with virtual networks" describes it:
    private endpoints for all three, storage that trusts the workspace, a Premium registry that
    trusts Azure's services, a CPU cluster in the same network that builds images. Otherwise all
    are open to the internet, and images are built serverless.
    """
    made = _Made(subscription, group, name, closed)
    workspace, storage, registry = made.workspace(), made.storage(), made.registry()
    documents = [storage, registry]
    if closed:
        targets = ((workspace, "amlworkspace"), (storage, "blob"), (storage, "file"))
        documents += [made.endpoint(*pair) for pair in (*targets, (registry, "registry"))]
    documents.append(
        made.one(
            "Microsoft.Storage/storageAccounts/blobServices",
            f"{storage['name']}/default",
            {
                "deleteRetentionPolicy": {"enabled": True, "days": 7},
                "isVersioningEnabled": False,
            },
        )
    )
    resources.update({str(one["id"]).lower(): one for one in documents})
    found = Workspace(workspace, resources)
    if closed:
        found.computes["image-build"] = cluster(subnet=f"{made.network}/subnets/training")
    return found
