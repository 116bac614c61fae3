"""Which uploads the Azure-Artifacts-shaped stand-in takes."""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tests.servers.feed_state import FeedServer

__all__ = ["form", "refusal"]


def form(content_type: str, body: bytes) -> tuple[dict[str, str], str, bytes]:
    """Take a multipart form apart: (fields, file name, file content)."""
    boundary = re.search(r'boundary="?([^";]+)', content_type)
    fields: dict[str, str] = {}
    file, content = "", b""
    if boundary is None:
        return fields, file, content
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode())[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        disposition = head.decode(errors="replace")
        name = re.search(r'[ ;]name="([^"]*)"', disposition)
        filename = re.search(r'filename="([^"]*)"', disposition)
        if filename:
            file, content = filename[1], value
        elif name:
            fields[name[1]] = value.decode(errors="replace")
    return fields, file, content


def refusal(  # noqa: PLR0911 - one return for each rule
    state: FeedServer, view: str | None, fields: dict[str, str], file: str, content: bytes
) -> tuple[int, str, str] | None:
    """(status, typeKey, message) when the feed does not take this upload."""
    name, version = canonicalize_name(fields.get("name", "")), fields.get("version", "")
    if view is not None:
        return 400, "InvalidOperation", "Packages cannot be published to a view."
    if fields.get(":action") != "file_upload" or not (file and content and name and version):
        return 400, "InvalidPublishRequest", "The upload form is not complete."
    if len(content) > state.largest:
        return 413, "PackageTooLarge", "The package exceeds 500 MiB."
    try:
        parsed = Version(version)
    except InvalidVersion:
        return 400, "InvalidVersionException", f"The version '{version}' is not valid."
    if parsed.local:
        return 400, "InvalidVersionException", "Local version segments are not allowed."
    email = fields.get("author_email", "")
    if email and "@" not in email:
        return 400, "InvalidMetadataException", f"The email '{email}' is invalid."
    if (name, version) in state.deleted | state.recycled:
        # azure-devops-docs #8488
        text = f"The package {name} {version} in {state.feed} has been deleted, and cannot be "
        return 409, "PackageVersionDeletedException", text + "republished"
    if file in state.upstream:
        # AZ400-DesigningandImplementingMicrosoftDevOpsSolutions #621
        text = f"'{name} {version}' cannot be published to the feed because it exists in at least "
        return 409, "PackageAlreadyExistsException", text + "one of the feed's upstream sources."
    versions = {stored.version for stored in state.files.values() if stored.name == name}
    if version not in versions and len(versions) >= state.most_versions:
        text = f"The package '{name}' has reached the limit of {state.most_versions} versions."
        return 403, "PackageLimitExceededException", text
    return None
