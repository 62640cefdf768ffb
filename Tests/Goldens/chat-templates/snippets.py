"""Small templates for each part of the language, and what they are rendered with."""

VARIABLES = {
    "n": 7, "m": -3, "x": 2.5, "big": 1e17, "small": 1.5e-7, "third": 1 / 3, "t": True, "f": False, "none": None,
    "text": "Hello World", "blank": "  a b\t\n", "empty": "", "unicode": "naïve Straße ǆ 日本 👩‍👧 e\u0301",
    "quotes": "it's \"so\" \\ \n\t\x07\u200b", "list": [3, 1, 2], "words": ["b", "A", "c", "a", "B"], "nothing": [],
    "dict": {"z": 1, "a": {"y": [1, 2.0, None, True]}, "items": 5, "ü": "ö"}, "nested": [[1, 2], [3, [4]]],
    "people": [{"name": "Bo", "age": 3, "tags": ["x"]}, {"name": "al", "age": 1}, {"name": "Cy", "age": 2, "tags": []}],
}

# White space: trim_blocks, lstrip_blocks, signs.
SPACES = [
    "a\n{% if t %}\nb\n{% endif %}\nc\n", "a  {% if t %}  \n  b {% endif %}\n\nc", "  {% if t %}x{% endif %}  ",
    "a\n  {%- if t -%}\n  b  {%- endif %}\n c", "a\n  {%+ if t %}b{% endif +%}\n c", "a {#- c -#} b", "a\n   {# c #}\nb",
    "a\n   {#+ c +#}\nb", "{{- n -}}\n  z", "a\n  {{ n }}\n  b", "a\n  {{- n }} \n", "x {% raw %}{{ n }} {% if %}{% endraw %} y",
    "a\n  {% raw -%}  \n {{ n }}\n  {%- endraw %}\n b", "a\n  {% raw %}\n  b\n  {% endraw %}\n c", "a\r\nb\rc\n\r\n", "a\n\n", "{{ '{{' }}{{ '}}' }}{{ {'a': {'b': 1}}.a.b }}",
    "{% for i in list %}\n  {{ i }}\n{% endfor %}\n", "{% for i in list -%}\n  {{ i }}\n{%- endfor %}", "\u00a0{%- if t %}\u2003 x{% endif %}",
    "{% if t %}\u00a0{% endif %}", "a {% if t %} {% set q = 1 %} {% endif %} b", "{#{{ n }}#}x", "a\n\t {% if t %}{% if t %}\n\t{% endif %}{% endif %}b",
    "{%if t%}x{%endif%}", "{{n}}{{x}}", "x{#-#}y", "{{ n -}}\n\n{{- m }}", "a\u2028  {% if t %}b{% endif %}",
]

# Writing, and arithmetic.
VALUES = [
    "{{ n }} {{ x }} {{ t }} {{ none }} {{ undef }}|", "{{ big }} {{ small }} {{ third }} {{ 1e16 }} {{ 1e15 }} {{ 123456789012345678.0 }} {{ 0.0001 }} {{ 0.00001 }} {{ -0.0 }} {{ 1e300 }} {{ 5e-324 }} {{ 100.0 }} {{ 9007199254740993.0 }}",
    "{{ list }} {{ dict }} {{ nested }}", "{{ quotes }} {{ [quotes] }}", "{{ [unicode] }}", "{{ (1,) }} {{ () }} {{ (1, 'a') }}", "{{ {'a': [], 1: {}} }}",
    "{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ 8 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }}",
    "{{ -2 ** 2 }} {{ - 3 }} {{ +4 }} {{ --5 }} {{ 1 - -1 }} {{ 3 * 'ab' }} {{ 'ab' * 2 }} {{ [1] * 3 }} {{ 'a' * -1 }}", "{{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }} {{ 1 + 2.0 }} {{ t + 1 }}",
    "{{ 'a' ~ 1 ~ none ~ undef ~ [1] }}", "{{ 'a' + 'b' }} {{ [1] + [2] }} {{ (1,) + (2,) }}", "{{ 1 + 2 * 3 - 4 / 2 }} {{ (1 + 2) * 3 }} {{ 1 ~ 2 + 3 }} {{ 'a' ~ 1 + 2 }}", "{{ 1 ~ 2 * 3 }}",
    "{{ 'a' 'b' \"c\" }} {{ 'x\\ny\\t\\\\ \\x41 \\u00e9 \\101 \\q \\'' }}", "{{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1.5e3 }} {{ 1e3 }}", "{{ '%s-%d-%%' % ('a', 3) }} {{ '%s' % 5 }}", "{{ 'ä' 'ö' }}",
    "{{ 1 if t }} {{ 1 if f }}| {{ 1 if f else 2 }} {{ 1 if f else 2 if f else 3 }} {{ (1 if t else 2) + 1 }}",
    "{{ 1, 2 }} {{ 1, }}", "{{ true }} {{ True }} {{ false }} {{ None }} {{ none }}",
]

LOGIC = [
    "{{ 1 < 2 < 3 }} {{ 1 < 2 > 3 }} {{ 1 == 1.0 }} {{ t == 1 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 'é' == 'e\u0301' }}", "{{ n > 3 and m < 0 }} {{ 0 or 'x' }} {{ 1 and 'y' }} {{ '' or none or 0 }} {{ not n }} {{ not not n }}",
    "{{ 'l' in text }} {{ 'q' not in text }} {{ 1 in list }} {{ 9 in list }} {{ 'z' in dict }} {{ 5 in dict }} {{ 'x' in undef }} {{ '' in text }} {{ not 1 in list }}",
    "{{ none == undef }} {{ undef == other }} {{ none == none }} {{ undef != 1 }} {{ list == [3, 1, 2] }} {{ (1,) == [1] }} {{ dict == dict }} {{ {'a': 1} == {'a': 1.0} }}",
    "{{ n is defined }} {{ undef is defined }} {{ undef is undefined }} {{ dict.q is defined }} {{ none is none }} {{ n is number }} {{ t is number }} {{ x is float }} {{ n is integer }} {{ t is integer }}",
    "{{ text is string }} {{ list is string }} {{ dict is mapping }} {{ list is mapping }} {{ list is iterable }} {{ text is iterable }} {{ n is iterable }} {{ none is iterable }} {{ undef is iterable }}",
    "{{ list is sequence }} {{ text is sequence }} {{ dict is sequence }} {{ undef is sequence }} {{ n is sequence }} {{ (1,) is sequence }}",
    "{{ t is true }} {{ t is false }} {{ f is false }} {{ 1 is true }} {{ t is boolean }} {{ 1 is boolean }} {{ n is odd }} {{ n is even }} {{ n is divisibleby 7 }} {{ n is divisibleby(2) }}",
    "{{ n is eq 7 }} {{ n is equalto(7) }} {{ n is ne 7 }} {{ n is gt 3 }} {{ n is lessthan 3 }} {{ n is in [7] }} {{ 'a' is lower }} {{ 'A1' is upper }} {{ '1' is upper }} {{ none is sameas none }} {{ list is sameas list }}",
    "{{ n is not defined }} {{ undef is not defined }} {{ not undef is defined }} {{ n is defined and n > 3 }} {{ 'yes' if undef is defined else 'no' }} {{ n is defined == true }}", "{{ 1 if n is defined and n is not none else 2 }}",
    "{{ 'a' if [] else 'b' }} {{ 'a' if {} else 'b' }} {{ 'a' if 0.0 else 'b' }} {{ 'a' if ' ' else 'b' }} {{ 'a' if namespace() else 'b' }}", "{{ range is callable }} {{ text is callable }}", "{{ -1 is number }} {{ 5|string is string }} {{ (list|length) == 3 }} {{ list|length == 3 }}",
]

ACCESS = [
    "{{ dict.z }} {{ dict['z'] }} {{ dict.a.y[1] }} {{ dict.q }}| {{ dict['q'] }}| {{ dict['items'] }} {{ dict.get('q', 4) }} {{ dict.get('q') }} {{ dict['ü'] }}", "{{ list[0] }} {{ list[-1] }} {{ list[5] }}| {{ list.0 }} {{ nested.1.1.0 }} {{ text[0] }} {{ text[-1] }} {{ unicode[2] }} {{ text[99] }}|",
    "{{ list[1:] }} {{ list[:1] }} {{ list[::-1] }} {{ list[::2] }} {{ list[-2:] }} {{ list[5:] }} {{ list[:-1] }} {{ list[2:0:-1] }} {{ list[:] }} {{ (1, 2, 3)[1:] }} {{ list[-9:9] }} {{ list[9:-9:-2] }}",
    "{{ text[1:3] }} {{ text[::-1] }} {{ unicode[10:] }} {{ text[:-6] }} {{ text[3:1] }}| {{ unicode[::-2] }}", "{{ text.foo }}| {{ n.foo }}| {{ none.foo }}| {{ list.foo }}|",
    "{{ dict.items()|list }} {{ dict.keys()|list }} {{ dict.values()|list }}", "{{ text.upper() }} {{ text.split() }} {{ text.split('o') }} {{ text.split('o', 1) }} {{ text.split(maxsplit=1) }} {{ ''.split() }} {{ ''.split('a') }} {{ blank.split() }} {{ 'aXbXc'.rsplit('X', 1) }}",
    "{{ [blank.strip()] }} {{ [blank.lstrip()] }} {{ [blank.rstrip()] }} {{ 'xxaxx'.strip('x') }} {{ 'abc'.lstrip('ba') }} {{ 'abc'.rstrip('bc') }} {{ '\u3000a\u2003'.strip() }}|", "{{ text.startswith('He') }} {{ text.endswith(('x', 'd')) }} {{ text.replace('o', '0') }} {{ text.replace('o', '0', 1) }} {{ 'ab'.replace('', '-') }} {{ text.count('o') }} {{ text.find('W') }} {{ text.find('q') }} {{ text.rfind('o') }} {{ '日本'.find('本') }}",
    "{{ text.title() }} {{ \"they're bill's\".title() }} {{ text.lower() }} {{ 'hELLO wORLD'.capitalize() }} {{ unicode.upper() }} {{ unicode.lower() }} {{ unicode.title() }}", "{{ ','.join(['a', 'b']) }} {{ '{} {}'.format(1, 'b') }} {{ '{1}{0}{x}{{}}'.format(1, 2, x=3) }}",
    "{{ 'a\nb\r\nc\n'.splitlines() }} {{ 'ab'.partition('-') }} {{ 'a-b-c'.partition('-') }} {{ 'a-b-c'.rpartition('-') }} {{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('c') }}", "{{ '12'.isdigit() }} {{ ''.isdigit() }} {{ 'aé'.isalpha() }} {{ ' '.isspace() }} {{ 'a1'.isalnum() }} {{ 'a'.islower() }}",
    "{{ range(3) | list }} {{ range(1, 4)|list }} {{ range(5, 0, -2)|list }} {{ range(0)|list }}", "{{ dict(a=1, b='x') }} {{ dict({'q': 2}, r=3) }}", "{{ list.count(1) }} {{ list.index(2) }}",
]

FILTERS = [
    "{{ text|length }} {{ unicode|length }} {{ list|count }} {{ dict|length }} {{ undef|length }}", "{{ blank|trim }}| {{ 'xax'|trim('x') }} {{ 5|trim }} {{ none|trim }}", "{{ undef|default('d') }} {{ ''|default('d') }}| {{ ''|default('d', true) }} {{ none|default('d') }} {{ undef|d }}| {{ 0|default(5, boolean=true) }}",
    "{{ list|join(', ') }} {{ list|join }} {{ people|join('-', attribute='name') }} {{ text|join('.') }} {{ [none, 1.5, true]|join(' ') }} {{ undef|join }}|", "{{ text|upper }} {{ text|lower }} {{ 'hELLO'|capitalize }} {{ \"foo-bar baz(qux) it's\"|title }} {{ 5|upper }}", "{{ text|replace('o', '0') }} {{ text|replace('l', 'L', 1) }} {{ 5|replace('5', 6) }}",
    "{{ text|first }} {{ list|last }} {{ nothing|first }}| {{ dict|first }}", "{{ dict|list }} {{ 'ab'|list }} {{ list|list }} {{ undef|list }}", "{{ dict|items|list }} {{ undef|items|list }} {{ {'b': 1, 'a': 2}|dictsort }} {{ {'b': 1, 'a': 2}|dictsort(by='value') }} {{ {'b': 1, 'C': 2}|dictsort(reverse=true) }} {{ {'b': 1, 'C': 2}|dictsort(true) }}",
    "{{ list|sort }} {{ words|sort }} {{ words|sort(case_sensitive=true) }} {{ list|sort(reverse=true) }} {{ people|sort(attribute='age')|map(attribute='name')|list }} {{ words|sort(reverse=true) }}", "{{ words|unique|list }} {{ words|unique(case_sensitive=true)|list }} {{ [1, 1.0, true, 2]|unique|list }}",
    "{{ people|map(attribute='age')|list }} {{ people|map(attribute='tags', default='-')|list }} {{ words|map('upper')|list }} {{ words|map('replace', 'a', 'z')|list }} {{ none|map('upper')|list }} {{ people|map(attribute='tags.0', default=0)|list }}",
    "{{ people|selectattr('tags')|map(attribute='name')|list }} {{ people|selectattr('age', '>', 1)|map(attribute='name')|list }} {{ people|rejectattr('name', 'equalto', 'Bo')|map(attribute='name')|list }} {{ people|selectattr('tags', 'defined')|list|length }}", "{{ list|select('odd')|list }} {{ list|reject('gt', 1)|list }} {{ [0, 1, '']|select|list }} {{ [0, 1]|reject|list }} {{ none|select|list }} {{ words|reject('in', ['a', 'b'])|list }}",
    "{{ list|min }} {{ list|max }} {{ words|max }} {{ nothing|min }}| {{ people|max(attribute='age') }} {{ list|sum }} {{ people|sum(attribute='age') }} {{ nothing|sum }}", "{{ '42'|int }} {{ ' 42 '|int }} {{ 'x'|int }} {{ 'x'|int(5) }} {{ 3.9|int }} {{ '-3.9'|int }} {{ none|int }} {{ true|int }} {{ '1_0'|int }} {{ '1.5'|float }} {{ 'x'|float }} {{ 2|float }}",
    "{{ 2.5|round }} {{ 2.567|round(2) }} {{ 2.1|round(method='ceil') }} {{ 2.9|round(0, 'floor') }} {{ -3|abs }} {{ 2.5|abs }}", "{{ list|reverse|list }} {{ text|reverse }}", "{{ 'a\nb\n\nc'|indent }} {{ 'a\nb'|indent(2, true) }} {{ 'a\n\nb'|indent(2, blank=true) }} {{ 'a\nb'|indent('> ', first=true) }} {{ 'a\nb\n'|indent(1) }}|", "{{ 5|string }} {{ [1]|string }} {{ none|string }} {{ '<a>'|safe }} {{ '%s and %s'|format('a', 1) }} {{ '<a b=\"c\">&\\''|e }}",
    "{{ dict|tojson }} {{ quotes|tojson }} {{ unicode|tojson }} {{ '<&>\x7f'|tojson }} {{ [1.0, 1e16, none, true, (1, 2)]|tojson }} {{ {1: 2}|tojson }} {{ {}|tojson }} {{ []|tojson }}", "{{ dict|tojson(indent=2) }}\n{{ dict|tojson(indent=4, ensure_ascii=true) }}\n{{ {'a': {}, 'b': []}|tojson(indent=1) }}", "{{ unicode|tojson(true) }} {{ '\x7f'|tojson(ensure_ascii=true) }} {{ dict|tojson(separators=(',', ':')) }} {{ {'b': 1, 'a': {'d': 1, 'c': 2}}|tojson(sort_keys=true) }}", "{{ -1|abs }} {{ (-1)|abs }} {{ 'a'|upper ~ 'b' }} {{ 'a' ~ 'b'|upper }} {{ 1 + list|length }}",
]

STATEMENTS = [
    "{% for i in list %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }};{% endfor %}", "{% for k, v in dict.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in dict %}{{ k }}{% endfor %} {% for c in 'aé' %}[{{ c }}]{% endfor %}", "{% for i in nothing %}x{% else %}none{% endfor %} {% for i in undef %}x{% else %}none{% endfor %}", "{% for i in list if i > 1 %}{{ i }}{{ loop.length }}{{ loop.last }}{% else %}e{% endfor %}", "{% for i in list if i > 9 %}{{ i }}{% else %}e{% endfor %}",
    "{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% for i in list %}{% for j in list %}{{ loop.index }}{% if j == 1 %}{% break %}{% endif %}{% endfor %}{{ loop.index }};{% endfor %}", "{% set q = 1 %}{% for i in list %}{% set q = q + 1 %}{{ q }}{% endfor %}{{ q }}", "{% set q = 1 %}{% if t %}{% set q = 2 %}{% endif %}{{ q }}", "{% for i in list %}{% if loop.first %}{% set w = 1 %}{% endif %}{{ w }}|{% endfor %}", "{% set ns = namespace(a=1, b=[]) %}{% for i in list %}{% set ns.a = ns.a + i %}{% set ns.b = ns.b + [i] %}{% endfor %}{{ ns.a }} {{ ns.b }} {{ ns.c }}|", "{% set ns = namespace({'k': 2}, j=3) %}{{ ns.k }}{{ ns.j }}{{ ns['k'] }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }} {% set (a, b) = [3, 4] %}{{ a }}{{ b }}{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% set q %}a{{ n }}\n b{% endset %}[{{ q }}]", "{% set q | upper | trim %} a{{ n }} {% endset %}[{{ q }}]", "{% filter upper %}a{{ text }}{% endfilter %} {% filter replace('a', 'b') | trim %} aa {% endfilter %}|",
    "{% macro f(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1) }} {{ f(1, 3) }} {{ f(1, c=4) }} {{ f(b=5, a=6) }} {{ f() }}|", "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}", "{% set q = 1 %}{% macro f() %}{{ q }}{% set q = 3 %}{{ q }}{% endmacro %}{% set q = 2 %}{{ f() }}{{ q }}", "{% macro f() %}\n  a\n{% endmacro %}[{{ f() }}] {{ f()|trim }} {{ f() is string }}", "{% macro outer() %}{% macro inner(x) %}<{{ x }}>{% endmacro %}{{ inner(1) }}{{ inner(2) }}{% endmacro %}{{ outer() }}",
    "{% if f %}a{% elif n == 7 %}b{% elif t %}c{% else %}d{% endif %}", "{% if undef %}a{% else %}b{% endif %} {% if not undef.x is defined %}{% endif %}", "{% if undef is defined and undef.x %}a{% else %}b{% endif %}", "{{ undef.x }}", "{{ undef + 1 }}", "{{ undef() }}", "{{ none.x.y }}", "{{ -undef }}", "{{ undef < 1 }}", "{{ 'a' < 1 }}", "{{ none + 'a' }}", "{{ none|length }}", "{% for i in none %}{% endfor %}", "{% for i in 5 %}{% endfor %}", "{{ 1 / 0 }}", "{{ 5 % 0 }}", "{{ 'a'|frob }}", "{{ 'a' is frob }}", "{% if f %}{{ 'a'|frob }}{% endif %}ok", "{{ 1 if t else 'a'|frob }}", "{% frob %}", "{% if t %}", "{% endif %}", "{{ 1 + }}", "{{ (1 }}", "{{ 'a }}", "{% for i in %}{% endfor %}", "{% set 5 = 1 %}", "{{ [1, 2 }}", "{{ }}", "{# never", "{% break %}", "{{ raise_exception('no: ' ~ n) }}", "{% if t %}{{ raise_exception('Ü \"x\"') }}{% endif %}", "{{ undef|tojson }}", "{{ f(1)(2) }}", "{{ range(100001)|list }}", "{% set undef.x = 1 %}", "{% set a, b = [1] %}", "{{ dict.z() }}", "{{ '{}'.format() }}", "{{ text.split('') }}", "{{ list[1.5] }}|", "{{ [1][none] }}|", "{{ [3, 'a']|sort }}", "{{ text is string is true }}", "{{ 1 in 5 }}", "{{ none in 'a' }}", "{{ 5[0] }}|", "{{ f|f }}", "{{ namespace(a=1).a }} {{ namespace().b is defined }}",
    "{{ strftime_now('%Y-%m-%d %H:%M:%S %j %p %I') }} {{ strftime_now('%d %b %Y, %A %B %a %y %-d %-m %% %e') }}", "{% generation %}a{% endgeneration %}b{% for i in list %}é{% generation %}<{{ i }}{% generation %}{% endgeneration %}>{% endgeneration %}{% endfor %}", "{% macro f() %}q{% generation %}g{% endgeneration %}{% endmacro %}ab{{ f() }}{% set z %}{% generation %}k{% endgeneration %}{% endset %}{{ z }}", "{% for i in list %}{%- generation -%} {{ i }} {%- endgeneration -%}\n{% endfor %}", "{% generation %}{% set q = 5 %}{% endgeneration %}{{ q }}|", "{% for m in people %}{{ m.name }}{% if not loop.last %}, {% endif %}{% endfor %}", "{% set messages = people[1:] %}{% for m in messages %}{{ m['name'] }}{% endfor %}", "{%- for message in people %}{%- if message.age > 1 %}{{- '<' + message['name'] | trim + '>\n' }}{%- endif %}{%- endfor %}", "{{ loop }}|",
]

ALL = SPACES + VALUES + LOGIC + ACCESS + FILTERS + STATEMENTS
