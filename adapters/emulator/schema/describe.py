"""The schema in the words of the describe resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.emulator.schema.catalog import Catalog, ChildLink
from adapters.emulator.schema.field import DECIMAL_TYPES, TEXT_TYPES, Field, FieldType
from adapters.emulator.schema.sobject import SObject

_MASTER_TYPE = "012000000000000AAA"
"""Id of the record type that every object has."""
_SOAP_TYPES = {
    FieldType.ID: "tns:ID",
    FieldType.REFERENCE: "tns:ID",
    FieldType.BOOLEAN: "xsd:boolean",
    FieldType.INT: "xsd:int",
    FieldType.DOUBLE: "xsd:double",
    FieldType.CURRENCY: "xsd:double",
    FieldType.PERCENT: "xsd:double",
    FieldType.DATE: "xsd:date",
    FieldType.DATETIME: "xsd:dateTime",
    FieldType.TIME: "xsd:time",
    FieldType.ADDRESS: "urn:address",
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: the version of the API, what the user may do with the object, and the fields that may be read and written."""

    version: str
    createable: bool = True
    editable: bool = True
    deletable: bool = True
    readable_fields: frozenset[str] = frozenset()
    editable_fields: frozenset[str] = frozenset()


def summary(sobject: SObject, reader: Reader) -> dict[str, object]:
    """One entry of the global describe."""
    version = reader.version
    base = f"/services/data/{version}/sobjects/{sobject.name}"
    return {
        "activateable": False,
        "createable": sobject.createable and reader.createable,
        "custom": sobject.custom,
        "customSetting": False,
        "deepCloneable": False,
        "deletable": sobject.deletable and reader.deletable,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": sobject.key_prefix,
        "label": sobject.label,
        "labelPlural": sobject.label_plural,
        "layoutable": True,
        "mergeable": sobject.mergeable,
        "mruEnabled": True,
        "name": sobject.name,
        "queryable": True,
        "replicateable": True,
        "retrieveable": True,
        "searchable": True,
        "triggerable": True,
        "undeletable": sobject.deletable and not sobject.hard_delete,
        "updateable": sobject.updateable and reader.editable,
        "urls": {"sobject": base, "describe": f"{base}/describe", "rowTemplate": f"{base}/{{ID}}"},
    }


_ABILITIES = (
    "createable", "deletable", "updateable", "undeletable", "queryable", "searchable", "retrieveable", "replicateable",
    "mergeable", "mruEnabled", "layoutable",
)  # fmt: skip


def event_summary(sobject: SObject, reader: Reader) -> dict[str, object]:
    """The entry of an object's change event in the global describe: it has a schema, and nothing can be done with it."""
    name = sobject.change_event_name
    base = f"/services/data/{reader.version}/sobjects/{name}"
    own = {
        "keyPrefix": None,
        "label": f"{sobject.label} Change Event",
        "labelPlural": f"{sobject.label} Change Event",
        "name": name,
        "urls": {"eventSchema": f"{base}/eventSchema"},
    }
    return summary(sobject, reader) | dict.fromkeys(_ABILITIES, False) | own


def full(
    catalog: Catalog,
    sobject: SObject,
    reader: Reader,
    record_types: Sequence[Mapping[str, object]] = (),
) -> dict[str, object]:
    """The describe of one object, holding only the fields that the asking user may read.

    `record_types` are the rows of RecordType that belong to the object; every object has the master type besides.
    """
    return summary(sobject, reader) | {
        "fields": [
            _field(item, editable=item.name in reader.editable_fields)
            for item in sobject.fields
            if item.name in reader.readable_fields
        ],
        "childRelationships": [_child(link) for link in catalog.children(sobject)],
        "recordTypeInfos": [
            *(
                _record_type(
                    sobject, reader.version, str(row["Id"]), str(row["Name"]), str(row["DeveloperName"])
                )
                for row in record_types
            ),
            _record_type(sobject, reader.version, _MASTER_TYPE, "Master", "Master"),
        ],
        "supportedScopes": [{"label": "All", "name": "everything"}],
    }


def _record_type(
    sobject: SObject, version: str, type_id: str, name: str, developer_name: str
) -> dict[str, object]:
    layout = f"/services/data/{version}/sobjects/{sobject.name}/describe/layouts/{type_id}"
    return {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": type_id == _MASTER_TYPE,
        "developerName": developer_name,
        "master": type_id == _MASTER_TYPE,
        "name": name,
        "recordTypeId": type_id,
        "urls": {"layout": layout},
    }


def _child(link: ChildLink) -> dict[str, object]:
    return {
        "cascadeDelete": link.field.cascade_delete,
        "childSObject": link.child.name,
        "deprecatedAndHidden": False,
        "field": link.field.name,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": link.field.child_relationship,
        "restrictedDelete": link.field.restricted_delete,
    }


def _field(item: Field, *, editable: bool) -> dict[str, object]:
    compound = item.type is FieldType.ADDRESS
    return {
        "aggregatable": not compound and item.type is not FieldType.BOOLEAN,
        "autoNumber": item.auto_number,
        "byteLength": item.length * 3 if item.type in TEXT_TYPES else item.length,
        "calculated": item.calculated,
        "calculatedFormula": None,
        "cascadeDelete": item.cascade_delete,
        "caseSensitive": item.case_sensitive,
        "compoundFieldName": item.compound,
        "controllerName": None,
        "createable": item.createable and editable,
        "custom": item.custom,
        "defaultValue": item.default if isinstance(item.default, bool) else None,
        "defaultedOnCreate": item.default is not None,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": item.precision if item.type is FieldType.INT else 0,
        "encrypted": False,
        "externalId": item.external_id,
        "extraTypeInfo": "plaintextarea" if item.type is FieldType.TEXTAREA else None,
        "filterable": not (item.type is FieldType.TEXTAREA and item.length > 255),
        "groupable": item.type not in DECIMAL_TYPES
        and item.type not in {FieldType.DATETIME, FieldType.ADDRESS},
        "highScaleNumber": False,
        "htmlFormatted": item.html,
        "idLookup": item.id_lookup,
        "inlineHelpText": None,
        "label": item.label,
        "length": item.length,
        "name": item.name,
        "nameField": item.name_field,
        "namePointing": len(item.reference_to) > 1,
        "nillable": item.nillable,
        "permissionable": item.nillable and not item.name_field,
        "picklistValues": [
            {
                "active": v.active,
                "defaultValue": v.default,
                "label": v.label,
                "validFor": None,
                "value": v.value,
            }
            for v in item.picklist
        ],
        "polymorphicForeignKey": len(item.reference_to) > 1,
        "precision": 0 if item.type is FieldType.INT else item.precision,
        "referenceTargetField": None,
        "referenceTo": list(item.reference_to),
        "relationshipName": item.relationship,
        "relationshipOrder": 0 if item.master_detail else None,
        "restrictedDelete": item.restricted_delete,
        "restrictedPicklist": item.restricted,
        "scale": item.scale,
        "soapType": _SOAP_TYPES.get(item.type, "xsd:string"),
        "sortable": not compound,
        "type": item.type.value,
        "unique": item.unique,
        "updateable": item.updateable and editable,
        "writeRequiresMasterRead": False,
    }
