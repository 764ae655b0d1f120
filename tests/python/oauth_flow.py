"""The flows of OAuth with requests-oauthlib, and the tokens under PyJWT.

Whoever starts it plays the browser: it is told where to send somebody, and tells where they were sent back to. One JSON object
a line in both directions.
"""

import json
import sys

import jwt
import requests
from oauthlib.oauth2 import BackendApplicationClient, InvalidGrantError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

given = json.loads(sys.argv[1])
issuer, app, server = given["issuer"], given["app"], given["server"]
assert issuer.startswith("https://")
metadata = requests.get(f"{issuer}/.well-known/oauth-authorization-server", timeout=30).json()
assert metadata["issuer"] == issuer
token_url = metadata["token_endpoint"]
keys = jwt.PyJWKClient(metadata["jwks_uri"])


def say(message: dict) -> None:
    print(json.dumps(message), flush=True)


def checked(token: str) -> dict:
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    key = keys.get_signing_key_from_jwt(token)
    return jwt.decode(token, key, algorithms=[key.algorithm_name], issuer=issuer, audience=issuer)


session = OAuth2Session(
    app["client_id"], redirect_uri=given["redirect_uri"], scope=["read:users", "read:payments"], pkce="S256"
)
address, state = session.authorization_url(metadata["authorization_endpoint"])
say({"send_to": address})
sent_back_to = json.loads(sys.stdin.readline())["sent_back_to"]
tokens = session.fetch_token(token_url, authorization_response=sent_back_to, client_secret=app["client_secret"])
assert checked(tokens["access_token"])["client_id"] == app["client_id"]

authentication = HTTPBasicAuth(app["client_id"], app["client_secret"])
refreshed = session.refresh_token(token_url, auth=authentication)
assert refreshed["refresh_token"] != tokens["refresh_token"]
assert checked(refreshed["access_token"])["scope"] == "read:payments read:users"
try:
    session.refresh_token(token_url, refresh_token=tokens["refresh_token"], auth=authentication)
    raise SystemExit("a spent refresh token was taken")
except InvalidGrantError:
    pass

own = OAuth2Session(client=BackendApplicationClient(client_id=server["client_id"]))
token = own.fetch_token(token_url, auth=HTTPBasicAuth(server["client_id"], server["client_secret"]))
assert checked(token["access_token"])["sub"] == server["client_id"]
say({"done": True})
