"""Who is held out of a campaign, and who is sent default content: by hash, so that whoever asks gets one answer."""

from enum import StrEnum
from hashlib import blake2b

from schemas.ids import SendId, UserId, WorkspaceId
from schemas.keys import join_key


class Share(StrEnum):
    """A part of a campaign's audience that is treated otherwise."""

    HOLDOUT = "holdout"
    CONTROL = "control"


def is_in_share(share: Share, size: float, workspace: WorkspaceId, campaign: str, user: UserId) -> bool:
    """Whether somebody belongs to a share of a campaign's audience.

    size  the share, from 0 to 1

    The shares of one campaign are independent of each other, and of other campaigns': each has a hash of its own. The
    same campaign, started again, holds out the same people. A larger share contains the smaller one.

    >>> is_in_share(Share.HOLDOUT, 0.0, WorkspaceId("shop"), "sale", UserId("ana"))
    False
    >>> is_in_share(Share.HOLDOUT, 1.0, WorkspaceId("shop"), "sale", UserId("ana"))
    True
    """
    if size <= 0.0:
        return False
    person = f"fs.{share}".encode()
    digest = blake2b(join_key(workspace, campaign, user), digest_size=8, person=person).digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53 < size


def send_id_of(workspace: WorkspaceId, campaign: str, run: int, user: UserId) -> SendId:
    """The id of a campaign's one send to a person: asked for again, it is the same send.

    It holds nobody's id: it stands in headers, in providers' webhooks and in links.
    """
    digest = blake2b(join_key(workspace, campaign, str(run), user), digest_size=16, person=b"fs.campaign").hexdigest()
    return SendId(f"c-{digest}")
