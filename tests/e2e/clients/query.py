import os
import requests

sidecar = os.environ["SIDECAR"]  # https://sql0.example.com:8443
id_token = os.environ["ID_TOKEN"]  # or an access token: then say access_token below
database = "retail_analytics"
statement = {"statement": "SELECT c1 FROM sys.dummy2", "format": "collection"}

# One query with the provider's own token.
answer = requests.post(f"{sidecar}/v1/execute/{database}", json=statement, auth=("id_token", id_token))
answer.raise_for_status()
print(answer.json()["data"])

# Many queries: the token becomes a session, which lives longer than the token.
body = {"database": database, "id_token": id_token}
answer = requests.post(f"{sidecar}/v1/sso_token", json=body)
answer.raise_for_status()
session = answer.json()["access_token"]

node = requests.Session()
node.headers["Authorization"] = f"Bearer {session}"
for _ in range(3):
    answer = node.post(f"{sidecar}/v1/execute/{database}", json=statement)
    answer.raise_for_status()
    print(answer.json()["data"])

node.post(f"{sidecar}/v1/logout").raise_for_status()
