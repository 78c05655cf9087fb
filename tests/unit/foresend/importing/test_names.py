from pathlib import Path

from foresend.importing.names import names_of


def test_a_file_gives_its_name_and_one_that_says_nothing_its_folders() -> None:
    files = [Path("a/Welcome Mail.html"), Path("a/b/invoice/content.html"), Path("digest/index.mjml")]
    assert names_of(files) == ["welcome_mail", "invoice", "digest"]


def test_names_differ_and_none_is_taken() -> None:
    files = [Path("x/a/one.html"), Path("x/b/one.html"), Path("x/b/one.mjml"), Path("x/b/one.htm")]
    assert names_of(files, taken=["one"]) == ["a_one", "b_one", "x_b_one", "one_2"]


def test_a_name_begins_with_a_letter() -> None:
    assert names_of([Path("/2-col.html"), Path("/é.html")]) == ["n2_col", "mail"]
