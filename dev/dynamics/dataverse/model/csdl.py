"""$metadata: the model as CSDL XML, for OData V4 clients that start from it."""

from typing import Final
from xml.sax.saxutils import quoteattr

from dev.dynamics.dataverse.model.metadata import Column, Model, Relationship, Table

HEAD: Final = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">'
    '<edmx:Reference Uri="http://vocabularies.odata.org/OData.Community.Keys.V1.xml">'
    '<edmx:Include Namespace="OData.Community.Keys.V1" Alias="Keys" /></edmx:Reference>'
    '<edmx:DataServices><Schema Namespace="Microsoft.Dynamics.CRM" Alias="mscrm" '
    'xmlns="http://docs.oasis-open.org/odata/ns/edm">'
    '<EntityType Name="crmbaseentity" Abstract="true" />'
    '<EntityType Name="principal" BaseType="mscrm.crmbaseentity" Abstract="true" />'
)
PRINCIPALS: Final = frozenset({"systemuser", "team"})
OPERATIONS: Final = (
    '<ComplexType Name="WhoAmIResponse"><Property Name="BusinessUnitId" Type="Edm.Guid" Nullable="false" />'
    '<Property Name="UserId" Type="Edm.Guid" Nullable="false" />'
    '<Property Name="OrganizationId" Type="Edm.Guid" Nullable="false" /></ComplexType>'
    '<ComplexType Name="CreateMultipleResponse">'
    '<Property Name="Ids" Type="Collection(Edm.Guid)" Nullable="false" /></ComplexType>'
    '<Function Name="WhoAmI"><ReturnType Type="mscrm.WhoAmIResponse" Nullable="false" /></Function>'
    '<Action Name="FulfillSalesOrder"><Parameter Name="OrderClose" Type="mscrm.crmbaseentity" Nullable="false" />'
    '<Parameter Name="Status" Type="Edm.Int32" Nullable="false" /></Action>'
    '<Action Name="CancelSalesOrder"><Parameter Name="OrderClose" Type="mscrm.crmbaseentity" Nullable="false" />'
    '<Parameter Name="Status" Type="Edm.Int32" Nullable="false" /></Action>'
    '<Action Name="LockSalesOrderPricing"><Parameter Name="SalesOrderId" Type="Edm.Guid" Nullable="false" /></Action>'
    '<Action Name="UnlockSalesOrderPricing"><Parameter Name="SalesOrderId" Type="Edm.Guid" Nullable="false" /></Action>'
)
IMPORTS: Final = (
    '<FunctionImport Name="WhoAmI" Function="mscrm.WhoAmI" />'
    + "".join(
        f'<ActionImport Name="{name}" Action="mscrm.{name}" />'
        for name in ("FulfillSalesOrder", "CancelSalesOrder", "LockSalesOrderPricing", "UnlockSalesOrderPricing")
    )
)  # fmt: skip


def _property(table: Table, column: Column) -> str:
    facets = ""
    if column.edm == "Edm.String":
        facets = f' MaxLength="{column.max_length}" Unicode="true"' if column.max_length else ' Unicode="true"'
    elif column.edm == "Edm.Decimal":
        facets = ' Scale="variable"'
    if column.name == table.id:
        facets += ' Nullable="false"'
    return f'<Property Name={quoteattr(column.wire)} Type="{column.edm}"{facets} />'


def _single(model: Model, table: Table, relationship: Relationship) -> str:
    column, target = table.columns[relationship.column], model.tables[relationship.target]
    if column.type == "Owner":
        return f'<NavigationProperty Name="{relationship.navigation}" Type="mscrm.principal" />'
    constraint = f'<ReferentialConstraint Property="{column.wire}" ReferencedProperty="{target.id}" />'
    return (
        f'<NavigationProperty Name="{relationship.navigation}" Type="mscrm.{target.name}" '
        f'Partner="{relationship.collection}">{constraint}</NavigationProperty>'
    )


def _many(model: Model, relationship: Relationship) -> str:
    owner = model.tables[relationship.table].columns[relationship.column].type == "Owner"
    partner = "" if owner else f' Partner="{relationship.navigation}"'
    return (
        f'<NavigationProperty Name="{relationship.collection}" '
        f'Type="Collection(mscrm.{relationship.table})"{partner} />'
    )


def _keys(table: Table) -> str:
    records = []
    for key in table.keys.values():
        parts = "".join(
            '<Record Type="Keys.PropertyRef">'
            f'<PropertyValue Property="Alias" String="{name}" /><PropertyValue Property="Name" PropertyPath="{name}" />'
            "</Record>"
            for name in (table.columns[column].wire for column in key.columns)
        )
        records.append(
            '<Record Type="Keys.AlternateKey">'
            f'<PropertyValue Property="Key"><Collection>{parts}</Collection></PropertyValue></Record>'
        )
    inner = f"<Collection>{''.join(records)}</Collection>"
    return f'<Annotation Term="Keys.AlternateKeys">{inner}</Annotation>' if records else ""


def _type(model: Model, table: Table) -> str:
    base = "principal" if table.name in PRINCIPALS else "crmbaseentity"
    parts = [f'<EntityType Name="{table.name}" BaseType="mscrm.{base}"><Key><PropertyRef Name="{table.id}" /></Key>']
    parts += [_property(table, column) for column in table.columns.values()]
    parts += [_single(model, table, relationships[0]) for relationships in table.single.values()]
    parts += [_many(model, relationship) for relationship in table.many.values()]
    return "".join([*parts, _keys(table), "</EntityType>"])


def _bulk(table: Table) -> str:
    bound = f'<Parameter Name="entityset" Type="Collection(mscrm.{table.name})" Nullable="false" />'
    targets = f'<Parameter Name="Targets" Type="Collection(mscrm.{table.name})" Nullable="false" />'
    made = '<ReturnType Type="mscrm.CreateMultipleResponse" Nullable="false" />'
    return "".join(
        f'<Action Name="{name}" IsBound="true">{bound}{targets}{made if name == "CreateMultiple" else ""}</Action>'
        for name in ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")
    )


def _set(model: Model, table: Table) -> str:
    bindings = []
    for relationships in table.single.values():
        if table.columns[relationships[0].column].type != "Owner":
            target = model.tables[relationships[0].target].set
            bindings.append((relationships[0].navigation, target))
    bindings += [(item.collection, model.tables[item.table].set) for item in table.many.values()]
    inner = "".join(f'<NavigationPropertyBinding Path="{path}" Target="{target}" />' for path, target in bindings)
    return f'<EntitySet Name="{table.set}" EntityType="Microsoft.Dynamics.CRM.{table.name}">{inner}</EntitySet>'


def csdl(model: Model) -> bytes:
    """Give the metadata document."""
    tables = model.tables.values()
    types = "".join(_type(model, table) for table in tables)
    bulk = "".join(_bulk(table) for table in tables if table.tracked)
    sets = "".join(_set(model, table) for table in tables)
    container = f'<EntityContainer Name="System">{sets}{IMPORTS}</EntityContainer>'
    return f"{HEAD}{types}{OPERATIONS}{bulk}{container}</Schema></edmx:DataServices></edmx:Edmx>".encode()
