"""Stands in for Braze's side of Connected Content: its Liquid, and the calls it makes as its documentation tells.

One request for each tag; two seconds, no redirects; what is no JSON answer in time is nothing at all.
"""

import json
import re
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import TextIO
from urllib.parse import quote, urlsplit

from liquid import Environment, RenderContext
from liquid.ast import Node
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.token import TOKEN_EXPRESSION, TOKEN_TAG, Token

TIMEOUT_S = 2.0
_OPTION = re.compile(r" :(method|headers|body|content_type|save) ")
_PROFILE = re.compile(r"\$\{(\w+)\}")


class _Call(Node):
    def __init__(self, token: Token, text: str, gateway: str) -> None:
        super().__init__(token)
        self._text = text
        self._gateway = gateway

    def render_to_output(self, context: RenderContext, _buffer: TextIO) -> int:
        text = context.env.from_string(self._text).render(**context.scope)
        url, *pairs = _OPTION.split(f"{text} ")
        options = dict(zip(pairs[::2], (value.strip() for value in pairs[1::2]), strict=True))
        context.assign(options["save"], self._called(url.strip(), options))
        return 0

    def _called(self, url: str, options: Mapping[str, str]) -> object:
        path = urlsplit(url).path
        headers = {**json.loads(options["headers"]), "Content-Type": options["content_type"]}
        connection = HTTPConnection(self._gateway, timeout=TIMEOUT_S)
        try:
            connection.request(options["method"].upper(), path, options["body"].encode(), headers)
            answer = connection.getresponse()
            return json.loads(answer.read()) if answer.status == 200 else None
        except (OSError, HTTPException, ValueError):
            return None
        finally:
            connection.close()


def rendered(template: str, gateway: str, profile: Mapping[str, str], dispatch: str) -> str:
    """What Braze puts into a message's field.

    gateway  host and port that stand in for the host of the template's URLs
    """

    class ConnectedContent(Tag):
        name = "connected_content"
        block = False

        def parse(self, stream: TokenStream) -> Node:
            token = stream.eat(TOKEN_TAG)
            return _Call(token, stream.eat(TOKEN_EXPRESSION).value, gateway)

    environment = Environment()
    environment.add_tag(ConnectedContent)
    environment.add_filter("url_param_escape", lambda value: quote(str(value), safe=""))
    # Braze writes what it knows as ${name}, which is no Liquid.
    text = template.replace("campaign.${dispatch_id}", "dispatch_id")
    return environment.from_string(_PROFILE.sub(r"\1", text)).render(**profile, dispatch_id=dispatch).strip()
