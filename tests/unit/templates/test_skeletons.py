"""What is joined of a skeleton is what is joined of all parts, escaped: for every body, mark and value."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import StateCorrupt, StateVersionError
from schemas.ids import Locale
from schemas.library import Release
from templates.assembly import MESSAGE_BYTES_MAX, PARTS_MAX, SKELETONS_MAX, Assembly, Item, Opened, Plan, packed_plan
from templates.compiler import default_variants
from templates.library import Library
from templates.send_marks import MARKS, Opener

WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
PIECE, ARGUMENT, MARK = 0, 1, 2


def row(*references: tuple[int, int]) -> tuple[int, ...]:
    return tuple(3 * number + kind for kind, number in references)


def in_json(text: str) -> bytes:
    return msgspec.json.encode(text)[1:-1]


def made(plan: Plan, *pieces: bytes) -> Assembly:
    return Assembly("t/en", (packed_plan(plan), *pieces))


# Two values of the person's, one of them twice, a bundle that is made of the other, and marks in HTML and text.
PLAN = Plan(
    5,
    ("view_url", "open_pixel"),
    (
        row((PIECE, 1), (ARGUMENT, 0)),
        row((PIECE, 2)),
        row((PIECE, 1), (ARGUMENT, 0), (MARK, 0), (ARGUMENT, 2), (MARK, 1), (ARGUMENT, 4), (PIECE, 3)),
        row((ARGUMENT, 3), (MARK, 0), (ARGUMENT, 1)),
        (),
    ),
    ((row((PIECE, 2)), row((PIECE, 3), (ARGUMENT, 0), (PIECE, 2))),),
)
ASSEMBLY = made(PLAN, b'<p class="a">', "schön\n".encode(), b"</p>\t\x01")


def same(assembly: Assembly, items: list[Item], marks: dict[str, str]) -> Opened:
    """The message of a body, by its skeleton as by its parts."""
    opened = assembly.opened(items)
    message, joined = opened.filled(marks), opened.filled_in_json(marks)
    assert joined is not None
    assert joined.html == in_json(message.html.decode())
    assert joined.text == in_json(message.text.decode())
    return opened


@settings(max_examples=300)
@given(first=WORDS, second=WORDS, view=WORDS, pixel=WORDS)
def test_any_values_and_marks_are_joined_alike(first: str, second: str, view: str, pixel: str) -> None:
    items: list[Item] = [first.encode(), second.encode(), 0, -1]
    opened = same(ASSEMBLY, items, {"view_url": view, "open_pixel": pixel})
    assert opened.subject == f'<p class="a">{first}'


def test_the_messages_of_the_sample_are_joined_alike_the_first_time_and_later(sample_release: Release) -> None:
    library, opener = Library(sample_release), Opener(sample_release)
    marks = {name: f"https://x.example/?{name}&a" for name in MARKS}
    for template in sample_release.templates:
        for locale in template.layouts:
            for name in ("Ana", "O'Neil <b>\"&\\", "Zoë\u2028"):
                personal = library.personal(template, Locale(locale), {"first_name": name})
                body = personal.body(default_variants(template))
                for _ in range(2):
                    opened = opener.open(body, template.name, locale)
                    assert isinstance(opened, Opened)
                    message, joined = opened.filled(marks), opened.filled_in_json(marks)
                    assert joined is not None
                    assert (joined.html, joined.text) == (
                        in_json(message.html.decode()),
                        in_json(message.text.decode()),
                    )


@pytest.mark.parametrize("value", [b"\xff", b"\xc3"])
def test_a_value_that_is_no_utf8_is_refused_by_a_skeleton_too(value: bytes) -> None:
    same(ASSEMBLY, [b"a", b"b", 0, -1], {"view_url": "", "open_pixel": ""})
    with pytest.raises(StateCorrupt):
        ASSEMBLY.opened([value, b"b", 0, -1])


def test_a_message_that_is_too_large_is_refused_by_a_skeleton_too() -> None:
    ASSEMBLY.opened([b"a", b"b", 0, -1])
    with pytest.raises(StateCorrupt, match="at most"):
        ASSEMBLY.opened([b"x" * MESSAGE_BYTES_MAX, b"b", 0, -1])


def test_a_mark_that_is_not_known_is_a_newer_release() -> None:
    opened = ASSEMBLY.opened([b"a", b"b", 0, -1])
    with pytest.raises(StateVersionError):
        opened.filled_in_json({"view_url": ""})


def test_pieces_that_are_cut_inside_a_letter_have_no_skeleton() -> None:
    plan = Plan(1, (), ((), (), row((PIECE, 1), (ARGUMENT, 0), (PIECE, 2)), (), ()), ())
    opened = made(plan, "ö".encode()[:1], "ö".encode()[1:]).opened([b""])
    assert opened.filled_in_json({}) is None
    assert opened.filled({}).html == "ö".encode()


def test_what_is_composed_again_and_again_has_no_skeleton_and_takes_no_memory() -> None:
    rows = (row((ARGUMENT, 0), (ARGUMENT, 0)), *(row((ARGUMENT, n), (ARGUMENT, n)) for n in range(1, 40)))
    plan = Plan(41, (), ((), (), row((ARGUMENT, 40)), (), ()), (rows,))
    assert PARTS_MAX < 2**40
    assert made(plan, b"").opened([b"", 0]).filled_in_json({}) is None


def test_no_more_skeletons_are_kept_than_there_is_room_for() -> None:
    bundles = tuple((row((PIECE, 1)),) for _ in range(SKELETONS_MAX + 2))
    assembly = made(Plan(1, (), ((), (), row((ARGUMENT, 0)), (), ()), bundles), b"word")
    opened = [assembly.opened([number]) for number in range(SKELETONS_MAX + 2)]
    assert [one.skeleton is None for one in opened] == [False] * SKELETONS_MAX + [True] * 2
    assert {one.filled({}).html for one in opened} == {b"word"}
