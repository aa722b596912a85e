"""Reads and writes a tenant's records as a client of FHIR that this project did not write, and validates whatever
comes by the definitions of R4. Arguments: the server's address, the address that it gives itself, an API key. Tells
what it saw, as JSON."""

import json
import sys

import requests
from fhir.resources.R4B import get_fhir_model_class
from fhirpy import SyncFHIRClient

server, public, key = sys.argv[1:]
plain = requests.request


def judge(resource):
    """Whether a resource, and each of a bundle, is what R4 says it is."""
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    seen.add(resource["resourceType"])
    for entry in resource.get("entry", []):
        judge(entry["resource"])


def request(method, url, **how):
    """The server's links name the address that it is called by; in a test that is another."""
    answer = plain(method, url.replace(public, server), **how)
    media_type = answer.headers.get("content-type", "")
    if media_type == "application/fhir+json":
        judge(answer.json())
    elif media_type == "application/fhir+ndjson":
        for line in answer.text.splitlines():
            judge(json.loads(line))
    return answer


seen = set()
requests.request = request
requests.get = lambda url, **how: request("GET", url, **how)
client = SyncFHIRClient(f"{public}/fhir/r4", extra_headers={"X-Api-Key": key})
told = {}

client.execute("metadata", method="GET")
for kind in ["Patient", "Appointment", "Practitioner", "Consent", "AuditEvent"]:
    told[kind] = len(client.resources(kind).limit(2).fetch_all())

found = client.resources("Patient").search(family="rojas", birthdate__ge="1990").fetch_all()
told["family"] = [patient["name"][0]["family"] for patient in found]

new = client.resource(
    "Patient",
    identifier=[{"type": {"coding": [{"system": "https://fhir.minsalud.gov.co/rda/CodeSystem/ColombianPersonIdentifier",
                                      "code": "CC"}]}, "value": "99001"}],
    name=[{"family": "Mora", "given": ["Eva"]}],
)
new.save()
new["birthDate"] = "2001-09-30"
new.save()
told["version"] = new["meta"]["versionId"]
told["born"] = client.reference("Patient", new["id"]).to_resource()["birthDate"]

doctor = client.resources("Practitioner").first()
visit = client.resource(
    "Appointment",
    status="booked",
    start="2027-05-01T09:00:00-05:00",
    end="2027-05-01T09:30:00-05:00",
    participant=[
        {"actor": new.to_reference(), "status": "accepted"},
        {"actor": doctor.to_reference(), "status": "accepted"},
    ],
)
visit.save()
of_hers = client.resources("Appointment").search(patient=f"Patient/{new['id']}").fetch_all()
told["appointments"] = [one["start"] for one in of_hers]

headers = {"X-Api-Key": key, "Accept": "application/fhir+json", "Prefer": "respond-async"}
order = request("GET", f"{server}/fhir/r4/$export", headers=headers)
manifest = request("GET", order.headers["content-location"], headers={"X-Api-Key": key}).json()
told["exported"] = {}
for file in manifest["output"]:
    lines = request("GET", file["url"], headers={"X-Api-Key": key}).text.splitlines()
    told["exported"][file["type"]] = len(lines)

told["validated"] = sorted(seen)
print(json.dumps(told))
