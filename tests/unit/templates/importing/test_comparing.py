from templates.importing.comparing import links_of, words_of


def test_words_are_those_of_the_body_with_white_space_as_one_space() -> None:
    html = "<head><title>T</title><style>a{}</style></head><body> A&nbsp; <b>b</b>c<!-- d --><script>e</script>\n<p>f"
    assert words_of(html) == "A bc f"


def test_hidden_words_count_too() -> None:
    assert words_of("<div style='display:none'>a</div><p>b</p>") == "a b"


def test_blocks_part_words_and_spans_do_not() -> None:
    assert words_of("<td>a</td><td>b</td>") == "ab"  # no table: the parser drops the cells
    assert words_of("<table><tr><td>a</td><td>b</td></tr></table>") == "a b"
    assert words_of("a<span></span>b") == words_of("ab")
    assert words_of("a b") != words_of("ab")


def test_links_are_those_of_links_and_pictures_in_order() -> None:
    html = "<a href=' https://a.example/?b=1&amp;c=2 '>x</a><img src=p.png><a name=n>y</a><a href='#'>z</a>"
    assert links_of(html) == ["https://a.example/?b=1&c=2", "#", "p.png"]
