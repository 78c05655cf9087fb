import pytest

from templates.urls import URL_LENGTH_MAX, host_allowed, url_fault, with_parameters


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example",
        "https://a.example:8443/b/c.html?d=e&f=%C3%A9#g",
        "https://xn--bcher-kva.example/",
        "https://a.example/(b)_c~d",
        "mailto:help@a.example?subject=Hello%20you",
        "https://a.example/" + "b" * (URL_LENGTH_MAX - 18),
    ],
)
def test_https_and_mailto_are_allowed(url: str) -> None:
    assert url_fault(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://a.example",
        "HTTPS://a.example",
        "//a.example",
        "/cart",
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        " https://a.example",
        "data:text/html,x",
        "https://",
        "https://localhost",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://user:password@a.example/",
        "https://a.example\\@b.example",
        "https://a.example/b c",
        "https://a.example/é",
        "https://a.example/'x",
        'https://a.example/"x',
        "https://a.example/<x>",
        "https://a.example/%0d%0aSet-Cookie:x",
        "https://a.example/%5c",
        "https://a.example/100%",
        "https://a.example\n",
        "mailto:a@b.example\r\nBcc: c@d.example",
        "mailto:a@b.example?subject=x%0ABcc:c",
        "mailto:",
        "https://a.example/" + "b" * URL_LENGTH_MAX,
    ],
)
def test_everything_else_is_refused_with_a_reason(url: str) -> None:
    assert url_fault(url)


def test_a_picture_is_not_mailed() -> None:
    assert url_fault("mailto:a@b.example", mail=False)


def test_a_host_is_allowed_with_those_below_it_only() -> None:
    assert host_allowed("https://shop.example/", ["shop.example"])
    assert host_allowed("https://a.b.shop.example:443/", ["shop.example"])
    assert not host_allowed("https://myshop.example/", ["shop.example"])
    assert not host_allowed("https://shop.example.org/", ["shop.example"])


def test_what_is_no_address_leads_to_no_host() -> None:
    assert not host_allowed("https://[::1", ["a.example"])


def test_parameters_are_added_where_they_are_missing() -> None:
    parameters = [("utm_source", "a"), ("utm_medium", "email")]
    assert with_parameters("https://a.example", parameters) == "https://a.example?utm_source=a&utm_medium=email"
    assert with_parameters("https://a.example/?utm_medium=own#b", parameters).endswith("?utm_medium=own&utm_source=a#b")
    assert with_parameters("mailto:a@b.example", parameters) == "mailto:a@b.example"
