"""AWS: keys to sign with, from where every AWS client looks, and a role taken on with them where one is named.

The chain is botocore's own: environment, profile (with assumed roles, SSO and ``credential_process``), web identity
(EKS), container (ECS, EKS pod identity), instance metadata (EC2).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from poise.edge.clouds.extra import Foreign, load
from poise.edge.clouds.signer import Grant, NotGranted
from poise.errors import Error

_HINT: Final = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile, or give the machine a role"


class Aws:
    """Keys of one account. profile is of ``~/.aws/config`` ('': the usual one), role the ARN of one to take on ('': none)."""

    name = "aws"

    def __init__(self, profile: str = "", region: str = "", role: str = "", session_name: str = "poise") -> None:
        self._profile = profile
        self._region = region
        self._role = role
        self._session_name = session_name
        self._known: Foreign = None

    def fetch(self) -> Grant:
        """See Source."""
        trouble = load("botocore.exceptions", "AWS")
        try:
            return self._fetched()
        except (trouble.BotoCoreError, trouble.ClientError, OSError, ValueError) as refused:
            raise NotGranted(f"{type(refused).__name__}: {refused}") from refused

    def _fetched(self) -> Grant:
        known, self._known = self._known, None  # looked for anew after a failure: what is there may have changed
        if known is None or not _expires_us(known):  # keys for good are read anew: files are replaced
            known = self._found()
        frozen = known.get_frozen_credentials()  # botocore asks for new ones where these end soon
        self._known = known
        return Grant((frozen.access_key, frozen.secret_key, frozen.token or ""), _expires_us(known))

    def _found(self) -> Foreign:
        session_of = load("botocore.session", "AWS")
        trouble = load("botocore.exceptions", "AWS")
        session = session_of.Session(profile=self._profile or None)
        if self._region:
            session.set_config_variable("region", self._region)
        try:
            known = session.get_credentials()
        except trouble.ProfileNotFound as none:
            raise Error("internal", str(none), hint="`aws configure list-profiles` shows those there are") from none
        if known is None:
            raise Error("internal", "no AWS credentials were found", hint=_HINT)
        return self._as_role(session, known) if self._role else known

    def _as_role(self, session: Foreign, known: Foreign) -> Foreign:
        credentials = load("botocore.credentials", "AWS")
        fetcher = credentials.AssumeRoleCredentialFetcher(
            client_creator=session.create_client,
            source_credentials=known,
            role_arn=self._role,
            extra_args={"RoleSessionName": self._session_name},
        )
        return credentials.DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")


def _expires_us(known: object) -> int:
    """0 for keys for good. The moment is private in botocore, which keeps it from nobody but says it to none."""
    expiry = getattr(known, "_expiry_time", None)
    return int(expiry.astimezone(UTC).timestamp() * 1e6) if isinstance(expiry, datetime) else 0
