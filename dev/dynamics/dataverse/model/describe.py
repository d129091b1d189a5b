"""The model's items as metadata documents, in the members that clients read: tables, columns, keys, relationships."""

from collections.abc import Mapping
from typing import Final

from dev.dynamics.dataverse.model.metadata import Column, Key, Model, Relationship, Table, metadata_id

type Document = dict[str, object]

OWNERSHIP: Final = {"user": "UserOwned", "organization": "OrganizationOwned", "none": "None"}
REQUIRED: Final = {"none": "None", "application": "ApplicationRequired", "system": "SystemRequired"}
CASTS: Final[Mapping[str, str]] = {
    "Uniqueidentifier": "UniqueIdentifierAttributeMetadata",
    "Owner": "LookupAttributeMetadata",
    "Customer": "LookupAttributeMetadata",
}
ENUMS: Final = frozenset({"Picklist", "State", "Status", "MultiSelectPicklist"})
CASCADE: Final = {"cascade": "Cascade", "restrict": "Restrict", "clear": "RemoveLink"}


def label(text: str) -> Document:
    """Give a label in the organisation's one language."""
    one = {"Label": text, "LanguageCode": 1033, "IsManaged": True, "MetadataId": metadata_id("label", text)}
    return {"LocalizedLabels": [one], "UserLocalizedLabel": one}


def managed(value: object, name: str) -> Document:
    """Give a managed property."""
    return {"Value": value, "CanBeChanged": True, "ManagedPropertyLogicalName": name}


def schema_name(name: str) -> str:
    """Give a schema name: custom items keep theirs, platform items are capitalised."""
    return name if "_" in name.split("address", maxsplit=1)[0] else name.capitalize()


def cast_of(column: Column) -> str:
    """Give the metadata type of a column, e.g. StringAttributeMetadata."""
    return CASTS.get(column.type, f"{column.type}AttributeMetadata")


def table_document(table: Table, *, optimistic: bool, tracked: bool) -> Document:
    """Describe a table as EntityMetadata."""
    return {
        "MetadataId": metadata_id(table.name),
        "LogicalName": table.name,
        "SchemaName": schema_name(table.name),
        "EntitySetName": table.set,
        "LogicalCollectionName": table.set,
        "CollectionSchemaName": schema_name(table.set),
        "ObjectTypeCode": table.code,
        "PrimaryIdAttribute": table.id,
        "PrimaryNameAttribute": table.primary_name,
        "OwnershipType": OWNERSHIP[table.owned],
        "TableType": "Standard",
        "ChangeTrackingEnabled": tracked,
        "IsOptimisticConcurrencyEnabled": optimistic,
        "IsCustomEntity": False,
        "IsActivity": False,
        "IsIntersect": False,
        "IsPrivate": False,
        "IsManaged": True,
        "IsCustomizable": managed(value=True, name="iscustomizable"),
        "IsAuditEnabled": managed(value=False, name="canmodifyauditsettings"),
        "DisplayName": label(schema_name(table.name)),
        "DisplayCollectionName": label(schema_name(table.set)),
        "Description": label(""),
    }


def column_document(table: Table, column: Column) -> Document:
    """Describe a column as the AttributeMetadata members that every column has."""
    kind = "Virtual" if column.type == "MultiSelectPicklist" else column.type
    return {
        "@odata.type": f"#Microsoft.Dynamics.CRM.{cast_of(column)}",
        "MetadataId": metadata_id(table.name, column.name),
        "LogicalName": column.name,
        "SchemaName": schema_name(column.name),
        "EntityLogicalName": table.name,
        "AttributeType": kind,
        "AttributeTypeName": {"Value": f"{column.type}Type"},
        "AttributeOf": column.base_of or None,
        "IsValidForCreate": column.create,
        "IsValidForUpdate": column.update,
        "IsValidForRead": True,
        "IsPrimaryId": column.name == table.id,
        "IsPrimaryName": column.name == table.primary_name,
        "IsCustomAttribute": column.custom,
        "IsLogical": False,
        "IsManaged": not column.custom,
        "RequiredLevel": managed(REQUIRED[column.required], "canmodifyrequirementlevelsettings"),
        "DisplayName": label(column.label),
        "Description": label(""),
    }


def column_details(column: Column) -> Document:
    """Describe what only the column's own metadata type has: lengths, ranges, formats, targets."""
    found: Document = {}
    if column.max_length:
        form = "TextArea" if column.type == "Memo" else "Text"
        found |= {"MaxLength": column.max_length, "DatabaseLength": column.max_length * 2, "Format": form}
        found |= {"FormatName": {"Value": form}}
    if column.type in {"Integer", "Money", "Decimal", "Double", "BigInt"}:
        whole = column.type == "Integer"
        for name, bound in (("MinValue", column.minimum), ("MaxValue", column.maximum)):
            found[name] = int(bound) if bound is not None and whole else bound
    if column.precision:
        found["Precision"] = column.precision
    if column.type == "Money":
        found |= {"PrecisionSource": 2, "IsBaseCurrency": bool(column.base_of)}
    if column.type == "DateTime":
        found |= {"Format": column.format or "DateAndTime", "DateTimeBehavior": {"Value": column.behavior}}
    if column.lookup:
        found |= {"Targets": sorted(set(column.to.values())), "Format": "None"}
    if column.type in ENUMS:
        found["DefaultFormValue"] = -1
    if column.type == "Boolean":
        found["DefaultValue"] = bool(column.default)
    return found


def option_set(table: Table, column: Column) -> Document:
    """Describe a column's options as an OptionSet."""
    kind = {"State": "State", "Status": "Status", "Boolean": "Boolean"}.get(column.type, "Picklist")
    head: Document = {
        "MetadataId": metadata_id(table.name, column.name, "optionset"),
        "Name": f"{table.name}_{column.name}",
        "OptionSetType": kind,
        "IsGlobal": False,
        "IsCustomOptionSet": column.custom,
    }
    if column.type == "Boolean":
        sides = {"FalseOption": (0, "No"), "TrueOption": (1, "Yes")}
        return head | {name: {"Value": value, "Label": label(text)} for name, (value, text) in sides.items()}
    options: list[Document] = []
    for value, text in column.options.items():
        option: Document = {"Value": value, "Label": label(text), "Color": None, "ExternalValue": ""}
        if column.type == "Status":
            option |= {"@odata.type": "#Microsoft.Dynamics.CRM.StatusOptionMetadata", "State": table.statuses[value][0]}
        if column.type == "State":
            default = table.default_status(value)
            option |= {"@odata.type": "#Microsoft.Dynamics.CRM.StateOptionMetadata", "DefaultStatus": default}
        options.append(option)
    return head | {"Options": options}


def key_document(table: Table, key: Key) -> Document:
    """Describe an alternate key."""
    return {
        "MetadataId": metadata_id(table.name, "key", key.name),
        "LogicalName": key.name,
        "SchemaName": key.name,
        "EntityLogicalName": table.name,
        "KeyAttributes": list(key.columns),
        "EntityKeyIndexStatus": key.status,
        "IsManaged": False,
        "DisplayName": label(" ".join(table.columns[name].label for name in key.columns)),
    }


def relationship_document(model: Model, item: Relationship) -> Document:
    """Describe a one-to-many relationship."""
    return {
        "@odata.type": "#Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
        "MetadataId": metadata_id(item.table, item.column, item.target),
        "SchemaName": item.collection,
        "RelationshipType": "OneToManyRelationship",
        "ReferencingEntity": item.table,
        "ReferencingAttribute": item.column,
        "ReferencingEntityNavigationPropertyName": item.navigation,
        "ReferencedEntity": item.target,
        "ReferencedAttribute": model.tables[item.target].id,
        "ReferencedEntityNavigationPropertyName": item.collection,
        "IsCustomRelationship": False,
        "CascadeConfiguration": {"Delete": CASCADE[item.on_delete], "Assign": "NoCascade", "Merge": "NoCascade"},
    }
