"""The refusals of a Dataverse Web API, in its own codes and words.

One table; nothing here decides when a refusal applies. Codes: Microsoft's "Web service error codes" page. Texts that
the page gives as templates are filled in; the long payload prefix is the one that the service sends since 2022.
"""

from collections.abc import Mapping
from typing import Final

PAYLOAD: Final = (
    "Error identified in Payload provided by the user for Entity :'{table}', For more information on this error please "
    "follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : "
)
VALIDATION: Final = "A validation error occurred. "

REFUSALS: Final[Mapping[str, tuple[int, str, str]]] = {
    # reading
    "no row": (404, "0x80040217", "{table} With Id = {id} Does Not Exist"),
    "no row by key": (404, "0x80060891", "A record with the specified key values does not exist in {table} entity"),
    "no segment": (404, "0x80060888", "Resource not found for the segment '{segment}'."),
    "no property": (400, "0x80060888", "Could not find a property named '{name}' on type '{type}'."),
    "bad query": (400, "0x80060888", "{detail}"),
    "bad key": (400, "0x8006088a", "Error in query syntax."),
    "bad guid": (400, "0x80060888", "Error in query syntax."),
    "bad cookie": (400, "0x80040203", "Malformed XML in the Paging Cookie."),
    "tracking parameter": (
        400,
        "0x80060888",
        'The "${option}" query parameter isn\'t supported when Change Tracking is enabled.',
    ),
    "not tracked": (400, "0x80048518", "Entity {table} is not enabled for change tracking"),
    "expired token": (
        400,
        "0x80044352",
        "Version stamp associated with the client has expired. Please perform a full sync.",
    ),
    "too deep": (400, "0x80060888", "Recursion depth exceeded allowed limit."),
    "not simulated": (501, "0x80040219", "The requested functionality is not yet implemented. ({what})"),
    # payloads
    "no payload property": (
        400,
        "0x80048d19",
        PAYLOAD + "Microsoft.Crm.CrmException: Invalid property '{name}' was found in entity "
        "'{type}'. ---> Microsoft.OData.ODataException: The property '{name}' does not exist on type "
        "'{type}'. Make sure to only use property names that are defined by the type.",
    ),
    "no navigation": (
        400,
        "0x80048d19",
        PAYLOAD + "Microsoft.OData.ODataException: An undeclared property '{name}' which only has property annotations "
        "in the payload but no property value was found in the payload. In OData, only declared navigation properties "
        "and declared named streams can be represented as properties without values.",
    ),
    "lookup value": (
        400,
        "0x80048d19",
        PAYLOAD + "Microsoft.Crm.CrmException: CRM do not support direct update of Entity Reference properties, "
        "Use Navigation properties instead.",
    ),
    "wrong type": (
        400,
        "0x80048d19",
        PAYLOAD + "Microsoft.OData.ODataException: Cannot convert the literal '{value}' to the expected type '{edm}'. "
        "(property '{name}')",
    ),
    "wrong node": (
        400,
        "0x80048d19",
        PAYLOAD + "Microsoft.OData.ODataException: An unexpected '{node}' node was found when reading from the JSON "
        "reader. A 'PrimitiveValue' node was expected. (property '{name}')",
    ),
    "said twice": (
        400,
        "0x80048d19",
        PAYLOAD + "Microsoft.OData.ODataException: Multiple properties with the name '{name}' were detected in a "
        "resource or a complex value. In OData, duplicate property names are not allowed.",
    ),
    "bad json": (400, "0x80048d19", PAYLOAD + "Microsoft.OData.ODataException: {detail}"),
    "bad bind": (400, "0x80048d19", PAYLOAD + "Microsoft.OData.ODataException: Resource not found for '{value}'."),
    "too long": (
        400,
        "0x80044331",
        VALIDATION + "The length of the '{name}' attribute of the '{table}' entity exceeded the maximum allowed length "
        "of '{limit}'.",
    ),
    "out of range": (
        400,
        "0x80044330",
        VALIDATION + "The value of '{name}' on record of type '{table}' is outside the valid range. "
        "Accepted range: {low} to {high}.",
    ),
    "no option": (
        400,
        "0x8004431A",
        VALIDATION + "The value {value} of '{name}' on record of type '{table}' is outside the valid range. "
        "Accepted Values: {accepted}",
    ),
    "bad status": (
        400,
        "0x80048408",
        "{status} is not a valid status code for state code {table}State.{state} on {table} with Id {id}.",
    ),
    "needs action": (
        400,
        "0x80040203",
        (
            "This message can not be used to set the state of {table} to {state}. In order to set state of {table} to "
            "{state}, use the {action} Request message instead."
        ),
    ),
    "missing column": (400, "0x80040203", "Required field '{name}' is missing. ({table})"),
    "read-only column": (400, "0x80040203", "Attribute '{name}' on '{table}' is not valid for {operation}."),
    "read-only row": (400, "0x8004022e", "The object cannot be updated because it is read-only. ({table} {id})"),
    "deep update": (
        400,
        "0x80048d19",
        PAYLOAD + "Microsoft.Crm.CrmException: Deep updates are not supported. ({name})",
    ),
    "wrong unit": (400, "0x80043b13", "The unit schedule id specified is not valid for this product."),
    "inactive product": (400, "0x80043b07", "You cannot add a product that is not active. ({id})"),
    "key in body": (400, "0x80040216", "An unexpected error occurred."),
    "invalid argument": (400, "0x80040203", "{detail}"),
    # concurrency and duplicates
    "stale": (
        412,
        "0x80060882",
        "The version of the existing record doesn't match the RowVersion property provided.",
    ),
    "no concurrency": (
        412,
        "0x8006088d",
        (
            "Optimistic concurrency isn't enabled for entity type {table}. The IfVersionMatches value of "
            "ConcurrencyBehavior can only be used if optimistic concurrency is enabled."
        ),
    ),
    "exists": (412, "0x80040237", "A record with matching key values already exists."),
    "key exists": (
        412,
        "0x80060892",
        (
            "A record that has the attribute values {labels} already exists. The entity key {key} requires that this "
            "set of attributes contains unique values. Select unique values and try again."
        ),
    ),
    # rights and methods
    "no token": (401, "0x80040204", "Authorization header missing, expired or not for this audience: {detail}"),
    "not a member": (403, "0x80072560", "The user is not a member of the organization."),
    "may not impersonate": (
        403,
        "0x80040220",
        "Principal user (Id={id}) is missing prvActOnBehalfOfAnotherUser privilege.",
    ),
    "associated": (
        405,
        "0x80040227",
        "The object you tried to delete is associated with another object and cannot be deleted. ({table})",
    ),
    "no method": (405, "0x80060888", "The requested resource does not support http method '{method}'."),
    "no media type": (415, "0x80060888", "The media type '{media}' is not supported; send application/json."),
    "step failed": (400, "0x80040265", "Webhook call failed because the http request received {detail}"),
    "depth": (
        400,
        "0x80044182",
        "This workflow job was canceled because the workflow that started it included an infinite loop.",
    ),
    # batches and limits
    "bad batch": (400, "0x80060888", "{detail}"),
    "too many requests": (
        429,
        "0x80072322",
        "Number of requests exceeded the limit of {limit} over time window of {window} seconds.",
    ),
    "too much time": (
        429,
        "0x80072321",
        (
            "Combined execution time of incoming requests exceeded limit of {limit} milliseconds over time window of "
            "{window} seconds. Decrease number of concurrent requests or reduce the duration of requests and try again "
            "later."
        ),
    ),
    "too many at once": (429, "0x80072326", "Number of concurrent requests exceeded the limit of {limit}."),
}


class ServiceError(Exception):
    """The service said no: HTTP status, hex code, message and headers of the answer."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def refuse(kind: str, /, **words: object) -> ServiceError:
    """Build the refusal ``kind`` of the table, e.g. ``refuse("no row", table="account", id=...)`` -> 404 0x80040217."""
    status, code, template = REFUSALS[kind]
    return ServiceError(status, code, template.format(**words))
