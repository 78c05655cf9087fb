"""The pages of a person whom a link in a mail names: unsubscribe (RFC 8058), preferences, and the mail in a browser.

A token is all the proof there is: no log-in, no cookies. A GET changes nothing: scanners fetch every link of a mail.
"""

from collections.abc import Callable, Mapping
from email.parser import BytesParser
from email.policy import HTTP
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qs

from connectors.cache.releases import Releases
from connectors.delivery.rights_routes import RightsDesk
from connectors.delivery.rights_told import EMAIL
from connectors.delivery.using_rights import UsingRights
from connectors.gateway.answers import Answer
from connectors.gateway.nodes import Nodes
from connectors.gateway.pages_html import (
    ALL_FIELD,
    PURPOSE_FIELD,
    Page,
    done_page,
    head_of,
    language_of,
    masked,
    nothing_page,
    preferences_page,
    text_version,
    unknown_page,
    unsubscribe_page,
)
from connectors.gateway.routing import Handler, Request, Route
from connectors.gateway.tokens import Claim, Purpose, Signer
from connectors.metrics.mail import MailMeter
from schemas.decisions import Rendered
from schemas.errors import SchemaError
from schemas.ids import SendId, UserId, WorkspaceId
from schemas.library import DeliverySettings, MessageClass
from schemas.profiles import ToldProfile
from schemas.rights import ALL, Asked, RightKind

BODY_MAX = 16 * 1024
FIELDS_MAX = 64
MARKETING = "marketing"
"""The purpose that means all of it, where a workspace tells no lists apart."""
ONE_CLICK, CENTRE = "one_click", "preferences"
"""Proof of where a right was used."""
_VIEW_POLICY = (
    b"script-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox allow-popups "
    b"allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation allow-forms"
)
"""A mail is somebody's content on our own address: its links lead on, and it runs nothing."""
_VIEW_HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (b"content-security-policy", _VIEW_POLICY),
)


class SentMessages(Protocol):
    """Finds what was sent."""

    def message(self, workspace: WorkspaceId, user: UserId, send_id: SendId) -> Rendered | None:
        """The message as it was sent; None where it is not remembered, or its person was erased."""


class Pages:
    """Answers `/u/`, `/p/` and `/v/`.

    sent   where sent messages are found, asked in order
    meter  counts who unsubscribes
    """

    meter: MailMeter | None = None

    def __init__(
        self,
        signer: Signer,
        releases: Releases,
        desk: RightsDesk,
        using: UsingRights,
        nodes: Nodes,
        sent: tuple[SentMessages, ...],
        *,
        clock_ms: Callable[[], int],
    ) -> None:
        self._signer = signer
        self._releases = releases
        self._desk = desk
        self._using = using
        self._nodes = nodes
        self._sent = sent
        self._clock_ms = clock_ms

    def routes(self) -> list[Route]:
        """The paths. `HEAD` is answered, and does nothing."""
        found = []
        for purpose, get, post, about in (
            (Purpose.UNSUBSCRIBE, self._ask, self._unsubscribe, "Unsubscribe: GET asks, POST acts (RFC 8058)"),
            (Purpose.PREFERENCES, self._choose, self._save, "What a person receives, to be chosen"),
            (Purpose.VIEW, self._view, None, "A sent mail in the browser"),
        ):
            path = (purpose.value, "{token}")
            handlers: dict[str, Handler] = {"GET": get, "HEAD": _headed(get)} | ({"POST": post} if post else {})
            for method, handler in handlers.items():
                whose = self._whose(purpose)
                is_view = purpose is Purpose.VIEW
                routed = (
                    self._nodes.at_owner(handler, whose)
                    if is_view
                    else self._nodes.at_primary(handler, whose, patient=method == "POST")
                )
                found.append(Route(method, path, None, routed, BODY_MAX, about=about, gives={200: "text/html"}))
        return found

    def _count(self, claim: Claim) -> None:
        if self.meter is not None:
            self.meter.add(claim.workspace, {"unsubscribed": 1})

    def _whose(self, purpose: Purpose) -> Callable[[Request], tuple[WorkspaceId, UserId] | None]:
        def found(request: Request) -> tuple[WorkspaceId, UserId] | None:
            claim = claim_of(self._signer, request, purpose)
            return None if claim is None else (claim.workspace, claim.user)

        return found

    async def _ask(self, request: Request) -> Answer:
        claim = claim_of(self._signer, request, Purpose.UNSUBSCRIBE)
        if claim is None:
            return unknown_page(_language(request))
        page, _ = self._page(request, claim)
        return unsubscribe_page(page, _path(request))

    async def _unsubscribe(self, request: Request) -> Answer:
        """Act, at once and however often: RFC 8058 asks for no more than the token."""
        claim = claim_of(self._signer, request, Purpose.UNSUBSCRIBE)
        if claim is None:
            return unknown_page(_language(request))
        is_all = ALL_FIELD in fields_of(request)
        purpose = ALL if is_all else self._list_of(claim)
        asked = [Asked(RightKind.UNSUBSCRIBE, self._clock_ms(), EMAIL, purpose)]
        telling = self._desk.telling(claim.workspace, claim.user, self._clock_ms(), ONE_CLICK)
        await self._using.use(claim.workspace, claim.user, asked, telling.rows(asked))
        self._count(claim)
        page, _ = self._page(request, claim)
        preferences = Claim(Purpose.PREFERENCES, claim.workspace, claim.template, claim.user, claim.send_id)
        return done_page(page, f"/{Purpose.PREFERENCES}/{self._signer.sign(preferences)}")

    async def _choose(self, request: Request) -> Answer:
        claim = claim_of(self._signer, request, Purpose.PREFERENCES)
        if claim is None:
            return unknown_page(_language(request))
        page, told = self._page(request, claim)
        if told is None:
            return nothing_page(page)
        return preferences_page(page, _path(request), self._purposes(claim, told), is_saved=False)

    async def _save(self, request: Request) -> Answer:
        """Let ticks hold. A tick that was not there is an explicit opt-in, and this page its proof."""
        claim = claim_of(self._signer, request, Purpose.PREFERENCES)
        if claim is None:
            return unknown_page(_language(request))
        page, told = self._page(request, claim)
        if told is None:
            return nothing_page(page)
        ticked = {*fields_of(request).get(PURPOSE_FIELD, ())}
        before = self._purposes(claim, told)
        now_ms = self._clock_ms()
        # Also those that were off: another list may be meant by it that this page does not know of.
        asked = [Asked(RightKind.UNSUBSCRIBE, now_ms, EMAIL, name) for name, on in before if on and name not in ticked]
        if not ticked:
            asked = [Asked(RightKind.UNSUBSCRIBE, now_ms, EMAIL, ALL)]
        telling = self._desk.telling(claim.workspace, claim.user, now_ms, CENTRE)
        agreed = [
            telling.opted_in(name, text_version(page.language)) for name, on in before if name in ticked and not on
        ]
        await self._using.use(claim.workspace, claim.user, asked, [*telling.rows(asked), *agreed])
        if asked:
            self._count(claim)
        shown = [(name, name in ticked) for name, _ in before]
        return preferences_page(page, _path(request), shown, is_saved=True)

    async def _view(self, request: Request) -> Answer:
        claim = claim_of(self._signer, request, Purpose.VIEW)
        if claim is None:
            return unknown_page(_language(request))
        rights = self._using.rights.of(claim.workspace, claim.user)
        is_erased = rights is not None and rights.erased_ms > 0
        for sent in () if is_erased else self._sent:
            message = sent.message(claim.workspace, claim.user, claim.send_id)
            if message is not None and message.html:
                return Answer(HTTPStatus.OK.value, _VIEW_HEADERS, message.html)
        return home(self._settings(claim), _language(request))

    def _page(self, request: Request, claim: Claim) -> tuple[Page, ToldProfile | None]:
        """What all pages say, and what is known of the person; None where that is nothing, or was erased."""
        told = self._desk.profile(claim.workspace, claim.user)
        rights = self._using.rights.of(claim.workspace, claim.user)
        if told is not None and (told.grave or (rights is not None and rights.erased_ms)):
            told = None
        settings = self._settings(claim)
        sender = settings.sender.name if settings and settings.sender.name else claim.workspace
        address = masked(told.contact.addresses.get(EMAIL, "")) if told else ""
        return Page(_language(request, told.locale if told else ""), sender, address), told

    def _purposes(self, claim: Claim, told: ToldProfile) -> list[tuple[str, bool]]:
        """What one may be written to about, and whether one is: lists of the newest release, and those agreed to."""
        newest = self._releases.newest(claim.workspace)
        templates = newest.release.templates if newest else ()
        names = {one.purpose for one in templates if one.message_class is MessageClass.MARKETING}
        permissions = {
            key.removeprefix(f"{EMAIL}/"): one
            for key, one in told.contact.permissions.items()
            if key.startswith(f"{EMAIL}/")
        }
        rights = self._using.rights.of(claim.workspace, claim.user)
        found = []
        for name in sorted(names | {name for name, one in permissions.items() if one.granted}):
            permission = permissions.get(name)
            off_ms = rights.unsubscribed(EMAIL, name) if rights else 0
            found.append((name, permission is not None and permission.granted and permission.at_ms > off_ms))
        return found

    def _list_of(self, claim: Claim) -> str:
        """The purpose that a message's class of mail has; all, where that is not told apart or known any more."""
        newest = self._releases.newest(claim.workspace)
        templates = newest.release.templates if newest else ()
        purpose = next((one.purpose for one in templates if one.name == claim.template), MARKETING)
        return ALL if purpose == MARKETING else purpose

    def _settings(self, claim: Claim) -> DeliverySettings | None:
        newest = self._releases.newest(claim.workspace)
        return newest.release.settings.delivery if newest else None


def claim_of(signer: Signer, request: Request, purpose: Purpose) -> Claim | None:
    """What the token of a request says; None where it is none of ours, or for something else."""
    try:
        claim = signer.read(request.values["token"])
    except SchemaError:
        return None
    # Mutant: do not look; then `test_a_token_is_good_for_its_own_page_only` fails.
    return claim if claim.purpose is purpose else None


def home(settings: DeliverySettings | None, language: str) -> Answer:
    """Where what is retired leads: the workspace's home, which nobody but its release names."""
    if settings is None or not settings.home_url.startswith("https://"):
        return unknown_page(language)
    return redirect(settings.home_url)


def redirect(address: str) -> Answer:
    """Leads to a fixed address of a release."""
    headers = (
        (b"location", address.encode()),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-robots-tag", b"noindex, nofollow"),
    )
    return Answer(HTTPStatus.FOUND.value, headers, b"")


def fields_of(request: Request) -> Mapping[str, list[str]]:
    """The fields of a form, by either encoding; none where the body is no form."""
    kind = request.headers.get(b"content-type", b"").decode("latin-1")
    if kind.lower().startswith("multipart/form-data"):
        head = f"content-type: {kind}\r\n\r\n".encode("latin-1", "replace")
        found: dict[str, list[str]] = {}
        for part in [*BytesParser(policy=HTTP).parsebytes(head + request.body).iter_parts()][:FIELDS_MAX]:
            name = part.get_param("name", header="content-disposition")
            if isinstance(name, str):
                value = part.get_payload(decode=True)
                text = value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
                found.setdefault(name, []).append(text.strip())
        return found
    try:
        return parse_qs(request.body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        return {}


def _headed(handler: Handler) -> Handler:
    """Answers HEAD as GET, without the body."""

    async def headed(request: Request) -> Answer:
        answer = await handler(request)
        if not isinstance(answer, Answer):
            raise TypeError("expected a page, whole")
        return head_of(answer)

    return headed


def _path(request: Request) -> str:
    return "/" + "/".join(request.path)


def _language(request: Request, told: str = "") -> str:
    return language_of(told, request.headers.get(b"accept-language", b"").decode("latin-1"))
