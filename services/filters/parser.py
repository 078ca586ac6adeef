"""A filter as one line: read by recursive descent, in one pass and bounded. Pure.

either := both ("OR" both)*
both   := one (["AND"] one)*
one    := ("NOT" | "-") one | "(" either ")" | field ":" value | text
value  := text | ">" text | text ".." text | "(" either ")", where a group holds values of that field
text   := word | "words in quotes", either with "*" at its end for a beginning
"""

import re
from typing import NamedTuple, NoReturn

from services.filters.errors import FilterError
from services.filters.fields import RANGED, SINGLE, field_named, term
from services.filters.nodes import Everything, Node, Not, every, negate, some

MAX_LENGTH = 4_000  # characters
MAX_DEPTH = 32
MAX_TERMS = 500

_SPACE = re.compile(r"\s*")
_OPEN, _CLOSE, _QUOTE = "(（", ")）", '"“”„＂'
_FIELD = re.compile(r"([^\W\d]\w*)[:：]")
_STRING = re.compile(r'["“”„＂]((?:[^"“”„＂\\]|\\.)*+)["“”„＂](\*?)', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
# Hebrew writes its acronyms with a mark that keyboards type as a quote: צה"ל is one word.
_BARE = re.compile(r'(?:[^\s()（）"“”„＂]|(?<=[\u05d0-\u05ea])"(?=[\u05d0-\u05ea]))+')
_SIGN = re.compile(r"(?:[<>]=?|=)\s*")
_WORD_END = re.compile(r"(?=[\s()（）]|\Z)")


class _Value(NamedTuple):
    text: str
    prefix: bool
    at: int
    was_quoted: bool


def read(text: str) -> Node:
    """Read a line; an empty one matches all. Raises FilterError."""
    if len(text) > MAX_LENGTH:
        raise FilterError(f"a filter has at most {MAX_LENGTH:,} characters, this one {len(text):,}", MAX_LENGTH, text)
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._terms = 0
        self._field: str | None = None  # whose group is open

    def whole(self) -> Node:
        self._skip()
        if self._at == len(self._text):
            return Everything()
        node = self._either()
        if self._at < len(self._text):
            self._fail('this ")" closes nothing; take it away, or put it in quotes')
        return node

    def _either(self) -> Node:
        parts = [self._both()]
        while self._keyword("OR"):
            self._needs_more("OR")
            parts.append(self._both())
        return some(parts) if len(parts) > 1 else parts[0]

    def _both(self) -> Node:
        parts: list[Node] = []
        while True:
            begun = self._at
            one = self._one()
            if parts and self._field in SINGLE and not any(isinstance(part, Not) for part in (parts[-1], one)):
                self._fail(f"no article has two; write {self._field}:(a OR b)", begun)
            parts.append(one)
            if self._keyword("AND"):
                self._needs_more("AND")
            elif self._at == len(self._text) or self._peek() in _CLOSE or self._is_keyword("OR"):
                return every(parts)

    def _one(self) -> Node:
        negated = False
        entered = 0
        while (said := self._keyword("NOT")) or self._peek() == "-":
            self._enter()
            entered += 1
            if said:
                self._needs_more("NOT")
            else:
                self._at += 1
                if self._at == len(self._text) or self._text[self._at].isspace():
                    self._fail(
                        '"-" stands directly before what it excludes; write -word, or "-" in quotes', self._at - 1
                    )
            negated = not negated
        node = self._plain()
        self._depth -= entered
        self._skip()
        return negate(node) if negated else node

    def _plain(self) -> Node:
        for word in ("AND", "OR"):
            if self._is_keyword(word):
                self._fail(f'{word} needs something before it; to search for the word, write "{word.lower()}"')
        if self._peek() in _OPEN:
            return self._group()
        found = _FIELD.match(self._text, self._at)
        if found is not None and self._field is None:
            return self._fielded(found)
        if found is not None and self._field != "id":
            self._fail(f"in {self._field}:(…) stand only its values; close the group before {found[0]}")
        return self._term(self._field or "text", self._value())

    def _group(self) -> Node:
        opened = self._at
        self._enter()
        self._at += 1
        self._skip()
        if self._peek() in _CLOSE and self._at < len(self._text):
            self._fail("there is nothing between the parentheses", opened)
        if self._at == len(self._text):
            self._fail('this "(" is never closed', opened)
        node = self._either()
        if self._at == len(self._text):
            self._fail('this "(" is never closed', opened)
        self._at += 1
        self._depth -= 1
        return node

    def _fielded(self, found: re.Match[str]) -> Node:
        begun = self._at
        try:
            field = field_named(found[1])
        except ValueError as error:
            self._fail(str(error), begun)
        self._at = found.end()
        if self._at == len(self._text) or self._text[self._at].isspace() or self._peek() in _CLOSE:
            self._fail(f"a value is missing directly after {found[0]}; write {field}:value")
        if self._peek() not in _OPEN:
            return self._term(field, self._value(field))
        self._field = field
        node = self._group()
        self._field = None
        return node

    def _value(self, field: str | None = None) -> _Value:
        begun = self._at
        field = field or self._field
        sign = ""
        if field in RANGED and (found := _SIGN.match(self._text, self._at)) is not None:
            sign = found[0].strip()
            self._at = found.end()
        if self._peek() in _QUOTE:
            found = _STRING.match(self._text, self._at)
            if found is None:
                self._fail("this quote is never closed")
            self._at = found.end()
            return _Value(sign + _ESCAPE.sub(r"\1", found[1]), bool(found[2]), begun, was_quoted=True)
        found = _BARE.match(self._text, self._at)
        if found is None:
            self._fail("a value is missing here")
        self._at = found.end()
        text = found[0]
        prefix = text.endswith("*") and text != "*"
        return _Value(sign + text.removesuffix("*" if prefix else ""), prefix, begun, was_quoted=False)

    def _term(self, field: str, value: _Value) -> Node:
        self._terms += 1
        if self._terms > MAX_TERMS:
            self._fail(f"a filter has at most {MAX_TERMS} terms", value.at)
        if not value.was_quoted and field not in RANGED:
            if value.text == "*" and field == "text" and self._field is None:
                return Everything()
            if "*" in value.text:
                where = value.at + value.text.index("*")
                self._fail('"*" stands only at the end of a beginning, like clim*; in quotes it is itself', where)
            if "," in value.text.strip(",") and field not in {"text", "title", "id"}:
                parts = " OR ".join(part for part in value.text.split(",")[:3] if part)
                self._fail(f"several values are written {field}:({parts}); a comma in a name needs quotes", value.at)
        try:
            return term(field, value.text, prefix=value.prefix)
        except ValueError as error:
            self._fail(str(error), value.at)

    def _keyword(self, word: str) -> bool:
        if not self._is_keyword(word):
            return False
        self._at += len(word)
        self._skip()
        return True

    def _is_keyword(self, word: str) -> bool:
        end = self._at + len(word)
        return self._text.startswith(word, self._at) and _WORD_END.match(self._text, end) is not None

    def _needs_more(self, word: str) -> None:
        if self._at == len(self._text) or self._peek() in _CLOSE:
            self._fail(f"{word} needs something after it")

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(f"this is nested deeper than {MAX_DEPTH} levels; take parentheses away")

    def _peek(self) -> str:
        """Give the next character; at the end a space, which is in no set of marks."""
        return self._text[self._at] if self._at < len(self._text) else " "

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        assert found is not None, "it matches nothing too"
        self._at = found.end()

    def _fail(self, message: str, at: int | None = None) -> NoReturn:
        raise FilterError(message, (self._at if at is None else at) + 1, self._text)
