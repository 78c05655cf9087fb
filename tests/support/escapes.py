"""Attempts to break out of a template: payloads of published write-ups and of Jinja2's own advisories.

Sources: CVE-2016-10745 (str.format), CVE-2019-10906 (str.format_map), CVE-2024-56201 and CVE-2024-56326 (a kept
reference to format), CVE-2025-27516 (the filter attr), CVE-2020-28493 (urlize); PortSwigger's "Server-side template
injection", PayloadsAllTheThings, HackTricks.
"""

import re

PAYLOADS = (
    # Arithmetic, which only tells that something is run.
    "{{7*7}}", "{{ 7*'7' }}", "{{7**2}}", "{{ 7 ~ 7 }}", "{{ (7, 7) }}", "{{ [7, 7]|sum }}",
    # Ways from a string, a number or a list to everything that is loaded.
    "{{ ''.__class__ }}", "{{ ''.__class__.__mro__ }}", "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}", "{{ ()|attr('__class__') }}", "{{ ''|attr('\\x5f\\x5fclass\\x5f\\x5f') }}",
    "{{ [].__class__.__base__.__subclasses__()[59].__init__.__globals__ }}", "{{ {}.__class__.__bases__[0] }}",
    "{{ (1).__class__ }}", "{{ (7).__init__.__globals__ }}", "{{ 'a'.__getattribute__('__class__') }}",
    "{{ fields.__class__ }}", "{{ fields['__class__'] }}", "{{ fields|attr('__class__') }}", "{{ fields.items() }}",
    "{{ slots.__class__.__mro__ }}", "{{ slots.hero.__class__ }}", "{{ marks.__init__ }}", "{{ texts.__dict__ }}",
    # What environments leave lying about.
    "{{ self }}", "{{ self.__init__.__globals__ }}", "{{ self._TemplateReference__context }}", "{{ config }}",
    "{{ config.items() }}", "{{ request }}", "{{ request.application.__globals__ }}", "{{ g }}", "{{ session }}",
    "{{ url_for.__globals__ }}", "{{ get_flashed_messages.__globals__ }}", "{{ lipsum }}", "{{ lipsum.__globals__ }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}", "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__.os }}", "{{ namespace.__init__.__globals__.os }}", "{{ namespace(a=1) }}",
    "{{ dict.__base__.__subclasses__() }}", "{{ range(10) }}", "{{ range.__class__ }}", "{{ _self }}",
    "{{ self._TemplateReference__context.cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ (lipsum|attr('__globals__')).os }}", "{{ x.__init__.__builtins__ }}", "{{ ''.__doc__ }}",
    # CVE-2016-10745 and CVE-2019-10906.
    "{{ '{0.__class__}'.format(1) }}", "{{ '{0.__class__.__mro__}'.format(fields) }}",
    "{{ '{x.__class__}'.format_map({'x': 1}) }}", "{{ '%s'|format('x') }}", "{{ '%s' % 'x' }}",
    "{{ '{}'.format.__self__ }}", "{{ ''.format_map.__class__ }}",
    # CVE-2024-56326 and CVE-2025-27516: format reached over a filter, or kept.
    "{{ ['{0.__class__}']|map('format', 1)|list }}", "{{ '{0.__class__}'|attr('format')(1) }}",
    "{{ ''|attr('format')|attr('__self__') }}", "{% set f = ''.format %}{{ f('x') }}",
    "{{ [''.format]|first }}", "{% for f in [''.format] %}{{ f('x') }}{% endfor %}",
    "{{ '{0.__class__}'|map(attribute='format')|list }}", "{{ fields|map(attribute='__class__')|list }}",
    # Statements.
    "{% set x = 7 %}{{ x }}", "{% set fields = {} %}", "{% import 'os' as os %}", "{% from 'x' import y %}",
    "{% include '/etc/passwd' %}", "{% include 'foresend.yaml' %}", "{% extends 'base.html' %}",
    "{% macro m() %}x{% endmacro %}{{ m() }}", "{% call m() %}{% endcall %}", "{% block b %}x{% endblock %}",
    "{% for i in range(3) %}{{ i }}{% endfor %}", "{% for i in range(999999999) %}x{% endfor %}",
    "{% for k in fields %}{{ k }}{% endfor %}", "{% with a = 1 %}{{ a }}{% endwith %}", "{% debug %}", "{% do x %}",
    "{% filter upper %}x{% endfilter %}", "{% autoescape false %}{{ fields.first_name }}{% endautoescape %}",
    "{% raw %}{{ 7*7 }}{% endraw %}", "{% trans %}x{% endtrans %}", "{% print 7*7 %}", "{% if 7*7 == 49 %}x{% endif %}",
    "{% if ''.__class__ %}x{% endif %}", "{% if fields.first_name.__class__ %}x{% endif %}",
    # Filters and tests.
    "{{ fields.first_name|safe }}", "{{ '<b>'|safe }}", "{{ fields|tojson }}", "{{ fields|pprint }}",
    "{{ fields|xmlattr }}", "{{ 'x'|replace('x', 'y') }}", "{{ fields|string }}", "{{ 'x'|center(1000000000) }}",
    "{{ 'http://x'|urlize }}", "{{ fields.first_name|forceescape|safe }}", "{{ fields is defined }}",
    "{{ 'x' * 1000000000 }}", "{{ 'x'|upper(1) }}", "{{ fields.first_name|upper|attr('__class__') }}",
    "{{ 9**9**9 }}", "{{ '%1000000000d' % 1 }}", "{{ (('x'*1000)*1000)*1000 }}",
    # Names that an earlier wall might let through.
    "{{ slots.hero.src.__class__ }}", "{{ fields.first_name.format }}", "{{ fields.first_name.upper() }}",
    "{{ fields['first_name'] }}", "{{ fields.get('first_name') }}", "{{ fields.first_name[0] }}", "{{ fields.pop }}",
    "{{ locale.__class__ }}", "{{ workspace.__class__ }}", "{{ marks.__class__ }}", "{{ subject.__class__ }}",
    # Other engines' marks, which must be words here.
    "${7*7}", "#{7*7}", "<%= 7*7 %>", "*{7*7}", "@(7*7)", "{php}echo 7*7;{/php}", "[[${7*7}]]", "{7*7}",
    "${T(java.lang.Runtime).getRuntime().exec('id')}", "<#assign x=7>", "#set($x=7*7)", "{{constructor}}",
)  # fmt: skip

HIT = re.compile(
    r"\b49\b|7777777|\b77\b|<class|<module|<function|<built-in|<bound method|&lt;class|&lt;module|&lt;function|"
    r"&lt;built-in|&lt;bound method|uid=\d|root:x:|dict_items|object at 0x"
)
"""What a message holds where a payload was run: none of it stands in a payload itself."""


def hits(text: str, payload: str) -> list[str]:
    """Traces of a payload that was run, in what came of it; the payload itself, printed as it stands, is none."""
    return HIT.findall(text.replace(payload, ""))
