"""Writes the configuration of schemathesis for a server with reports in it: python3 schemathesis.py URL KEY OPERATOR."""

import json
import sys
import urllib.request

url, key, operator = sys.argv[1:]


def ask(path, body=None, bearer=key):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers)) as answer:
        return json.load(answer)


def ids(records):
    return [record["id"] for record in records]


sources = [ask("/sources", {"vendor": vendor}) for vendor in ("datadog", "splunk", "github")]
anybody = ask("/sources", {"vendor": "generic", "proof": {"kind": "unsigned"}})
splunk = ask("/sources", {"vendor": "splunk"})
known = {
    "feedback": ids(ask("/feedback?limit=20")["items"]),
    "clusters": ids(ask("/clusters?limit=20")["clusters"]),
    "cluster-jobs": [ask("/cluster-jobs", {})["id"]],
    "keys": [ask("/keys", {"scope": "read"})["id"] for _ in range(3)],
    "sources": ids(sources),
    "users": [ask("/users", {"github_id": "7"}, operator)["user"]["id"]],
}
others = {
    "secrets": [secret["id"] for source in sources for secret in source["secrets"]],
    "generic": ["generic"],
    "anybody": [anybody["id"]],
    "splunk": ["splunk"],
    "by-path": [splunk["id"]],
    "tokens": [splunk["secret"]],
}

print(f"""\
seed = 1
workers = 1
warnings = false
continue-on-failure = true
headers = {{ Authorization = "Bearer {key}" }}

[generation]
max-examples = 25
database = "none"

# What a vendor sends and what a setting may be is more than a schema says.
[checks]
positive_data_acceptance.enabled = false
""")
for area, values in {**known, **others}.items():
    print(f"[dictionaries.{area}]\nvalues = {json.dumps(values)}\n")


def operations(which, parameters, more=""):
    print(f"[[operations]]\n{which}\n{more}[operations.parameters]")
    for name, dictionary in parameters.items():
        print(f'"{name}" = {{ dictionary = "{dictionary}", probability = 0.7 }}')
    print()


# The first that fits counts.
for path, parameters in {
    "/clusters/{id}/merge": {"path.id": "clusters", "body.others[*]": "clusters"},
    "/clusters/{id}/split": {"path.id": "clusters", "body.items[*]": "feedback"},
    "/feedback/{id}/move": {"path.id": "feedback", "body.to": "clusters"},
    "/sources/{id}/secrets/{secret}": {"path.id": "sources", "path.secret": "secrets"},
    "/ingest/{vendor}/{source}": {"path.vendor": "generic", "path.source": "anybody"},
    "/ingest/{vendor}/{source}/{token}": {"path.vendor": "splunk", "path.source": "by-path", "path.token": "tokens"},
}.items():
    operations(f'include-path = "{path}"', parameters)
for area in known:
    more = f'headers = {{ Authorization = "Bearer {operator}" }}\n' if area == "users" else ""
    operations(f'include-path-regex = "^/{area}(/|$)"', {"path.id": area}, more)
