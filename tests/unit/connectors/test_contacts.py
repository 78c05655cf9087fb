"""Addresses in one form, and files of contacts as events."""

from pathlib import Path
from typing import Any

import pytest

from connectors.contacts.addresses import address_user, normalised_email, normalised_phone
from connectors.contacts.events import Import
from connectors.contacts.importing import ImportFigures, import_contacts, import_suppression
from schemas.contacts import contact_change
from schemas.errors import ConfigError, SchemaError
from schemas.events import Event, EventKind
from schemas.ids import UserId, WorkspaceId
from schemas.worlds import WorldRef
from tests.support.collecting import NOW_MS

SECRET = b"0123456789abcdef0123456789abcdef"
ORDER = Import(WorkspaceId("shop"), WorldRef(1, 2), NOW_MS, SECRET)
HEADER = "user,email,phone,permission,purpose,granted_at,source,text_version,suppressed\n"
GRANTED_MS = 1_690_000_000_000
PROOF = "2023-07-22T04:26:40Z,signup,v3"


class Noted:
    """What an import sent and told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.problems: list[str] = []

    def row(self, number: int) -> None:
        pass

    def problem(self, place: str, message: str) -> None:
        self.problems.append(f"{place.rpartition('/')[2]}: {message}")

    def changes(self) -> list[dict[str, Any]]:
        """Properties of contact events, without those that stand in all."""
        return [
            {name: value for name, value in event.properties.items() if name != "at_ms"}
            for event in self.events
            if event.kind is EventKind.CONTACT
        ]


def imported(folder: Path, text: str, order: Import = ORDER, **columns: str) -> tuple[Noted, ImportFigures]:
    file = folder / "contacts.csv"
    file.write_text(text, encoding="utf-8")
    noted = Noted()
    return noted, import_contacts(file, columns, order, noted, noted.events.append)


def suppressed(folder: Path, text: str) -> tuple[Noted, ImportFigures]:
    file = folder / "list.csv"
    file.write_text(text, encoding="utf-8")
    noted = Noted()
    return noted, import_suppression(file, {}, ORDER, noted, noted.events.append)


# --- addresses


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (" Ann.Lee@SHOP.Example ", "Ann.Lee@shop.example"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@straße.example", "ann@xn--strae-oqa.example"),
        ("ann@shop.example.", "ann@shop.example"),
        ("ann+news@shop.example", "ann+news@shop.example"),
        ("ann@shop", None),
        ("ann", None),
        ("@shop.example", None),
        ("a b@shop.example", None),
        ("a@b@shop.example", None),
        ("ann@-shop.example", None),
        ("ann@shop..example", None),
        ("a\ud800@shop.example", None),
        ("x" * 65 + "@shop.example", None),
        ("ann@" + "x." * 130 + "example", None),
        ("", None),
    ],
)
def test_an_address_has_one_form(text: str, found: str | None) -> None:
    assert normalised_email(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [("+49 (228) 12-34/56", "+49228123456"), ("0049 228 123456", "+49228123456"), ("0228 123456", "0228123456"),
     ("12345", None), ("+1234567890123456", None), ("call me", None), ("٣٤٥٦٧٨٩", None), ("", None)],
)  # fmt: skip
def test_a_phone_number_has_one_form(text: str, found: str | None) -> None:
    assert normalised_phone(text) == found


def test_who_has_only_an_address_is_named_by_the_secret() -> None:
    user = address_user(SECRET, "Ann@Shop.example")

    assert user == address_user(SECRET, " ann@SHOP.example")
    assert user != address_user(b"another", "ann@shop.example")
    assert user.startswith("address-")
    assert len(user) == len("address-") + 32
    with pytest.raises(SchemaError):
        address_user(SECRET, "nobody")


# --- files


def test_a_row_with_proof_gives_address_permission_and_link(tmp_path: Path) -> None:
    noted, figures = imported(tmp_path, f"{HEADER}ann,Ann@SHOP.example,+49 228 123456,yes,newsletter,{PROOF},\n")

    assert noted.changes() == [
        {"channel": "email", "address": "Ann@shop.example"},
        {"channel": "sms", "address": "+49228123456"},
        {"channel": "email", "purpose": "newsletter", "granted": True, "source": "signup", "text_version": "v3"},
    ]
    permission = contact_change(noted.events[2])
    assert (permission.at_ms, noted.events[2].at_ms) == (GRANTED_MS, NOW_MS)
    link = noted.events[-1]
    assert (link.kind, link.user, link.linked) == (EventKind.LINK, address_user(SECRET, "ann@shop.example"), "ann")
    assert link.anonymous
    assert "shop.example" not in repr(link)
    assert noted.problems == []
    assert (figures.rows, figures.refused, figures.permissions, figures.links, figures.events) == (1, 0, 1, 1, 4)


@pytest.mark.parametrize(
    ("proof", "missing"),
    [
        (",signup,v3", "granted_at"),
        ("2023-07-22T04:26:40Z,,v3", "source"),
        ("2023-07-22T04:26:40Z,signup,", "text_version"),
        ("yesterday,signup,v3", "granted_at"),
        ("2099-01-01,signup,v3", "granted_at"),
        (",,", "granted_at, source, text_version"),
    ],
)
def test_without_its_whole_proof_no_permission_is_imported_but_the_address_is(
    tmp_path: Path, proof: str, missing: str
) -> None:
    noted, figures = imported(tmp_path, f"{HEADER}ann,ann@shop.example,,yes,newsletter,{proof},\n")

    assert noted.changes() == [{"channel": "email", "address": "ann@shop.example"}]
    assert noted.problems[-1] == f"contacts.csv:2: permission without its proof ({missing}): imported without"
    assert (figures.without_proof, figures.permissions, figures.refused) == (1, 0, 0)


def test_a_refusal_needs_no_proof_and_a_suppression_is_kept_with_its_reason(tmp_path: Path) -> None:
    rows = "ann,ann@shop.example,,no,,,,,complaint\nbob,bob@shop.example,,,,,,,yes\ndan,d@shop.example,,,,,,,no\n"
    noted, figures = imported(tmp_path, HEADER + rows)

    assert noted.changes() == [
        {"channel": "email", "address": "ann@shop.example"},
        {"channel": "email", "granted": False},
        {"channel": "email", "suppress": "complaint"},
        {"channel": "email", "address": "bob@shop.example"},
        {"channel": "email", "suppress": "import"},
        {"channel": "email", "address": "d@shop.example"},
    ]
    assert (figures.suppressed, figures.permissions) == (2, 0)


def test_every_problem_is_told_with_its_line_and_without_personal_data(tmp_path: Path) -> None:
    rows = 'ann,nobody,,,,,,,\n,eve@shop.example,,,,,,,\n\n"bo\nb",bob@shop.example,,perhaps,,,,,\n'
    rows += "eve,,12,,,,,,\nx,x@y.example\n"
    noted, figures = imported(tmp_path, HEADER + rows)

    assert noted.problems == [
        "contacts.csv:2: email: expected an e-mail address",
        "contacts.csv:2: expected an e-mail address or a phone number, got neither",
        "contacts.csv:3: user: expected an id of 1 to 256 characters",
        "contacts.csv:5: permission: expected yes or no, got another word: imported without",
        "contacts.csv:7: phone: expected a phone number",
        "contacts.csv:7: expected an e-mail address or a phone number, got neither",
    ]
    assert (figures.rows, figures.refused, figures.contacts) == (5, 3, 2)


def test_columns_are_found_by_name_whatever_they_are_called(tmp_path: Path) -> None:
    text = "\ufeffE-Mail;Kundennr;rest\nann@shop.example;7;x\n"

    noted, _ = imported(tmp_path, text, email="e-mail", user="KUNDENNR")

    assert [event.user for event in noted.events if event.kind is EventKind.CONTACT] == ["7"]
    with pytest.raises(ConfigError, match=r"contacts.csv:1: expected a column 'user', got E-Mail, Kundennr, rest"):
        imported(tmp_path, text)
    with pytest.raises(ConfigError, match="expected a column 'mail' for email"):
        imported(tmp_path, text, email="mail", user="Kundennr")


@pytest.mark.parametrize("data", [b"user,email\nann,\xff\xfe\n", b'user,email\nann,"a"b\n', b""])
def test_a_file_that_is_no_such_file_is_told_by_its_name(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "contacts.csv"
    file.write_bytes(data)
    noted = Noted()

    with pytest.raises(ConfigError, match=r"contacts\.csv"):
        import_contacts(file, {}, ORDER, noted, noted.events.append)
    with pytest.raises(ConfigError, match="cannot be read"):
        import_contacts(tmp_path / "none.csv", {}, ORDER, noted, noted.events.append)


def test_the_same_file_again_is_the_same_events_and_another_row_is_another(tmp_path: Path) -> None:
    text = f"{HEADER}ann,ann@shop.example,,yes,newsletter,{PROOF},yes\n"
    later = Import(ORDER.workspace, ORDER.world, NOW_MS + 1000, SECRET)

    first, again = imported(tmp_path, text)[0], imported(tmp_path, text, later)[0]
    other = imported(tmp_path, text.replace("v3", "v4").replace("ann@", "anna@"))[0]

    assert [event.id for event in first.events] == [event.id for event in again.events]
    assert len({event.id for event in first.events}) == len(first.events)
    different = [one.id != two.id for one, two in zip(first.events, other.events, strict=True)]
    assert different == [True, True, False, True], "only the suppression says the same"


def test_without_a_secret_nobody_is_linked(tmp_path: Path) -> None:
    order = Import(ORDER.workspace, ORDER.world, NOW_MS, b"")
    noted, figures = imported(tmp_path, f"{HEADER}ann,ann@shop.example,,,,,,,\n", order)

    assert [event.kind for event in noted.events] == [EventKind.CONTACT]
    assert figures.links == 0


@pytest.mark.parametrize("header", ["", "email\n", "Email,Reason\n"])
def test_a_suppression_list_names_nobody_but_by_the_secret(tmp_path: Path, header: str) -> None:
    noted, figures = suppressed(tmp_path, f"{header}ann@shop.example\nnobody\nBob@shop.example\n")

    expected = [address_user(SECRET, name) for name in ("ann@shop.example", "bob@shop.example")]
    assert [event.user for event in noted.events] == expected
    assert noted.changes() == [{"channel": "email", "suppress": "import"}] * 2
    assert all(event.anonymous for event in noted.events), "so that it goes on to the person at the first link"
    assert "shop.example" not in repr(noted.events)
    line = 2 + bool(header)
    assert noted.problems == [f"list.csv:{line}: email: expected an e-mail address"]
    assert (figures.rows, figures.refused, figures.suppressed) == (3, 1, 2)


def test_an_operator_lifts_bounces_of_an_address_as_often_as_they_come_back() -> None:
    by_address, by_user = ORDER.lifted("ana@shop.example", UserId("ana"))
    (again,) = Import(ORDER.workspace, ORDER.world, NOW_MS + 1, SECRET).lifted("ana@shop.example", None)
    assert (by_address.user, by_address.anonymous) == (address_user(SECRET, "ana@shop.example"), True)
    assert (by_user.user, by_user.anonymous) == ("ana", False)
    assert contact_change(by_address).lift
    assert by_address.id != again.id
