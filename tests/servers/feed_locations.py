"""Where the routes of the Azure-Artifacts-shaped stand-in are, as a host answers OPTIONS.

Ids and templates are those that the `azure-devops` client asks for and that its recorded requests
show (7.1.0b4); the real list is thousands long.
"""

from __future__ import annotations

from typing import Any

__all__ = ["AREAS", "locations"]

AREAS = {
    "Packaging": "7ab4e64e-c4d8-4f50-ae73-5ef2e21642a5",
    "pypi": "92f0314b-06c5-46e0-abe7-15fd9d13276a",
}
FEED = "{project}/_apis/packaging/Feeds/{feedId}"
PYPI = "{project}/_apis/packaging/feeds/{feedId}/{area}"
TEMPLATES = [
    ("e81700f7-3be2-46de-8624-2eb35882fcaa", "Location", "ResourceAreas",
     "_apis/{resource}/{areaId}"),
    ("00d9565f-ed9c-4a06-9a50-00e7896ccab4", "Location", "ConnectionData", "_apis/{resource}"),
    ("c65009a7-474a-4ad1-8b42-7d852107ef8c", "Packaging", "Feeds",
     "{project}/_apis/{area}/{resource}/{feedId}"),
    ("ed52a011-0112-45b5-9f9e-e14efffb3193", "Packaging", "RetentionPolicies",
     FEED + "/{resource}"),
    ("42a8502a-6785-41bc-8c16-89477d930877", "Packaging", "Views", FEED + "/{resource}/{viewId}"),
    ("be8c1476-86a7-44ed-b19d-aec0e9275cd8", "Packaging", "Permissions", FEED + "/{resource}"),
    ("7a20d846-c929-4acc-9ea2-0d5a7df1b197", "Packaging", "Packages",
     FEED + "/{resource}/{packageId}"),
    ("3b331909-6a86-44cc-b9ec-c1834c35498f", "Packaging", "Versions",
     FEED + "/Packages/{packageId}/{resource}/{packageVersionId}"),
    ("d146ac7e-9e3f-4448-b956-f9bb3bdf9b2e", "pypi", "versions",
     PYPI + "/packages/{packageName}/{resource}/{packageVersion}"),
    ("97218bae-a64d-4381-9257-b5b7951f0b98", "pypi", "content",
     PYPI + "/packages/{packageName}/versions/{packageVersion}/{fileName}/{resource}"),
    ("4e53d561-70c1-4c98-b937-0f22acb27b0b", "pypi", "packagesbatch", PYPI + "/{resource}"),
    ("07143752-3d94-45fd-86c2-0c77ed87847b", "pypi", "versions",
     PYPI + "/RecycleBin/packages/{packageName}/{resource}/{packageVersion}"),
    ("21b8c9a7-7080-45be-a5ba-e50bb4c18130", "pypi", "upstreaming",
     PYPI + "/packages/{packageName}/{resource}"),
]  # fmt: skip


def locations(areas: tuple[str, ...]) -> list[dict[str, Any]]:
    """What a host with these areas lists."""
    return [
        {"id": id_, "area": area, "resourceName": resource, "routeTemplate": template,
         "resourceVersion": 1, "minVersion": 1.0, "maxVersion": 7.2, "releasedVersion": "7.1"}
        for id_, area, resource, template in TEMPLATES
        if area in areas
    ]  # fmt: skip
