"""Which PSA company a tenant probably is, by normalised name and by domain."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

from shared.domain.agreements import Company

SURE = 90
"""From this score on a match may be proposed without a warning."""
_NEAR = 60
_LEGAL_FORMS = frozenset(
    {
        *("ag", "bv", "co", "company", "corp", "corporation", "gmbh", "inc", "incorporated", "kg"),
        *("limited", "llc", "llp", "ltd", "nv", "oy", "plc", "pty", "sa", "sarl", "sas", "srl"),
        "the",
    }
)


@dataclass(frozen=True, slots=True)
class Match:
    """The best-matching company.

    Attributes:
        score: From 0 to 100; 100 is the same normalised name.
        why: What matched, in words.
    """

    company: Company | None
    score: int
    why: str


def best_match(name: str, domain: str, companies: Iterable[Company]) -> Match:
    """Return the company that comes nearest to a tenant's name or domain, if one comes near."""
    best = Match(None, 0, "no company has a similar name")
    for company in companies:
        match = _match(name, domain, company)
        if match.score > best.score:
            best = match
    return best


def normalised(name: str) -> str:
    """Return the name without case, accents, punctuation and legal forms."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    words = re.sub(r"[^a-z0-9]+", " ", plain).split()
    return " ".join([word for word in words if word not in _LEGAL_FORMS] or words)


def _match(name: str, domain: str, company: Company) -> Match:
    ours, theirs = normalised(name), normalised(company.name)
    if ours and ours == theirs:
        return Match(company, 100, f"same name as {company.name}")
    site = normalised(domain.split(".", maxsplit=1)[0])
    if site and site == theirs.replace(" ", ""):
        return Match(company, SURE, f"domain {domain} is the name {company.name}")
    alike = SequenceMatcher(None, ours, theirs)
    matched = 2 * sum(block.size for block in alike.get_matching_blocks()) * 100
    score = matched // max(1, len(ours) + len(theirs))
    if score < _NEAR:
        return Match(None, 0, "no company has a similar name")
    return Match(company, min(score, SURE - 1), f"name is similar to {company.name}")
