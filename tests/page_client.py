"""The pages as a browser sees them, without one: cookies kept, forms sent with what they hold."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.api_client import Answer, Api

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
Fields = Mapping[str, str | Sequence[str]]


@dataclass
class SentForm:
    """A form on a page: where it goes, and what it would send untouched."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)

    def names(self) -> set[str]:
        return {name for name, _ in self.fields}


class Reader(HTMLParser):
    """Reads a page's text, links and forms, and whether its elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.forms: list[SentForm] = []
        self.ids: list[str] = []
        self.unclosed: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self._open: list[str] = []
        self._select: str | None = None
        self._area: str | None = None
        self.feed(text)
        self.unclosed += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.attributes += [(tag, name, value) for name, value in given.items()]
        if tag not in VOID:
            self._open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "form":
            self.forms.append(SentForm(given.get("action", "")))
        if not self.forms or "form" not in self._open:
            return
        form = self.forms[-1]
        name = given.get("name")
        if tag == "input" and name and "disabled" not in given:
            box = given.get("type") in {"checkbox", "radio"}
            if not box or "checked" in given:
                form.fields.append((name, given.get("value", "on" if box else "")))
        if tag == "select" and name:
            self._select = name
            form.fields.append((name, ""))
        if tag == "option" and self._select:
            first = form.fields[-1] == (self._select, "") and "first" not in given
            if "selected" in given or (first and not getattr(self, "_chosen", False)):
                form.fields[-1] = (self._select, given.get("value", ""))
                self._chosen = True
        if tag == "textarea" and name:
            self._area = name
            form.fields.append((name, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select, self._chosen = None, False
        if tag == "textarea":
            self._area = None
        if self._open and self._open[-1] == tag:
            self._open.pop()
        elif tag not in VOID:
            self.unclosed.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if self._area is not None and self.forms:
            name, value = self.forms[-1].fields[-1]
            self.forms[-1].fields[-1] = (name, value + data)
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words)).strip()


@dataclass
class Browser:
    """Somebody who looks at pages and sends their forms."""

    api: Api
    headers: dict[str, str] = field(default_factory=dict)
    cookie: str = ""
    answer: Answer | None = None

    def get(self, address: str, **headers: str) -> Reader:
        """Load a page; it must be whole, and answer with 200 unless a test looks at the answer."""
        parts = urlsplit(address)
        return self._load("GET", parts.path, dict(parse_qsl(parts.query)), b"", headers)

    def part(self, address: str, target: str) -> Reader:
        """Load a part of a page, as htmx does."""
        return self.get(address, **{"hx-request": "true", "hx-target": target})

    def send(self, path: str, fields: Fields | None = None, **headers: str) -> Reader:
        """Send a form to an address; the proof of the form is read from any page of ours."""
        given = dict(fields or {})
        if "form_token" not in given:
            given["form_token"] = self.token()
        headers.setdefault("content-type", "application/x-www-form-urlencoded")
        return self._load("POST", path, {}, urlencode(given, doseq=True).encode(), headers)

    def submit(self, page: Reader, action: str, **changes: str | Sequence[str]) -> Reader:
        """Send a page's form after some fields were changed."""
        form = next(one for one in page.forms if one.action == action)
        given: dict[str, str | Sequence[str]] = {}
        for name, value in form.fields:
            known = given.get(name)
            given[name] = (
                value if known is None else [*([known] if isinstance(known, str) else known), value]
            )
        given.update(changes)
        return self.send(action, given)

    def token(self) -> str:
        """Return what proves a form to be ours."""
        self.get("/customers")
        assert self.answer is not None
        found = re.search(r'"X-Form-Token": "([^"]+)"', unescape(self.answer.text))
        assert found is not None
        return found[1]

    @property
    def status(self) -> int:
        assert self.answer is not None
        return self.answer.status

    @property
    def location(self) -> str:
        """Where the last answer leads."""
        assert self.answer is not None
        return self.answer.headers.get("location", self.answer.headers.get("hx-redirect", ""))

    def follow(self) -> Reader:
        """Load the page that the last answer leads to."""
        return self.get(self.location)

    def _load(
        self, method: str, path: str, query: dict[str, str], body: bytes, headers: dict[str, str]
    ) -> Reader:
        given = {**self.headers, **headers}
        if self.cookie:
            given["cookie"] = self.cookie
        self.answer = self.api.call(method, path, headers=given, raw=body or None, **query)
        if "set-cookie" in self.answer.headers:
            self.cookie = self.answer.headers["set-cookie"].partition(";")[0]
        page = Reader(self.answer.text)
        assert page.unclosed == [], f"{path}: {page.unclosed}"
        assert len(page.ids) == len(set(page.ids)), f"{path} names an id twice"
        return page
