"""Validates resources, a JSON array of them on standard input, by the definitions of R4."""

import json
import sys

from fhir.resources.R4B import get_fhir_model_class

for resource in json.load(sys.stdin):
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
