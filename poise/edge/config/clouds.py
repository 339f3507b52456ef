"""What a provider at a cloud says beside its key: where it is, and whose credentials it shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from poise.edge.config.leaf import STRING, pattern, text_of
from poise.edge.config.node import Scalar
from poise.edge.config.problem import Findings
from poise.edge.config.spec import Leaf, Wrong
from poise.edge.vendors import CLOUDS, SETTINGS, VENDORS, Vendor, auth_of

MAX_CREDENTIALS_BYTES: Final = 64 * 1024  # of a file that is looked through for its project; a key has 2 KiB
_PROJECT: Final = re.compile(r"[a-z0-9][a-z0-9.:-]{0,62}")
_VERSION: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?")
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)
_PROFILE: Final = re.compile(r"[^\s\[\]#;=]([^\[\]\n\r\t]{0,126}[^\s\[\]])?")
_EXAMPLE: Final = {"vertex": "europe-west4", "bedrock": "eu-central-1"}
_PLACE: Final = {
    "vertex": re.compile("global|us|eu|[a-z]+-[a-z]+[0-9]+"),
    "bedrock": re.compile("[a-z]{2}(-[a-z]+)+-[0-9]+"),
}

Tell = Callable[[str, str, str, str], None]  # field, what is wrong with it, hint, its value


def _leaf(what: str, example: str, form: re.Pattern[str]) -> Leaf:
    def parse(node: Scalar, findings: Findings) -> object:
        text = node.text if isinstance(node.value, int | float) else text_of(node, f"a {what}", example)
        if not form.fullmatch(text):
            raise Wrong(f"is not a {what}", f"for example {example}")
        return text

    return Leaf(what, example, parse, STRING if form is _PROFILE else pattern(f"^{form.pattern}$"))


PROJECT: Final = _leaf("project of Google Cloud", "my-project", _PROJECT)
ROLE: Final = _leaf("role's ARN", "arn:aws:iam::123456789012:role/poise", _ROLE)
PROFILE: Final = _leaf("profile of AWS", "production", _PROFILE)
API_VERSION: Final = _leaf("version of Azure's API", "2024-10-21", _VERSION)


def check(name: str, there: Mapping[str, str], tell: Tell) -> None:
    """Tell what is missing or of no use. name is the vendor's; there is what the file says of the provider, right or wrong."""
    vendor = VENDORS[name]
    for field in SETTINGS:
        if field in there and field not in vendor.settings:
            takers = " and ".join(other for other, row in VENDORS.items() if field in row.settings)
            tell(field, f"is of no use at {name}", f"take it out; it is for {takers}", there[field])
    if "key" in there:
        for field in ("credentials", "profile", "role"):
            if field in there and field in vendor.settings:
                tell(field, "is of no use beside key", "take one of them out: with a key nothing else is shown", "")
    if "location" in vendor.needs and not there.keys() & {"location", "region"}:
        hint = f"add region: {_EXAMPLE[name]}, or location where workflows call it otherwise"
        tell("region", f"is missing: {name}'s address depends on it", hint, "")
    if "project" in vendor.needs and not there.keys() & {"project", "credentials"}:
        hint = "add project: my-project, or credentials: file:PATH of a file that names one"
        tell("project", f"is missing: it is part of every address at {name}", hint, "")


def is_no_place(vendor: str, location: str) -> str:
    """What to say where a cloud has no places that are called so; '' where it looks like one."""
    form = _PLACE.get(vendor)
    if form is None or not location or form.fullmatch(location):
        return ""
    return (
        f"does not look like a place of {vendor}; say location: {_EXAMPLE[vendor]} where region is a name of your own"
    )


def location_of(vendor: Vendor, location: str, region: str) -> str:
    """Where a cloud is asked: the provider's location, its region where not said; '' for vendors without."""
    return (location or region) if "location" in vendor.settings else ""


def shows_credentials(vendor: Vendor, *, key: bool) -> bool:
    """Whether something is shown that nobody else may see."""
    return key or auth_of(vendor, key=False).kind in CLOUDS


def project_in(file: str) -> str:
    """The project that a file of Google's credentials names, '' for none. Raises OSError and ValueError."""
    with Path(file).open("rb") as stream:
        raw = stream.read(MAX_CREDENTIALS_BYTES + 1)
    if len(raw) > MAX_CREDENTIALS_BYTES:
        raise ValueError(f"it is longer than {MAX_CREDENTIALS_BYTES} bytes")
    try:
        told = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("it is not a JSON object") from None  # without the text: it may be a key
    project = told.get("project_id") or told.get("quota_project_id") or ""
    return project if isinstance(project, str) and _PROJECT.fullmatch(project) else ""
