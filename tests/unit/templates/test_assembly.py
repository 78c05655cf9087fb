"""Bodies as references: what is forged, foreign or too large is refused before anything is joined."""

import msgspec
import pytest

from schemas.errors import StateCorrupt, StateVersionError
from schemas.ids import Locale, TemplateName
from schemas.library import Release
from templates.assembly import FORMAT, MESSAGE_BYTES_MAX, Assembly, Item, Plan, packed_plan
from templates.compiler import default_variants
from templates.library import Library
from templates.send_marks import MARKS, Opener, Whole

EN, DE = Locale("en"), Locale("de")
NEWSLETTER, CART = TemplateName("newsletter"), TemplateName("cart_reminder")
LOOK = {name: f"https://x.example/?{name}&a" for name in MARKS}
PIECE, ARGUMENT, MARK = 0, 1, 2


def row(*references: tuple[int, int]) -> tuple[int, ...]:
    return tuple(3 * number + kind for kind, number in references)


def made(plan: Plan, *pieces: bytes) -> Assembly:
    return Assembly("t/en", (packed_plan(plan), *pieces))


SMALL = Plan(
    2,
    ("view_url",),
    (row((ARGUMENT, 0)), (), row((PIECE, 1), (ARGUMENT, 1), (MARK, 0)), row((ARGUMENT, 0)), ()),
    ((row((PIECE, 1)), row((PIECE, 2), (ARGUMENT, 0))),),
)


def body_of(release: Release, template: TemplateName = NEWSLETTER, locale: Locale = EN) -> bytes:
    library = Library(release)
    of = library.template(template)
    return library.personal(of, locale, {"first_name": "Ana"}).body(default_variants(of))


def test_a_body_is_a_few_dozen_bytes_and_opens_as_the_message_that_was_rendered(sample_release: Release) -> None:
    library, opener = Library(sample_release), Opener(sample_release)
    for template in sample_release.templates:
        for locale in template.layouts:
            body = body_of(sample_release, template.name, locale)
            assert body[0] == FORMAT
            assert len(body) < 120
            rendered = library.render(template, locale, default_variants(template), {"first_name": "Ana"})
            whole = Whole(rendered, sample_release.mark_prefix)
            assert opener.open(body, template.name, locale).filled(LOOK) == whole.filled(LOOK)


@pytest.mark.parametrize(("template", "locale"), [(NEWSLETTER, DE), (CART, EN), ("none", EN)])
def test_a_body_opens_as_no_other_message(sample_release: Release, template: str, locale: Locale) -> None:
    with pytest.raises(StateCorrupt):
        Opener(sample_release).open(body_of(sample_release), TemplateName(template), locale)


def test_a_body_is_never_joined_out_of_another_releases_pieces(sample_release: Release) -> None:
    pieces = dict(sample_release.pieces)
    first, *rest, last = pieces["newsletter/en"]
    pieces["newsletter/en"] = (first, *rest, last[:-1] + b"?")
    other = msgspec.structs.replace(sample_release, pieces=pieces)
    with pytest.raises(StateCorrupt, match="damaged or other"):
        Opener(other).open(body_of(sample_release), NEWSLETTER, EN)


def test_a_library_makes_no_references_into_pieces_that_it_did_not_cut(sample_release: Release) -> None:
    older = msgspec.structs.replace(sample_release, pieces={})
    body = body_of(older)
    assert body[0] != FORMAT
    assert Opener(older).open(body, NEWSLETTER, EN) == Opener(sample_release).open(body, NEWSLETTER, EN)


def test_arguments_bundles_and_marks_stand_where_the_plan_says() -> None:
    assembly = made(SMALL, b"<p>", b"b:")
    found = assembly.unpack(assembly.pack([0])).filled({"view_url": "a&b"})
    assert (found.subject, found.html, found.text) == ("<p>", b"<p>b:<p>a&amp;b", b"<p>")
    found = assembly.unpack(assembly.pack(["ü".encode(), -1])).filled({"view_url": ""})
    assert (found.subject, found.html) == ("ü", "<p>ü".encode())


def test_a_mark_that_has_no_value_is_an_error_and_not_a_hole() -> None:
    assembly = made(SMALL, b"<p>", b"b:")
    with pytest.raises(StateVersionError, match="view_url"):
        assembly.unpack(assembly.pack([0])).filled({"send_id": ""})


@pytest.mark.parametrize(
    "items",
    [
        *([], [b"a"], [b"a", b"b", b"c"], [0, 0], [1], [b"a", -2], [-1, b"a"], [0, b"a"], [1 << 40]),
        *([b"\xff", b"a"], [b"a", b"\xff"], [b"\xc3", b"\xbc"]),
    ],
)
def test_items_that_do_not_fit_the_plan_are_refused(items: list[Item]) -> None:
    assembly = made(SMALL, b"<p>", b"b:")
    with pytest.raises(StateCorrupt):
        assembly.unpack(assembly.pack(items))


@pytest.mark.parametrize(
    "packed", [b"", b"\x90", b"\x91\xc3", b"\x91\xcb" + bytes(8), b"\xdd\xff\xff\xff\xff", b"\x92\x00"]
)
def test_bytes_that_are_no_items_are_refused(packed: bytes) -> None:
    assembly = made(SMALL, b"<p>", b"b:")
    head = assembly.pack([0])
    genuine = assembly.pack(msgspec.Raw(packed) if packed else [])
    with pytest.raises(StateCorrupt):
        assembly.unpack(genuine)
    with pytest.raises(StateCorrupt):
        assembly.unpack(head[:5] + packed)


def test_a_message_that_would_grow_without_bound_is_refused_before_it_is_joined() -> None:
    wide = Plan(1, (), ((), (), row(*[(ARGUMENT, 0)] * 100), (), ()), ())
    assembly = made(wide)
    fits = b"x" * (MESSAGE_BYTES_MAX // 100)
    assert len(assembly.unpack(assembly.pack([fits])).filled({}).html) == MESSAGE_BYTES_MAX
    with pytest.raises(StateCorrupt, match="at most"):
        assembly.unpack(assembly.pack([fits + b"x"]))


def test_arguments_that_double_each_other_are_refused() -> None:
    rows = tuple(row((ARGUMENT, number), (ARGUMENT, number)) for number in range(60))
    bomb = Plan(61, (), ((), (), row((ARGUMENT, 60)), (), ()), (rows,))
    assembly = made(bomb)
    with pytest.raises(StateCorrupt, match="at most"):
        assembly.unpack(assembly.pack([b"ten bytes.", 0]))


@pytest.mark.parametrize(
    "plan",
    [
        Plan(-1, (), ((), (), (), (), ()), ()),
        Plan(1 << 40, (), ((), (), (), (), ()), ()),
        Plan(0, (), ((), (), row((PIECE, 9)), (), ()), ()),
        Plan(0, (), ((), (), (-3,), (), ()), ()),
        Plan(0, (), ((), (), row((ARGUMENT, 0)), (), ()), ()),
        Plan(0, (), ((), (), row((MARK, 0)), (), ()), ()),
        Plan(0, ("view_url",), (row((MARK, 0)), (), (), (), ()), ()),
        Plan(1, (), ((), (), (), (), ()), ((),)),
        Plan(1, (), ((), (), (), (), ()), ((row((PIECE, 7)),),)),
        Plan(1, ("view_url",), ((), (), (), (), ()), ((row((MARK, 0)),),)),
        Plan(0, (), ((), (), row(*[(PIECE, 1)] * (MESSAGE_BYTES_MAX // 2)), (), ()), ()),
    ],
)
def test_a_plan_that_no_compiler_of_ours_would_make_is_refused(plan: Plan) -> None:
    with pytest.raises(StateCorrupt):
        made(plan, b"<p>")


@pytest.mark.parametrize("pieces", [(), (b"",), (b"\x90",), (b"\xc1",)])
def test_pieces_without_a_plan_are_refused(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(StateCorrupt):
        Assembly("t/en", pieces)


def test_a_block_escapes_marks_inside_its_strings() -> None:
    plan = Plan(0, ("view_url",), ((), (), (), (), row((PIECE, 1), (MARK, 0), (PIECE, 2))), ())
    assembly = made(plan, b'{"url":"', b'"}')
    block = assembly.unpack(assembly.pack([])).filled({"view_url": 'a"\\\n'}).block
    assert msgspec.json.decode(block) == {"url": 'a"\\\n'}
