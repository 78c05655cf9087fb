"""One decision: whether a send that is due is granted now, with what message; else what becomes of it."""

from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus
from typing import NamedTuple, Protocol

import msgspec

from connectors.cache.exposures import exposure_of
from connectors.cache.releases import OpenRelease, Releases
from connectors.cache.rocks import Batch
from connectors.cache.rows import Served
from connectors.cache.store import CacheStore
from connectors.delivery import caps
from connectors.delivery.eligibility import Action, Facts, Verdict, judge
from connectors.delivery.queue import GRANTED, lane_of, paused_lane
from connectors.delivery.rights import RightsRow
from connectors.delivery.send_rows import SendRow, Turn
from connectors.delivery.shares import Share, is_in_share
from connectors.delivery.tracking import tracking_of
from connectors.gateway.choosing import Choosing, Chosen
from connectors.gateway.marks import MarkFiller
from connectors.gateway.problems import Problem
from schemas.codec import decode
from schemas.decisions import Exposure, Rendered
from schemas.draws import draw
from schemas.ids import Locale, UserId, WorkspaceId
from schemas.keys import user_key
from schemas.library import DeliverySettings, MessageClass, Template, TemplateKind, WorkspaceSettings
from schemas.profiles import ToldProfile
from schemas.sending import Grant, Headers, SendRecord, SendState, SkipReason
from schemas.worlds import WorldRef

CONTROL = "control"
"""Reason of default content that is sent though a candidate was there."""
TOO_LATE = "too_late"
RESTING = "the receiving domain rests"
EMAIL, PUSH = "email", "push"
FILE, WEBHOOK = "file", "webhook"
CHANNELS = (FILE, "smtp", "api", WEBHOOK)
"""As `foresend.yaml` names them."""
PAUSED, CANCELLED = -1, -2
"""What `Hooks.pace` answers in the place of a time to wait."""


class Hooks(Protocol):
    """What campaigns decide of their sends. Called under the store's lock `drawing`."""

    def pace(self, workspace: WorkspaceId, record: SendRecord, now_ms: int) -> int:
        """0: go, and it is counted; else after how many milliseconds to ask again; or `PAUSED`, `CANCELLED`."""

    def shares(self, workspace: WorkspaceId, campaign: str) -> tuple[float, float]:
        """A campaign's no-send holdout and default-content control; a control below 0: the workspace's."""

    def counted(self, batch: Batch, workspace: WorkspaceId, record: SendRecord) -> None:
        """A send comes to its end, or into doubt, in this batch."""


class NoCampaigns:
    """Hooks where there are no campaigns."""

    def pace(self, _workspace: WorkspaceId, _record: SendRecord, _now_ms: int) -> int:
        """Go."""
        return 0

    def shares(self, _workspace: WorkspaceId, _campaign: str) -> tuple[float, float]:
        """None."""
        return 0.0, 0.0

    def counted(self, _batch: Batch, _workspace: WorkspaceId, _record: SendRecord) -> None:
        """Nobody counts."""


class RightsOf(Protocol):
    """What somebody asked for."""

    def of(self, workspace: WorkspaceId, user: UserId) -> RightsRow | None:
        """What holds of somebody's rights now."""


SuppressedOf = Callable[[WorkspaceId, str, str, int], str | None]
"""Why an address may not be written to: of a workspace, a medium, the address, and when its owner opted in last."""
Tracked = Callable[[SendRecord, OpenRelease, Rendered], Rendered]
"""A message whose links are tracked, where its marks say so."""


TokenOf = Callable[[WorkspaceId, UserId, bytes], str]
"""What an envelope names a send by, of a workspace and user: letters and digits of one case."""


class Told(NamedTuple):
    """What the job is told of a send, once it is one."""

    exposure: Exposure
    world: WorldRef


class Case(NamedTuple):
    """Whom something would be sent, and by what rules.

    holdout  share of the campaign's audience that is not written to
    send     hash of the send; empty: there is none yet
    """

    workspace: WorkspaceId
    user: UserId
    template: Template
    settings: WorkspaceSettings
    campaign: str = ""
    holdout: float = 0.0
    send: bytes = b""


class Granting:
    """Decides. Called under the store's lock `drawing` only, from the event loop's thread.

    suppressed  None: nobody's address is known to be suppressed but by the profile
    tracked     None: links are left as they are
    """

    def __init__(
        self,
        store: CacheStore,
        releases: Releases,
        choosing: Choosing,
        marks: MarkFiller,
        rights: RightsOf,
        suppressed: SuppressedOf | None = None,
        tracked: Tracked | None = None,
        token_of: TokenOf | None = None,
    ) -> None:
        self._store = store
        self._releases = releases
        self._choosing = choosing
        self._marks = marks
        self._rights = rights
        self._suppressed = suppressed
        self._tracked = tracked
        self._token_of = token_of or _hex_token
        self.hooks: Hooks = NoCampaigns()

    def decide(self, turn: Turn, row: SendRow, now_ms: int, lease_ms: int) -> Grant | None:
        """The grant of a send that is due; None where it is not granted, and the turn says what becomes of it.

        Raises:
            Problem: 503, this node cannot know now; nothing was changed.
        """
        record = row.record
        if 0 < record.until_ms < now_ms:
            turn.change(row, ended(record, SendState.FAILED, now_ms, detail=TOO_LATE))
            return None
        newest = self._releases.newest(row.workspace)
        template = _template(newest, record)
        if newest is None or template is None:
            turn.change(row, _skipped(record, SkipReason.NOTHING_TO_SAY, "no_template", now_ms))
            return None
        settings = newest.release.settings.delivery
        channel = channel_of(settings, template)
        if (template.message_class, channel) != (record.message_class, record.channel):
            # Released otherwise since it was asked for: the workers of its channel are given it.
            lane = lane_of(template.message_class, channel)
            moved = msgspec.structs.replace(
                record, message_class=template.message_class, channel=channel, lane=lane, due_ms=now_ms
            )
            turn.change(row, moved)
            return None
        return self._of_person(turn, row, newest, template, now_ms, lease_ms)

    def _of_person(
        self, turn: Turn, row: SendRow, newest: OpenRelease, template: Template, now_ms: int, lease_ms: int
    ) -> Grant | None:
        record = row.record
        settings = newest.release.settings
        holdout, control = self.hooks.shares(row.workspace, record.campaign) if record.campaign else (0.0, 0.0)
        control = settings.delivery.control if control < 0 else control
        case = Case(row.workspace, record.user, template, settings, record.campaign, holdout, row.send)
        facts = self._facts(turn, case, now_ms)
        verdict = judge(facts)
        if verdict.reason is SkipReason.ERASED:
            turn.remove(row, now_ms)
            turn.ended.append(row._replace(record=_skipped(record, SkipReason.ERASED, "", now_ms)))
            return None
        if verdict.action is Action.SKIP:
            turn.change(row, _skipped(record, verdict.reason, verdict.detail, now_ms))
            return None
        if verdict.action is Action.HOLD:
            held = waiting(record, verdict.until_ms, SendState.HELD, reason=SkipReason.QUIET_HOURS)
            turn.change(row, held)
            return None
        address = facts.told.contact.addresses[facts.medium] if facts.told else ""
        record = msgspec.structs.replace(record, domain=address.rpartition("@")[2])
        if self._must_wait(turn, row, record, now_ms) or facts.told is None:
            return None
        is_control = is_in_share(Share.CONTROL, control, row.workspace, record.campaign, record.user)
        chosen = self._chosen(turn, row, facts.told, is_control, now_ms)
        if chosen is None:
            return None
        return self._grant(turn, row._replace(record=record), facts, verdict, template, chosen, lease_ms)

    def verdict(self, turn: Turn, case: "Case", now_ms: int) -> tuple[Verdict, str]:
        """What would be decided of somebody at a time, and the receiving domain. Nothing is written."""
        facts = self._facts(turn, case, now_ms)
        address = facts.told.contact.addresses.get(facts.medium, "") if facts.told else ""
        return judge(facts), address.rpartition("@")[2]

    def _facts(self, turn: Turn, case: "Case", now_ms: int) -> Facts:
        """What is looked at."""
        workspace, user, template = case.workspace, case.user, case.template
        packed = self._store.profile(user_key(workspace, user))
        told = decode(ToldProfile, packed) if packed is not None else None
        medium = EMAIL if template.kind is TemplateKind.EMAIL else PUSH
        address = told.contact.addresses.get(medium) if told is not None else None
        suppressed = None
        if told is not None and self._suppressed is not None and address:
            suppressed = self._suppressed(workspace, medium, address, told.contact.opted_in_ms.get(medium, 0))
        is_counted = template.message_class is MessageClass.MARKETING
        return Facts(
            message_class=template.message_class,
            purpose=template.purpose,
            medium=medium,
            told=told,
            is_erased=told is None and self._store.is_profile_erased(workspace, user),
            rights=self._rights.of(workspace, user),
            suppressed=suppressed,
            is_held_out=is_in_share(Share.HOLDOUT, case.holdout, workspace, case.campaign, user),
            counted=turn.counted(self._store.names.person(workspace, user)) if is_counted else (),
            send=case.send,
            settings=case.settings.delivery,
            zone=case.settings.timezone,
            now_ms=now_ms,
        )

    def _must_wait(self, turn: Turn, row: SendRow, record: SendRecord, now_ms: int) -> bool:
        """Put it off, or end it, where its receiver's domain rests or its campaign says so."""
        rests_ms = turn.rests_until(row.workspace, record.domain)
        if rests_ms > now_ms:
            turn.change(row, waiting(record, rests_ms, SendState.HELD, detail=RESTING))
            return True
        if not record.campaign:
            return False
        wait_ms = self.hooks.pace(row.workspace, record, now_ms)
        if wait_ms == CANCELLED:
            turn.change(row, ended(record, SendState.CANCELLED, now_ms))
        elif wait_ms == PAUSED:
            lane = paused_lane(record.campaign)
            turn.change(row, msgspec.structs.replace(record, lane=lane, state=SendState.HELD, detail="paused"))
        elif wait_ms > 0:
            turn.change(row, waiting(record, now_ms + wait_ms, SendState.QUEUED))
        return wait_ms != 0

    def _chosen(self, turn: Turn, row: SendRow, told: ToldProfile, is_control: bool, now_ms: int) -> Chosen | None:
        record, locale = row.record, Locale(told.locale)
        try:
            if is_control:
                return self._choosing.default(row.workspace, record.template, record.user, locale, CONTROL)
            return self._choosing.choose(
                row.workspace, record.template, record.user, lambda odds: draw(odds, record.send_id), locale
            )
        except Problem as problem:
            if problem.status is HTTPStatus.GONE:
                turn.remove(row, now_ms)
                turn.ended.append(row._replace(record=_skipped(record, SkipReason.ERASED, "", now_ms)))
            elif problem.status is HTTPStatus.NOT_FOUND:
                turn.change(row, _skipped(record, SkipReason.NOTHING_TO_SAY, problem.code, now_ms))
            else:
                raise
        return None

    def _grant(
        self,
        turn: Turn,
        row: SendRow,
        facts: Facts,
        verdict: Verdict,
        template: Template,
        chosen: Chosen,
        lease_ms: int,
    ) -> Grant:
        record, now_ms = row.record, facts.now_ms
        tracking = tracking_of(facts.settings, facts.told)
        marks = self._marks.marks(row.workspace, record.send_id, chosen.served, {}, tracking)
        served = msgspec.structs.replace(chosen.served, marks=marks)
        granted = _granted(record, served, verdict, now_ms)
        message = chosen.unfilled.filled(marks)
        if self._tracked is not None:
            message = self._tracked(granted, chosen.release, message)
        exposure = exposure_of(record.send_id, served, chosen.decision)
        world = self._choosing.world_of(chosen.decision)
        granted = msgspec.structs.replace(
            granted, digest=digest_of(message), exposure=msgspec.msgpack.encode(Told(exposure, world))
        )
        turn.rows.extend(self._choosing.refresh_rows(row.workspace, served))
        turn.granted.append(turn.change(row, granted))
        if template.message_class is MessageClass.MARKETING:
            turn.count(row.person, caps.reserved(facts.counted, caps.Counted(now_ms, row.send)))
        address = facts.told.contact.addresses[facts.medium] if facts.told else ""
        token = self._token_of(row.workspace, record.user, row.send)
        return _grant_of(row, granted, template, facts.settings, message, Envelope(address, token, lease_ms))


def channel_of(settings: DeliverySettings, template: Template) -> str:
    """By which channel a template's messages go. Where nothing is live, nothing leaves this installation."""
    if not settings.live:
        return FILE
    if template.kind is TemplateKind.BLOCK and settings.channel != WEBHOOK:
        return FILE
    return settings.channel


def digest_of(message: Rendered) -> str:
    """SHA-256 of a message, each part with its length before it."""
    found = sha256()
    for part in (message.subject.encode(), message.preheader.encode(), message.html, message.text, message.block):
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.hexdigest()


def waiting(
    record: SendRecord, due_ms: int, state: SendState, reason: SkipReason | None = None, detail: str = ""
) -> SendRecord:
    """A send that is looked at again at a time."""
    lane = lane_of(record.message_class, record.channel)
    return msgspec.structs.replace(
        record, state=state, due_ms=due_ms, lane=lane, reason=reason or "", detail=detail, ended_ms=0, exposure=b""
    )


def ended(record: SendRecord, state: SendState, now_ms: int, reason: str = "", detail: str = "") -> SendRecord:
    """A send at its end."""
    return msgspec.structs.replace(
        record, state=state, ended_ms=now_ms, lane="", reason=reason, detail=detail, exposure=b""
    )


def _skipped(record: SendRecord, reason: SkipReason | None, detail: str, now_ms: int) -> SendRecord:
    return ended(record, SendState.SKIPPED, now_ms, reason or "", detail)


def _granted(record: SendRecord, served: Served, verdict: Verdict, now_ms: int) -> SendRecord:
    return msgspec.structs.replace(
        record,
        state=SendState.GRANTED,
        lane=GRANTED,
        due_ms=now_ms,
        granted_ms=now_ms,
        attempt=record.attempt + 1,
        reason="",
        detail="",
        status="",
        control=served.reason == CONTROL,
        release=served.release,
        decision=served.decision,
        candidate=served.candidate,
        locale=served.locale,
        variants=dict(served.variants),
        body=served.body,
        marks=served.marks,
        propensity=served.propensity,
        probabilities=served.probabilities,
        fallback=served.reason,
        permission=verdict.permission,
    )


def _template(newest: OpenRelease | None, record: SendRecord) -> Template | None:
    if newest is None or record.template not in newest.templates:
        return None
    return next(one for one in newest.release.templates if one.name == record.template)


class Envelope(NamedTuple):
    """To whom, by what the send is named on its way, and for how long it may begin."""

    address: str
    token: str
    lease_ms: int


def _hex_token(_workspace: WorkspaceId, _user: UserId, send: bytes) -> str:
    return send.hex()


def _grant_of(
    row: SendRow,
    record: SendRecord,
    template: Template,
    settings: DeliverySettings,
    message: Rendered,
    envelope: Envelope,
) -> Grant:
    token = envelope.token
    sender = template.sender or settings.sender
    is_marketing = template.message_class is MessageClass.MARKETING
    url = record.marks["unsubscribe_url"] if is_marketing else ""
    # A mail unsubscribes by the page's token: it says itself whose it is, and works as long as the page does.
    headers = Headers(f"{token}@{sender.email.rpartition('@')[2]}", token, url, url.rpartition("/")[2])
    return Grant(
        workspace=row.workspace,
        send_id=record.send_id,
        user=record.user,
        template=record.template,
        message_class=template.message_class,
        channel=record.channel,
        address=envelope.address,
        sender=sender,
        locale=record.locale,
        subject=message.subject,
        preheader=message.preheader,
        html=message.html.decode(),
        text=message.text.decode(),
        headers=headers,
        digest=record.digest,
        attempt=record.attempt,
        lease_ms=envelope.lease_ms,
        at_ms=record.granted_ms,
        campaign=record.campaign,
        block=message.block.decode(),
    )
