import pytest

from templates.importing.merge_tags import Meaning, merge_tags, slug


@pytest.mark.parametrize(
    ("source", "meaning", "name", "default"),
    [
        ("{{name}}", Meaning.FIELD, "name", ""),
        ("{{{ raw_name }}}", Meaning.FIELD, "raw_name", ""),
        ("{{ user.firstName }}", Meaning.FIELD, "user_first_name", ""),
        ("*|FNAME|*", Meaning.FIELD, "first_name", ""),
        ('{{var:city:"your town"}}', Meaning.FIELD, "city", "your town"),
        ("{{ name | default: 'friend' }}", Meaning.FIELD, "name", "friend"),
        ("{{ name|default('friend') }}", Meaning.FIELD, "name", "friend"),
        ("[[FirstName]]", Meaning.FIELD, "first_name", ""),
        ("%%emailaddr%%", Meaning.FIELD, "emailaddr", ""),
        ("*|UNSUB|*", Meaning.MARK, "unsubscribe_url", ""),
        ("{{ unsubscribe_url }}", Meaning.MARK, "unsubscribe_url", ""),
        ("[[UNSUB_LINK_EN]]", Meaning.MARK, "unsubscribe_url", ""),
        ("{{{ pm:unsubscribe }}}", Meaning.MARK, "unsubscribe_url", ""),
        ("*|UPDATE_PROFILE|*", Meaning.MARK, "preferences_url", ""),
        ("*|ARCHIVE|*", Meaning.MARK, "view_url", ""),
        ("[[PERMALINK]]", Meaning.MARK, "view_url", ""),
        ("*|HTML:LIST_ADDRESS_HTML|*", Meaning.WORKSPACE, "postal_address", ""),
        ("*|LIST:COMPANY|*", Meaning.WORKSPACE, "name", ""),
        ("*|MC:SUBJECT|*", Meaning.HEADER, "subject", ""),
        ("{{#each items}}", Meaning.BLOCK, "each_items", ""),
        ("{{/each}}", Meaning.BLOCK, "each", ""),
        ("{{else}}", Meaning.BLOCK, "else", ""),
        ("*|IF:REWARDS|*", Meaning.BLOCK, "if_rewards", ""),
        ("*|END:IF|*", Meaning.BLOCK, "end_if", ""),
        ("{% if a < b %}", Meaning.BLOCK, "if_a_b", ""),
        ("{{!-- told to nobody --}}", Meaning.NOTE, "", ""),
    ],
)
def test_a_tag_means_what_its_mailer_means(source: str, meaning: Meaning, name: str, default: str) -> None:
    (tag,) = merge_tags(f"Hi {source}!")
    assert (tag.raw, tag.start, tag.end) == (source, 3, 3 + len(source))
    assert (tag.meaning, tag.name, tag.default) == (meaning, name, default)


@pytest.mark.parametrize(
    "source",
    ["{{}}", "{{ }}", "{ {a} }", "@media print{#outlook a{b:c}}", "[[1]]", "100%% sure", "* | a | *", "{{ <b>a</b> }}",
     "{% of <p>all</p> %}", "[one]", "a{{" + "b" * 400 + "}}"],
)  # fmt: skip
def test_what_is_no_tag_is_left_alone(source: str) -> None:
    assert merge_tags(source) == []


def test_tags_are_found_in_order_and_apart() -> None:
    assert [tag.raw for tag in merge_tags("{{a}}{{b}} *|C|**|D|*")] == ["{{a}}", "{{b}}", "*|C|*", "*|D|*"]


def test_a_name_is_one_that_templates_may_have() -> None:
    assert [slug(text) for text in ("2-col", "Größe", "_x_", "42", "a" * 90)] == ["n2_col", "gr_e", "x", "", "a" * 48]
