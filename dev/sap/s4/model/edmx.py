"""The `$metadata` document and the two forms of the service document, written from the tables.

V2 in the form that SAP Gateway gives it: EDMX 1.0, schema namespace 2008/09, `sap:` annotations, no feed customising.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from xml.sax.saxutils import quoteattr

from dev.sap.s4.model.edm import EntitySet, Field, Nav, Service, label

_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx"'
    ' xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"'
    ' xmlns:sap="http://www.sap.com/Protocols/SAPData">'
    '<edmx:DataServices m:DataServiceVersion="2.0">'
)


def _element(tag: str, attributes: Mapping[str, str | None], inner: str = "") -> str:
    shown = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items() if value is not None)
    return f"<{tag}{shown}>{inner}</{tag}>" if inner else f"<{tag}{shown}/>"


def _no(*, allowed: bool) -> str | None:
    return None if allowed else "false"


def _property(field: Field, units: dict[str, str]) -> str:
    decimal = field.edm == "Decimal"
    return _element(
        "Property",
        {
            "Name": field.name,
            "Type": f"Edm.{field.edm}",
            "Nullable": "false" if field.key else None,
            "MaxLength": str(field.length) if field.length else None,
            "Precision": None if field.precision is None else str(field.precision),
            "Scale": str(field.scale) if decimal else None,
            "ConcurrencyMode": "Fixed" if field.etag else None,
            "sap:unit": field.unit,
            "sap:display-format": "Date" if field.edm == "DateTime" else None,
            "sap:label": label(field.name),
            "sap:creatable": _no(allowed=field.writable),
            "sap:updatable": _no(allowed=field.writable),
            "sap:sortable": _no(allowed=field.filterable),
            "sap:filterable": _no(allowed=field.filterable),
            "sap:semantics": units.get(field.name),
        },
    )


def _association(entity_set: EntitySet, nav: Nav) -> str:
    digest = sha256(f"{entity_set.name}/{nav.name}".encode()).hexdigest()
    return f"assoc_{digest[:32].upper()}"


def _units(entity_set: EntitySet) -> dict[str, str]:
    fields = (field for field in entity_set.fields.values() if field.unit)
    return {
        field.unit or "": "currency-code" if "Currency" in (field.unit or "") else "unit-of-measure" for field in fields
    }


def _entity_type(entity_set: EntitySet) -> str:
    units = _units(entity_set)
    key = "".join(_element("PropertyRef", {"Name": name}) for name in entity_set.keys)
    properties = "".join(_property(field, units) for field in entity_set.fields.values())
    navs = "".join(
        _element(
            "NavigationProperty",
            {
                "Name": nav.name,
                "Relationship": f"{entity_set.service}.{_association(entity_set, nav)}",
                "FromRole": f"FromRole_{_association(entity_set, nav)}",
                "ToRole": f"ToRole_{_association(entity_set, nav)}",
            },
        )
        for nav in entity_set.navs.values()
    )
    attributes = {"Name": f"{entity_set.name}Type", "sap:label": label(entity_set.name[2:]), "sap:content-version": "1"}
    return _element("EntityType", attributes, f"<Key>{key}</Key>{properties}{navs}")


def _each_nav(service: Service) -> Iterator[tuple[EntitySet, Nav, str]]:
    for entity_set in service.sets.values():
        for nav in entity_set.navs.values():
            yield entity_set, nav, _association(entity_set, nav)


def _associations(service: Service) -> str:
    parts = []
    for entity_set, nav, name in _each_nav(service):
        target = service.sets[nav.target]
        ends = _element(
            "End", {"Type": entity_set.type_name, "Multiplicity": "1", "Role": f"FromRole_{name}"}
        ) + _element(
            "End", {"Type": target.type_name, "Multiplicity": "*" if nav.many else "0..1", "Role": f"ToRole_{name}"}
        )
        parts.append(_element("Association", {"Name": name, "sap:content-version": "1"}, ends))
    return "".join(parts)


def _container(service: Service) -> str:
    sets = "".join(
        _element(
            "EntitySet",
            {
                "Name": entity_set.name,
                "EntityType": entity_set.type_name,
                "sap:creatable": _no(allowed=entity_set.create),
                "sap:updatable": _no(allowed=entity_set.update),
                "sap:deletable": _no(allowed=entity_set.delete),
                "sap:content-version": "1",
            },
        )
        for entity_set in service.sets.values()
    )
    links = "".join(
        _element(
            "AssociationSet",
            {
                "Name": name,
                "Association": f"{service.name}.{name}",
                "sap:creatable": "false",
                "sap:updatable": "false",
                "sap:deletable": "false",
                "sap:content-version": "1",
            },
            _element("End", {"EntitySet": entity_set.name, "Role": f"FromRole_{name}"})
            + _element("End", {"EntitySet": nav.target, "Role": f"ToRole_{name}"}),
        )
        for entity_set, nav, name in _each_nav(service)
    )
    attributes = {
        "Name": f"{service.name}_Entities",
        "m:IsDefaultEntityContainer": "true",
        "sap:supported-formats": "json",
    }
    return _element("EntityContainer", attributes, sets + links)


def metadata(service: Service) -> str:
    """Write the whole `$metadata` document."""
    types = "".join(_entity_type(entity_set) for entity_set in service.sets.values())
    attributes = {
        "Namespace": service.name,
        "xml:lang": "en",
        "sap:schema-version": "1",
        "xmlns": "http://schemas.microsoft.com/ado/2008/09/edm",
    }
    schema = _element("Schema", attributes, types + _associations(service) + _container(service))
    return f"{_HEAD}{schema}</edmx:DataServices></edmx:Edmx>"


def service_json(service: Service) -> dict[str, object]:
    """Write the service document in V2 JSON."""
    return {"d": {"EntitySets": list(service.sets)}}


def service_xml(service: Service, base: str) -> str:
    """Write the service document as an Atom service; `base` is the service's root with its slash."""
    collections = "".join(
        f'<app:collection href="{name}"><atom:title type="text">{name}</atom:title></app:collection>'
        for name in service.sets
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<app:service xml:lang="en" xml:base={quoteattr(base)} xmlns:app="http://www.w3.org/2007/app"'
        ' xmlns:atom="http://www.w3.org/2005/Atom"><app:workspace><atom:title type="text">Data</atom:title>'
        f"{collections}</app:workspace></app:service>"
    )
