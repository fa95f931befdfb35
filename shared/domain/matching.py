"""Which PSA company a tenant probably is: by its domain, and by its normalised name.

A match is *sure* when it may be taken without looking twice: it scores well, no other company
comes near, and no other tenant or customer has the company.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from urllib.parse import urlsplit

from shared.domain.agreements import Company
from shared.domain.ids import CompanyId

SURE = 90
"""From this score on a match may be sure."""
_SAME_SITE = 96
_NEAR = 60
_AMBIGUOUS = 5
"""Another company that scores within so many points leaves the match unsure."""
_LEGAL_FORMS = frozenset(
    {
        *("ag", "bv", "co", "company", "corp", "corporation", "gmbh", "inc", "incorporated", "kg"),
        *("limited", "llc", "llp", "ltd", "nv", "oy", "plc", "pty", "sa", "sarl", "sas", "srl"),
        "the",
    }
)
_EVERYBODYS = frozenset(
    {
        *("gmail.com", "hotmail.com", "outlook.com", "live.com", "yahoo.com", "icloud.com"),
        *("facebook.com", "linkedin.com", "onmicrosoft.com", "wixsite.com", "wordpress.com"),
    }
)
"""Domains that say nothing about who somebody is."""
_NOTHING = "no company has a similar name or the domain"


@dataclass(frozen=True, slots=True)
class Match:
    """The best-matching company.

    Attributes:
        score: From 0 to 100; 100 is the same normalised name, or that and the same domain.
        why: What matched, in words, and what makes it unsure.
        sure: Whether a person need not choose.
    """

    company: Company | None
    score: int
    why: str
    sure: bool = False


def best_matches(
    tenants: Sequence[tuple[str, str]],
    companies: Iterable[Company],
    taken: Mapping[CompanyId, str],
) -> tuple[Match, ...]:
    """Return the best match of each tenant; two tenants are never sure of one company.

    Args:
        tenants: Names and domains.
        taken: Companies that are customers already, with the customer's name.
    """
    known = [_Known(one, normalised(one.name), site_of(one.website)) for one in companies]
    found = [_best(name, domain, known) for name, domain in tenants]
    rivals: dict[CompanyId, list[int]] = defaultdict(list)
    for number, match in enumerate(found):
        if match.company is not None:
            rivals[match.company.company_id].append(number)
    told = []
    for number, match in enumerate(found):
        if match.company is None:
            told.append(match)
            continue
        company_id = match.company.company_id
        # A tenant that is only similar takes nothing from one that surely is the company.
        others = [
            tenants[one][0]
            for one in rivals[company_id]
            if one != number and (found[one].score >= SURE or match.score < SURE)
        ]
        if company_id in taken:
            told.append(_doubted(match, f"it is customer {taken[company_id]} already"))
        elif others:
            told.append(_doubted(match, f"it fits {', '.join(others)} too"))
        else:
            told.append(match)
    return tuple(told)


def normalised(name: str) -> str:
    """Return the name without case, accents, punctuation and legal forms."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    words = re.sub(r"[^a-z0-9]+", " ", plain).split()
    return " ".join([word for word in words if word not in _LEGAL_FORMS] or words)


def site_of(address: str) -> str:
    """Return the host of a web site or domain as people write it; empty when it is nobody's own."""
    text = address.strip().casefold()
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:
        return ""
    host = host.removeprefix("www.").rstrip(".")
    everybodys = any(host == one or host.endswith(f".{one}") for one in _EVERYBODYS)
    return "" if everybodys or "." not in host else host


@dataclass(frozen=True, slots=True)
class _Known:
    """A company with its name and web site in the form that is compared."""

    company: Company
    name: str
    site: str


@dataclass(frozen=True, slots=True)
class _Found:
    """A match, and whether name and domain agree on it: nothing beats that."""

    match: Match
    by_both: bool = False


_NONE = _Found(Match(None, 0, _NOTHING))


def _best(name: str, domain: str, companies: Sequence[_Known]) -> Match:
    ours, site, label = normalised(name), site_of(domain), normalised(_label(domain))
    found = [_exact(ours, site, label, one) for one in companies]
    if max((one.match.score for one in found), default=0) <= SURE:
        # Only now may a name that is merely similar decide, or leave it undecided.
        alike = SequenceMatcher(None, "", ours, autojunk=False)
        found += [_similar(ours, one, alike) for one in companies]
    best, second = _NONE, _NONE
    for one in found:
        if (one.by_both, one.match.score) > (best.by_both, best.match.score):
            second = best if best.match.company != one.match.company else second
            best = one
        elif one.match.company != best.match.company and one.match.score > second.match.score:
            second = one
    match, rival = best.match, second.match
    if match.company is None or match.score < SURE:
        return match
    alone = best.by_both and not second.by_both
    if rival.company is not None and match.score - rival.score < _AMBIGUOUS and not alone:
        return _doubted(match, f"{rival.company.name} fits nearly as well ({rival.why})")
    return replace(match, sure=True)


def _exact(ours: str, site: str, label: str, known: _Known) -> _Found:
    """A match by a name or domain that is the same."""
    company, same_name = known.company, bool(ours) and ours == known.name
    if site and site == known.site:
        if same_name:
            why = f"same name and domain as {company.name}"
            return _Found(Match(company, 100, why), by_both=True)
        return _Found(Match(company, _SAME_SITE, f"domain {site} is that of {company.name}"))
    if same_name:
        if site and known.site and _label(site) != _label(known.site):
            why = f"same name as {company.name}, whose web site {known.site} is not {site}"
            return _Found(Match(company, SURE - 1, why))
        return _Found(Match(company, 100, f"same name as {company.name}"))
    if label and label == known.name.replace(" ", ""):
        return _Found(Match(company, SURE, f"domain {site or label} is the name {company.name}"))
    return _NONE


def _similar(ours: str, known: _Known, alike: "SequenceMatcher[str]") -> _Found:
    if ours == known.name:
        return _NONE
    score = _likeness(ours, known.name, alike)
    if score < _NEAR:
        return _NONE
    name = known.company.name
    return _Found(Match(known.company, min(score, SURE - 1), f"name is similar to {name}"))


def _label(host: str) -> str:
    return host.split(".", maxsplit=1)[0]


def _likeness(ours: str, theirs: str, alike: "SequenceMatcher[str]") -> int:
    """How much of two names is alike, in percent; 0 where that is certainly below what counts."""
    shorter, length = min(len(ours), len(theirs)), max(1, len(ours) + len(theirs))
    if 200 * shorter < _NEAR * length:
        return 0
    common = sum((Counter(ours) & Counter(theirs)).values())
    if 200 * common < _NEAR * length:
        return 0
    alike.set_seq1(theirs)
    matched = 2 * sum(block.size for block in alike.get_matching_blocks()) * 100
    return matched // length


def _doubted(match: Match, doubt: str) -> Match:
    return replace(match, why=f"{match.why}; {doubt}", sure=False)
