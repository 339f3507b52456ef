"""The tables of ``wire.failures``: which vendor's word means which of our failures.

A code stands here without ``_``, ``-`` and capitals. Words that say nothing of the cause (invalid_request_error,
ValidationException, api_error, server_error) are left out on purpose: then the message, or the status, decides.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from poise.errors import Failure

MAX_WORDS_LENGTH: Final = 4_000  # characters of a message that are searched for words

_CODES: dict[Failure, str] = {
    Failure.RATE: """
        ratelimitexceeded ratelimiterror ratelimitreached ratelimitreachederror ratelimited toomanyrequests
        toomanyrequestserror toomanyrequestsexception requestquotaexceeded tokenquotaexceeded throttling
        throttlingexception throttled throttlingratequota throttlingallocationquota throttlinguser limitrequests
        requestlimitexceeded modelthrottled burstlimitexceeded tokensperminute tokens requests
    """,
    Failure.QUOTA: """
        insufficientquota quotaexceeded exceededcurrentquotaerror billingerror billingnotactive insufficientcredits
        insufficientbalance insufficientfunds arrearage prepaidbilloverdue postpaidbilloverdue commoditynotpurchased
        servicequotaexceededexception paymentrequired paymentrequirederror perdayquota creditbalancetoolow
        throttlingquotaexceeded freetierexhausted allocationquotafreetieronly insufficientbalanceerror
    """,
    Failure.SPEND_CAP: """
        billinghardlimitreached spendlimitexceeded spendinglimitexceeded budgetexceeded spendlimitreached
        monthlyspendlimitreached orgspendlimitreached blockedbyspendlimit
    """,
    Failure.OVERLOAD: """
        overloadederror overloaded engineoverloadederror engineoverloaded serverisoverloaded slowdown
        serviceunavailable serviceunavailableerror serviceunavailableexception modelnotreadyexception
        modelunavailable modelservingerror unavailableerror nocapacity capacityexceeded overcapacity
        modeloverloaded deploymentcapacityexceeded servicetemporarilyunavailable
    """,
    Failure.AUTH: """
        invalidapikey incorrectapikey wrongapikey authenticationerror invalidauthentication
        invalidauthenticationerror unauthorized unauthorizederror apikeyinvalid invalidtoken
        unrecognizedclientexception invalidsignatureexception expiredtokenexception missingauthenticationtoken
        missingauthenticationtokenexception incompletesignature accesstokentypeunsupported accesstokenexpired
        invalidorganization mismatchedorganization noorganization tokenexpired
    """,
    Failure.PERMISSION: """
        permissionerror permissiondeniederror accessdenied accessdeniedexception forbidden
        forbiddenerror modelaccessdenied accessdeniedunpurchased unsupportedcountryregionterritory
        requestforbidden servicedisabled consumerinvalid ipnotauthorized accountdeactivated accessterminated
        iampermissiondenied apikeyserviceblocked useriprestricted workspaceaccessdenied
    """,
    Failure.NOT_FOUND: """
        modelnotfound modelnotfounderror invalidmodel modelnotavailable modelnotsupported deploymentnotfound
        resourcenotfoundexception resourcenotfound notfounderror unknownmodel modeldecommissioned modeldeprecated
        modelnotexist
    """,
    Failure.CONTEXT_LENGTH: """
        contextlengthexceeded contextlengthexceedederror toomanytokens exceedcontextsizeerror contextwindowexceeded
        inputtoolong prompttoolong maxtokensexceeded contextoverflow
    """,
    Failure.CONTENT_FILTER: """
        contentfilter contentfiltered contentpolicyviolation responsibleaipolicyviolation moderationblocked
        datainspectionfailed contentpolicyerror safetyblocked promptblocked contentmoderationfailed
        inputcontentfiltered
    """,
    Failure.TOO_LARGE: """
        requesttoolarge requesttoolargeerror payloadtoolarge requestentitytoolarge stringabovemaxlength
        contentlengthexceeded bodytoolarge
    """,
    Failure.TIMEOUT: """
        timeouterror requesttimeout modeltimeoutexception deadlineexceeded gatewaytimeout
        upstreamtimeout servertimeout
    """,
    # the model wrote what cannot be used (a tool call that is none, JSON that does not fit): another may do better
    Failure.MALFORMED: "toolusefailed jsonvalidatefailed modelerrorexception",
    Failure.SERVER: "modelstreamerrorexception",
    Failure.BAD_REQUEST: "previousresponsenotfound invalidprompttype unsupportedparameter unsupportedvalue",
}
BY_CODE: Final[dict[str, Failure]] = {name: failure for failure, names in _CODES.items() for name in names.split()}

BY_VENDOR: Final[dict[tuple[str, str], Failure]] = {
    # Z.ai numbers its errors; so does Mistral, with numbers that mean something else
    ("zai", "1000"): Failure.AUTH,
    ("zai", "1001"): Failure.AUTH,
    ("zai", "1002"): Failure.AUTH,
    ("zai", "1003"): Failure.AUTH,
    ("zai", "1004"): Failure.AUTH,
    ("zai", "1112"): Failure.PERMISSION,
    ("zai", "1113"): Failure.QUOTA,
    ("zai", "1211"): Failure.NOT_FOUND,
    ("zai", "1220"): Failure.PERMISSION,
    ("zai", "1261"): Failure.CONTEXT_LENGTH,
    ("zai", "1301"): Failure.CONTENT_FILTER,
    ("zai", "1302"): Failure.RATE,
    ("zai", "1303"): Failure.RATE,
    ("zai", "1304"): Failure.QUOTA,
    ("zai", "1305"): Failure.OVERLOAD,
    ("zai", "1308"): Failure.QUOTA,
    ("mistral", "1500"): Failure.NOT_FOUND,
    ("mistral", "3050"): Failure.CONTEXT_LENGTH,
}

GOOGLE: Final[dict[str, Failure]] = {
    "INVALID_ARGUMENT": Failure.BAD_REQUEST,
    "FAILED_PRECONDITION": Failure.BAD_REQUEST,
    "OUT_OF_RANGE": Failure.BAD_REQUEST,
    "UNIMPLEMENTED": Failure.BAD_REQUEST,
    "ALREADY_EXISTS": Failure.BAD_REQUEST,
    "UNAUTHENTICATED": Failure.AUTH,
    "PERMISSION_DENIED": Failure.PERMISSION,
    "NOT_FOUND": Failure.NOT_FOUND,
    "RESOURCE_EXHAUSTED": Failure.RATE,  # for a minute, mostly; quotas of a day are told by their name
    "CANCELLED": Failure.SERVER,
    "ABORTED": Failure.SERVER,
    "DATA_LOSS": Failure.SERVER,
    "INTERNAL": Failure.SERVER,
    "UNKNOWN": Failure.SERVER,
    "UNAVAILABLE": Failure.OVERLOAD,
    "DEADLINE_EXCEEDED": Failure.TIMEOUT,
}

BY_STATUS: Final[dict[int, Failure]] = {
    401: Failure.AUTH,
    402: Failure.QUOTA,
    403: Failure.PERMISSION,
    404: Failure.NOT_FOUND,
    405: Failure.NOT_FOUND,  # there is something else at that address
    407: Failure.CONNECT,  # the proxy on the way wants its own credentials
    408: Failure.TIMEOUT,
    410: Failure.NOT_FOUND,
    413: Failure.TOO_LARGE,
    424: Failure.SERVER,  # Hugging Face: the generation failed
    425: Failure.OVERLOAD,
    429: Failure.RATE,
    451: Failure.PERMISSION,
    498: Failure.OVERLOAD,  # Groq: no capacity in the flexible tier
    499: Failure.SERVER,
    503: Failure.OVERLOAD,
    504: Failure.TIMEOUT,
    522: Failure.TIMEOUT,  # Cloudflare, before the vendor
    524: Failure.TIMEOUT,
    529: Failure.OVERLOAD,
}


class Words(NamedTuple):
    """all of one of the groups stand in the message, and the status is among statuses (0: in none)."""

    failure: Failure
    statuses: frozenset[int]
    groups: tuple[tuple[str, ...], ...]

    def applies(self, status: int, words: str) -> bool:
        """words: the message, in small letters."""
        if status not in self.statuses:
            return False
        return any(all(word in words for word in group) for group in self.groups)


_INSIDE = frozenset({200, 201, 202, 206})
_ASKED = frozenset({400, 403, 413, 422, 429, 500}) | _INSIDE  # where a vendor may say that the request is the cause
_KEY = frozenset({400, 402, 403, 429}) | _INSIDE
_TARGET = frozenset({429, 500, 502, 503, 504}) | _INSIDE

BY_WORD: Final[tuple[Words, ...]] = (
    Words(
        Failure.CONTEXT_LENGTH,
        _ASKED,
        (
            ("context length",),
            ("context window",),
            ("context size",),
            ("prompt is too long",),
            ("input is too long",),
            ("too many tokens",),
            ("maximum prompt length",),
            ("token count", "exceed"),
            ("reduce the length of the",),
            ("range of input length",),
            ("tokens", "must be <="),
        ),
    ),
    Words(
        Failure.TOO_LARGE,
        _ASKED,
        (("too many total text bytes",), ("request too large",), ("payload size exceeds",), ("body is too large",)),
    ),
    Words(
        Failure.SPEND_CAP,
        _KEY,
        (
            ("spend limit",),
            ("spending limit",),
            ("spend cap",),
            ("spending cap",),
            ("billing hard limit",),
            ("usage limits", "regain access"),
            ("monthly budget",),
        ),
    ),
    Words(
        Failure.QUOTA,
        _KEY,
        (
            ("credit balance",),
            ("insufficient", "balance"),
            ("insufficient", "credit"),
            ("insufficient", "funds"),
            ("out of credits",),
            ("included credits",),
            ("account is in good standing",),
            ("payment method", "required"),
        ),
    ),
    Words(
        Failure.CONTENT_FILTER,
        _ASKED,
        (
            ("content management policy",),
            ("usage policy", "violat"),
            ("usage policies", "violat"),
            ("content policy",),
            ("content filter",),
            ("safety system",),
            ("inappropriate content",),
            ("flagged", "moderation"),
            ("requires moderation",),
            ("violates", "guidelines"),
        ),
    ),
    Words(
        Failure.AUTH,
        _KEY,
        (
            ("api key", "incorrect"),
            ("api key", "not valid"),
            ("api key", "is invalid"),
            ("invalid api key",),
            ("api key expired",),
            ("unregistered callers",),
            ("authentication credentials",),
        ),
    ),
    Words(
        Failure.PERMISSION,
        _KEY,
        (("location is not supported",), ("country", "not supported"), ("organization has been disabled",)),
    ),
    Words(
        Failure.NOT_FOUND,
        frozenset({400, 403, 422}) | _INSIDE,
        (
            ("model", "does not exist"),
            ("model", "not found"),
            ("invalid model",),
            ("model identifier is invalid",),
            ("supported api model names are",),
            ("no endpoints found",),
            ("model", "has been deprecated"),
            ("requested model", "is not supported by any provider"),
        ),
    ),
    Words(
        Failure.OVERLOAD,
        _TARGET,
        (
            ("overloaded",),
            ("at capacity",),
            ("over capacity",),
            ("no capacity",),
            ("server busy",),
            ("currently loading",),
            ("loading model",),
            ("high demand", "try again later"),
        ),
    ),
    Words(
        Failure.RATE,
        _TARGET,
        (("rate limit",), ("rate-limited",), ("too many requests",), ("requests per minute",), ("tokens per minute",)),
    ),
    Words(
        Failure.BAD_REQUEST,  # llama.cpp answers these with 500, though the request, not the server, is the cause
        frozenset({500, 501}),
        (
            ("input is not supported",),
            ("requires --jinja",),
            ("cannot use both json_schema and grammar",),
            ("does not support",),
            ("failed to parse", "grammar"),
            ("unsupported content",),
        ),
    ),
)
