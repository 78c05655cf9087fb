"""The gateway's edges: keys, bodies, paths, marks and tokens."""

import hmac
import struct
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from connectors.gateway.communications import BODY_BYTES_MAX
from connectors.gateway.keys import Keyring, OpenDoor, grant_of
from connectors.gateway.problems import Problem
from connectors.gateway.refreshes import KEYS_MAX, REFRESH_EVERY_MS, RefreshLimit
from connectors.gateway.routing import Right
from connectors.gateway.tokens import Claim, Purpose, Signer
from schemas.errors import SchemaError
from schemas.ids import SendId, WorkspaceId
from tests.support.gateway import PUBLIC_URL, GatewayInProcess
from tests.support.messages import ANNA, NEWS, START_MS, WORKSPACE, communication, release

ANNA_NEWS = "/v1/communications/news/anna"
SHOP_KEY, BANK_KEY = "key-of-the-shop", "key-of-the-bank"
CLAIM = Claim(Purpose.UNSUBSCRIBE, WORKSPACE, NEWS, ANNA, SendId("s1"))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[GatewayInProcess]:
    made = GatewayInProcess(tmp_path / "cache")
    made.release(release(1))
    made.entry(communication())
    yield made
    made.close()


@pytest.fixture
def two_tenants(tmp_path: Path) -> Iterator[GatewayInProcess]:
    door = Keyring([grant_of(SHOP_KEY, WORKSPACE, Right), grant_of(BANK_KEY, WorkspaceId("bank"), Right)])
    made = GatewayInProcess(tmp_path / "cache", door)
    for workspace in (WORKSPACE, WorkspaceId("bank")):
        made.release(release(1, workspace=workspace))
    made.entry(communication())
    yield made
    made.close()


def basic(user_name: str) -> str:
    return "Basic " + b64encode(f"{user_name}:".encode()).decode()


# Keys


@pytest.mark.parametrize("authorization", [f"Bearer {SHOP_KEY}", f"bearer  {SHOP_KEY}", basic(SHOP_KEY)])
def test_a_key_opens_its_workspace(two_tenants: GatewayInProcess, authorization: str) -> None:
    reply = two_tenants.get(f"{ANNA_NEWS}?format=json", Authorization=authorization)
    assert (reply.status, reply.json["workspace"], reply.json["source"]) == (200, "shop", "entry")


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", SHOP_KEY, basic(""), "Basic !!", "Digest x"])
def test_without_a_valid_key_nothing_is_told(two_tenants: GatewayInProcess, authorization: str) -> None:
    for reply in (
        two_tenants.get(ANNA_NEWS, Authorization=authorization),
        two_tenants.post(ANNA_NEWS, "s1", Authorization=authorization),
        two_tenants.get("/v1/communications/no-such-template/x", Authorization=authorization),
    ):
        assert reply.status == 401
        assert reply.headers["www-authenticate"].startswith("Bearer")
        assert reply.json["type"] == "urn:foresend:problem:unauthorized"


def test_no_key_reads_or_repeats_what_is_another_workspaces(two_tenants: GatewayInProcess) -> None:
    two_tenants.post(ANNA_NEWS, "s1", Authorization=f"Bearer {SHOP_KEY}")
    other = two_tenants.post(ANNA_NEWS, "s1", Authorization=f"Bearer {BANK_KEY}").json
    assert (other["workspace"], other["source"], other["reason"]) == ("bank", "fallback", "unknown")
    assert len(two_tenants.told()) == 1


def test_the_same_send_id_in_two_workspaces_is_two_sends(two_tenants: GatewayInProcess) -> None:
    two_tenants.entry(communication(workspace=WorkspaceId("bank")))
    for key in (SHOP_KEY, BANK_KEY):
        assert two_tenants.post(ANNA_NEWS, "s1", Authorization=f"Bearer {key}").json["source"] == "entry"
    assert len({told.id for told in two_tenants.told()}) == 2


def test_without_keys_the_one_workspace_is_read_or_the_named_one() -> None:
    shop, bank = WorkspaceId("shop"), WorkspaceId("bank")
    assert OpenDoor(None, lambda: (shop,)).enter(b"", Right.READ) == shop
    assert OpenDoor(bank, lambda: (shop,)).enter(b"", Right.READ) == bank
    with pytest.raises(Problem, match="workspace_id"):
        OpenDoor(None, lambda: (shop, bank)).enter(b"", Right.READ)


# Bodies and paths


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"nonsense",
        b"[]",
        b'{"send_id": ""}',
        b'{"send_id": 7}',
        b'{"send_id": null}',
        b'{"send_id": "a", "extra": 1}',
        b'{"send_id": "a", "marks": ["x"]}',
        b'{"send_id": "\xff"}',
        b'{"send_id": "\\ud800"}',
        b'{"send_id": "' + b"x" * 257 + b'"}',
        b'{"send_id": ' + b"[" * 10_000,
    ],
)
def test_a_body_that_is_no_draw_is_refused(node: GatewayInProcess, body: bytes) -> None:
    reply = node.request("POST", ANNA_NEWS, body)
    assert (reply.status, reply.json["type"]) == (400, "urn:foresend:problem:bad_body")
    assert node.outbox() == []


def test_the_longest_send_id_is_taken(node: GatewayInProcess) -> None:
    assert node.post(ANNA_NEWS, "x" * 256).status == 200


def test_a_body_over_the_limit_is_too_large(node: GatewayInProcess) -> None:
    start = b'{"send_id": "a"'
    assert node.request("POST", ANNA_NEWS, start + b" " * (BODY_BYTES_MAX - len(start) - 1) + b"}").status == 200
    assert node.request("POST", ANNA_NEWS, start + b" " * (BODY_BYTES_MAX - len(start)) + b"}").status == 413


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/communications/news", 404),
        ("/v1/communications/news/anna/more", 404),
        ("/v1/communications/news:batch", 405),
        ("/v1/communications//anna", 400),
        ("/v1/communications/news/", 400),
        ("/v1/communications/news/%FF", 400),
        ("/v1/communications/news/" + "x" * 257, 400),
        ("/v1/communications/news/anna?format=xml", 400),
        ("/v1/communications/news/anna?format=json&explain=yes", 400),
        ("/v1/communications/news/anna?explain=true", 400),
        ("/v1/communications/news/anna?as.city=Lyon", 400),
        ("/", 404),
        ("/v1", 404),
    ],
)
def test_odd_paths(node: GatewayInProcess, path: str, status: int) -> None:
    reply = node.get(path)
    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("user", ["a/b", "ü€", "x|y%", "a b", "user@example.com"])
def test_any_user_id_can_be_asked_for(node: GatewayInProcess, user: str) -> None:
    node.entry(communication(user=user))
    quoted = "".join(f"%{byte:02X}" for byte in user.encode())
    reply = node.get(f"/v1/communications/news/{quoted}?format=json")
    assert (reply.json["user"], reply.json["source"]) == (user, "entry")


def test_an_answer_is_explained_where_it_is_asked_for(node: GatewayInProcess) -> None:
    terms = struct.pack("<6f", 1.0, 0.5, 2.0, -0.5, 0.0, 0.25)
    entry = communication(number=2)
    assert entry.decision is not None
    slot = msgspec.structs.replace(entry.decision.slots[0], terms=terms)
    node.entry(msgspec.structs.replace(entry, decision=msgspec.structs.replace(entry.decision, slots=(slot,))))

    explained = node.get(f"{ANNA_NEWS}?format=json&explain=true").json["explain"]["headline"]
    assert explained["variants"] == ["v0", "v1", "v2"]
    assert explained["probabilities"] == [0.5, 0.3, 0.2]
    assert explained["terms"] == {"prior": [1.0, 2.0, 0.0], "content": [0.5, -0.5, 0.25], "all": [0.0, 0.0, 0.0]}
    assert explained["scores"] == [1.5, 1.5, 0.25]
    assert (explained["deviations"], explained["experience"]) == ([], 0)
    assert explained["affinities"] == [0.0, 0.125, 0.25]
    assert "explain" not in node.get(f"{ANNA_NEWS}?format=json").json


def test_a_send_is_explained_once_and_one_without_an_entry_never(node: GatewayInProcess) -> None:
    draw = f"{ANNA_NEWS}?explain=true"
    assert node.request("POST", draw, b'{"send_id": "s1"}').json["explain"]["headline"]["variants"]
    # The entry may be another one by now: what it says would not be why this was drawn.
    assert node.request("POST", draw, b'{"send_id": "s1"}').json["explain"] is None
    unknown = node.request("POST", "/v1/communications/news/nobody?explain=true", b'{"send_id": "s2"}')
    assert (unknown.json["source"], unknown.json["explain"]) == ("fallback", None)


def test_other_methods_are_told_what_is_allowed(node: GatewayInProcess) -> None:
    for method in ("PUT", "DELETE", "HEAD"):
        reply = node.request(method, ANNA_NEWS)
        assert (reply.status, reply.headers["allow"]) == (405, "GET, POST")


def test_health_and_readiness(node: GatewayInProcess) -> None:
    assert node.get("/healthz").status == 200
    assert node.get("/readyz").json == {"ready": True, "lag_records": 0}
    node.progress.is_ready, node.progress.lag_records = False, 42
    assert node.get("/healthz").status == 200
    reply = node.get("/readyz")
    assert (reply.status, reply.json) == (503, {"ready": False, "lag_records": 42})


def test_a_message_runs_nothing_on_the_gateways_own_address(node: GatewayInProcess) -> None:
    headers = node.get(ANNA_NEWS).headers
    assert headers["content-security-policy"].startswith("sandbox")
    assert headers["cache-control"] == "no-store"
    assert headers["content-language"] == "en"


def test_no_value_of_an_entry_begins_a_header_of_its_own(node: GatewayInProcess) -> None:
    node.entry(communication(number=2, locale="en\r\nset-cookie: a=b"))
    reply = node.get(ANNA_NEWS)
    assert (reply.status, reply.headers["content-language"]) == (200, "")
    assert not any("\n" in value for value in reply.headers.values())


# Marks and tokens


def test_a_draw_fills_its_marks_with_links_of_its_own(node: GatewayInProcess) -> None:
    reply = node.post(ANNA_NEWS, "s1").json
    link = reply["text"].splitlines()[1]
    assert link.startswith(f"{PUBLIC_URL}/u/")
    assert link in reply["html"]
    assert node.signer.read(link.rpartition("/")[2]) == CLAIM


def test_a_caller_may_give_links_of_his_own(node: GatewayInProcess) -> None:
    reply = node.post(ANNA_NEWS, "s1", {"unsubscribe_url": "https://shop.example/bye?a=1&b=2"}).json
    assert reply["text"].endswith("https://shop.example/bye?a=1&b=2")
    assert 'href="https://shop.example/bye?a=1&amp;b=2"' in reply["html"]


@pytest.mark.parametrize(
    "marks",
    [
        {"open_pixel": "<script>"},
        {"send_id": "other"},
        {"unheard_of": "https://x.example"},
        {"unsubscribe_url": "javascript:alert(1)"},
        {"unsubscribe_url": "https://x.example/\r\nBcc: all"},
        {"unsubscribe_url": "https://" + "x" * 2_000},
        {f"m{number}": "https://x.example" for number in range(17)},
    ],
)
def test_marks_that_a_caller_may_not_give(node: GatewayInProcess, marks: dict[str, str]) -> None:
    assert node.post(ANNA_NEWS, "s1", marks).status == 400
    assert node.outbox() == []


def test_a_token_says_what_was_signed_and_equal_claims_give_equal_tokens() -> None:
    signer = Signer({"k1": b"0123456789abcdef"})
    assert signer.read(signer.sign(CLAIM)) == CLAIM
    assert signer.sign(CLAIM) == signer.sign(CLAIM)


def test_tokens_outlive_the_rotation_of_keys() -> None:
    token = Signer({"k1": b"0123456789abcdef"}).sign(CLAIM)
    assert Signer({"k2": b"fedcba9876543210", "k1": b"0123456789abcdef"}).read(token) == CLAIM
    with pytest.raises(SchemaError):
        Signer({"k2": b"fedcba9876543210"}).read(token)
    with pytest.raises(SchemaError):
        Signer({"k1": b"another secret!!"}).read(token)


def test_a_token_changed_anywhere_is_refused() -> None:
    signer = Signer({"k1": b"0123456789abcdef"})
    token = signer.sign(CLAIM)
    data = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for position in range(len(data)):
        forged = data[:position] + bytes((data[position] ^ 1,)) + data[position + 1 :]
        with pytest.raises(SchemaError):
            signer.read(urlsafe_b64encode(forged).rstrip(b"=").decode())


@pytest.mark.parametrize("token", ["", "A", "!!", "AQ", "AQVsb2NhbA", "ü", "A" * 10_000])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(SchemaError):
        Signer({"k1": b"0123456789abcdef"}).read(token)


# Refresh limit


def test_the_refresh_limit_is_bounded_and_recovers() -> None:
    limit = RefreshLimit()
    assert all(limit.allows(b"%d" % number, START_MS) for number in range(KEYS_MAX))
    assert not limit.allows(b"one more", START_MS)
    assert not limit.allows(b"0", START_MS + REFRESH_EVERY_MS - 1)
    assert limit.allows(b"0", START_MS + REFRESH_EVERY_MS)
    assert limit.allows(b"one more", START_MS + REFRESH_EVERY_MS)


@pytest.mark.parametrize("length", [16, 63, 64, 65, 200])
def test_tokens_are_signed_by_hmac_of_any_secret(length: int) -> None:
    secret = bytes(range(length))
    data = urlsafe_b64decode(Signer({"k": secret}).sign(CLAIM) + "==")
    assert data[-16:] == hmac.digest(secret, data[:-16], "sha256")[:16]


def test_tokens_of_several_purposes_are_those_that_are_signed_one_by_one() -> None:
    signer = Signer({"k1": b"0123456789abcdef", "k2": b"fedcba9876543210"})
    expected = [signer.sign(msgspec.structs.replace(CLAIM, purpose=purpose)) for purpose in Purpose]
    assert signer.sign_each([*Purpose], CLAIM) == expected


def test_reads_are_counted_with_how_long_they_took(node: GatewayInProcess) -> None:
    for number in range(3):
        node.post(ANNA_NEWS, f"s{number}")
    labels = {"workspace": "shop", "template": "news", "source": "entry", "reason": ""}
    assert node.metric("foresend_reads_total", **labels) == 3
    assert node.metric("foresend_read_seconds_count") == 3
    assert node.metric("foresend_read_seconds_bucket", le="+Inf") == 3
    assert 0 < node.metric("foresend_read_seconds_sum") < 10
    text = node.get("/metrics").body.decode()
    assert 'foresend_read_seconds_bucket{le="5e-05"}' in text
