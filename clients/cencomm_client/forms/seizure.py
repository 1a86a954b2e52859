"""SZR, the seizure report: typed fields, checked when authored and again when opened (DOMAIN).

`NOMINAL` names the fields that are personal data or the identity of a conveyance: they stay
within the operation and never reach CEN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cencomm_client.forms import identifiers as ids
from cencomm_client.forms.fields import Fields, FormInvalid, WrongValue

KIND = "SZR"
NOMINAL = frozenset(["conveyance.container", "conveyance.vessel", "conveyance.plate", "persons"])

FORMS = frozenset(["simple", "long"])
PRECISIONS = frozenset(["minute", "hour", "day"])
LOCATIONS = frozenset(
    [
        "seaport",
        "airport",
        "land_border",
        "inland",
        "mail_centre",
        "free_zone",
        "warehouse",
        "rail",
        "at_sea",
        "other",
    ]
)
DIRECTIONS = frozenset(["import", "export", "transit", "internal"])
OFFENCES = frozenset(
    [
        "smuggling",
        "undeclared",
        "misdeclared",
        "counterfeit",
        "undervaluation",
        "prohibited",
        "other",
    ]
)
DETECTIONS = frozenset(
    [
        "risk_profile",
        "physical_search",
        "xray",
        "dog",
        "document_check",
        "intelligence",
        "random",
        "other",
    ]
)
TRIGGERS = frozenset(["warning", "hit", "routine", "random"])
CATEGORIES = frozenset(
    [
        "tobacco",
        "drugs",
        "weapons",
        "ipr",
        "cites",
        "cultural",
        "currency",
        "waste",
        "medicines",
        "chemicals",
        "alcohol",
        "electronics",
        "other",
    ]
)
AUTHENTICITY = frozenset(["genuine", "counterfeit", "unknown"])
PERSON_ROLES = frozenset(
    ["driver", "passenger", "crew", "consignor", "consignee", "courier", "other"]
)
HANDLING = frozenset(["H0", "H1", "H2", "H3"])
TLP = frozenset(["RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR"])
APPENDICES = frozenset(["I", "II", "III"])


@dataclass(frozen=True, slots=True)
class Goods:
    """One line of goods; amounts are decimal text, units by UN/CEFACT Rec 20."""

    category: str
    quantity: str
    unit: str
    hs: str | None = None
    description: str | None = None
    brand: str | None = None
    authenticity: str = "unknown"
    origin: str | None = None
    pieces: int | None = None
    unweighed: bool = False
    value: str | None = None
    currency: str | None = None
    cas: str | None = None
    cites_taxon: str | None = None
    cites_appendix: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """Where the goods came from and went to: UN/LOCODEs."""

    departure: str | None = None
    transits: tuple[str, ...] = ()
    destination: str | None = None


@dataclass(frozen=True, slots=True)
class Conveyance:
    """Mode (Rec 19) and type; the identifying fields are nominal. `as_seen` lifts check digits."""

    mode: str
    type: str | None = None
    container: str | None = None
    vessel: str | None = None
    plate: str | None = None
    as_seen: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody involved; nominal. Only how many of which role goes to CEN."""

    role: str
    name: str | None = None
    nationality: str | None = None


@dataclass(frozen=True, slots=True)
class Seizure:
    """A seizure report. `at` is UTC milliseconds, `warning` the leaf hash of the WRN or HIT."""

    form: str
    country: str
    office: str
    at: int
    precision: str
    location: str
    direction: str
    offence: str
    detection: str
    trigger: str
    goods: tuple[Goods, ...]
    reference: str | None = None
    route: Route = Route()
    conveyance: Conveyance | None = None
    concealment: str | None = None
    persons: tuple[Person, ...] = ()
    photos: int = 0
    warning: bytes | None = None
    handling: tuple[str, ...] = ()
    handling_text: str | None = None
    tlp: str | None = None
    remarks: str | None = None

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Seizure:
        """Read a message's content; raises FormInvalid with every wrong field."""
        fields = Fields(content)
        seizure = _seizure(fields)
        fields.close()
        if fields.errors:
            raise FormInvalid(tuple(fields.errors))
        return seizure

    def content(self) -> dict[str, Any]:
        """The content map of the message; absent fields are left out. Raises FormInvalid."""
        content: dict[str, Any] = _plain(self)
        Seizure.parse(content)
        return content


def _seizure(fields: Fields) -> Seizure:
    at = fields.integer("at", 0, 2**53 - 1)
    if at is None and not any(error.path == "at" for error in fields.errors):
        fields.complain("at", "the time as UTC milliseconds")
    goods = fields.parts("goods", _goods, 100)
    if not goods and not any(error.path.startswith("goods") for error in fields.errors):
        fields.complain("goods", "at least one line of goods")
    route, conveyance = fields.part("route"), fields.part("conveyance")
    return Seizure(
        form=fields.text("form", ids.one_of(FORMS)),
        country=fields.text("country", ids.country),
        office=fields.text("office", ids.locode),
        at=at or 0,
        precision=fields.text("precision", ids.one_of(PRECISIONS)),
        location=fields.text("location", ids.one_of(LOCATIONS)),
        direction=fields.text("direction", ids.one_of(DIRECTIONS)),
        offence=fields.text("offence", ids.one_of(OFFENCES)),
        detection=fields.text("detection", ids.one_of(DETECTIONS)),
        trigger=fields.text("trigger", ids.one_of(TRIGGERS)),
        goods=goods,
        reference=fields.optional("reference", ids.prose(64)),
        route=Route() if route is None else _route(route),
        conveyance=None if conveyance is None else _conveyance(conveyance),
        concealment=fields.optional("concealment", ids.prose(4000)),
        persons=fields.parts("persons", _person, 100),
        photos=fields.integer("photos", 0, 1000) or 0,
        warning=fields.octets("warning", 32),
        handling=fields.texts("handling", ids.one_of(HANDLING), 4),
        handling_text=fields.optional("handling_text", ids.prose(1000)),
        tlp=fields.optional("tlp", ids.one_of(TLP)),
        remarks=fields.optional("remarks", ids.prose(4000)),
    )


def _goods(fields: Fields) -> Goods:
    goods = Goods(
        category=fields.text("category", ids.one_of(CATEGORIES)),
        quantity=fields.text("quantity", ids.decimal),
        unit=fields.text("unit", ids.unit),
        hs=fields.optional("hs", ids.heading),
        description=fields.optional("description", ids.prose(1000)),
        brand=fields.optional("brand", ids.prose(100)),
        authenticity=fields.optional("authenticity", ids.one_of(AUTHENTICITY)) or "unknown",
        origin=fields.optional("origin", ids.country),
        pieces=fields.integer("pieces", 0, 10**12),
        unweighed=fields.flag("unweighed"),
        value=fields.optional("value", ids.decimal),
        currency=fields.optional("currency", ids.currency),
        cas=fields.optional("cas", ids.cas),
        cites_taxon=fields.optional("cites_taxon", ids.prose(100)),
        cites_appendix=fields.optional("cites_appendix", ids.one_of(APPENDICES)),
    )
    if (goods.value is None) != (goods.currency is None):
        fields.complain("currency", "value and currency together, or neither")
    fields.close()
    return goods


def _route(fields: Fields) -> Route:
    route = Route(
        departure=fields.optional("departure", ids.locode),
        transits=fields.texts("transits", ids.locode, 20),
        destination=fields.optional("destination", ids.locode),
    )
    fields.close()
    return route


def _conveyance(fields: Fields) -> Conveyance:
    as_seen = fields.flag("as_seen")
    conveyance = Conveyance(
        mode=fields.text("mode", ids.mode),
        type=fields.optional("type", ids.prose(100)),
        container=fields.optional("container", _unless(as_seen, ids.container)),
        vessel=fields.optional("vessel", _unless(as_seen, ids.vessel)),
        plate=fields.optional("plate", ids.prose(20)),
        as_seen=as_seen,
    )
    fields.close()
    return conveyance


def _person(fields: Fields) -> Person:
    person = Person(
        role=fields.text("role", ids.one_of(PERSON_ROLES)),
        name=fields.optional("name", ids.prose(200)),
        nationality=fields.optional("nationality", ids.country),
    )
    fields.close()
    return person


def _unless(as_seen: bool, check: Callable[[str], str]) -> Callable[[str], str]:
    """The number as it was painted, when the officer says so; else the checked one (DOMAIN)."""

    def keep(text: str) -> str:
        if not 0 < len(text) <= 20:
            raise WrongValue("1 to 20 characters as seen")
        return text

    return keep if as_seen else check


def _plain(value: Any) -> Any:
    """A form as CBOR content: nested maps, tuples as lists, what is absent or empty left out."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    names = getattr(type(value), "__dataclass_fields__", None)
    if names is None:
        return value
    plain = {name: _plain(getattr(value, name)) for name in names}
    return {name: item for name, item in plain.items() if item not in (None, [], {}, False)}
