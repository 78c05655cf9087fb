"""What a node does for people who use their rights, or follow a link of a mail: the parts, put together."""

from collections.abc import Callable

from connectors.delivery.rights_routes import RightsDesk
from connectors.delivery.using_rights import Leases, UsingRights
from connectors.erasure.listing import listing
from connectors.gateway.clicks import Clicks
from connectors.gateway.pages import Pages, SentMessages
from connectors.gateway.routing import Route
from connectors.metrics.mail import MailMeter
from foresend.serving_delivery import Base
from schemas.ids import SendId, WorkspaceId


def people_routes(
    base: Base,
    leases: Leases,
    sent: SentMessages,
    told_of_click: Callable[[WorkspaceId, SendId], None] | None = None,
    meter: MailMeter | None = None,
) -> list[Route]:
    """The paths of rights, of pages, and of tracked links.

    leases  of what was granted: an acknowledgement waits for them
    sent    where messages of grants are found; draws' are found too
    told_of_click  is given the send of each click that may be told
    meter   counts what links of mails tell
    """
    signer, store, nodes, clock_ms = base.signing.signer, base.store, base.nodes, base.clock_ms
    using = UsingRights(store, leases)
    desk = RightsDesk(store, base.releases, base.progress, using, nodes, clock_ms=clock_ms, listed=listing(base.secret))
    pages = Pages(signer, base.releases, desk, using, nodes, (base.reads, sent), clock_ms=clock_ms)
    clicks = Clicks(signer, store, base.releases, base.progress, desk, nodes, clock_ms=clock_ms)
    clicks.told_of_click = told_of_click
    pages.meter = clicks.meter = meter
    return [*desk.routes(), *pages.routes(), *clicks.routes()]
