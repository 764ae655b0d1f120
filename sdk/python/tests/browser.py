"""A user with a browser, and the clients that send them to Nexus."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

import httpx

from nexus import Client
from nexus_server import Nexus

REDIRECT = "https://yourapp.com/callback"


@dataclass
class Browser:
    """A browser as far as this needs one: cookies, forms, and no redirects by itself."""

    http: httpx.Client

    def hidden(self, page: str, field: str) -> dict[str, str]:
        """The hidden fields of the page's form that has this field."""
        form = next(one for one in page.split("<form") if f'name="{field}"' in one)
        fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
        return {name: html.unescape(value) for name, value in fields}

    def sign_in(self, email: str, password: str) -> None:
        page = self.http.get("/sign-in").text
        form = self.hidden(page, "password") | {"email": email, "password": password}
        assert self.http.post("/sign-in", data=form).status_code == 303

    def decide(self, address: str, decision: str = "allow") -> str:
        """Opens an authorization request and decides: where the user is sent."""
        page = self.http.get(address)
        assert page.status_code == 200, page.text
        form = self.hidden(page.text, "request") | {"decision": decision}
        return self.http.post("/oauth/authorize", data=form).headers["location"]


def signed_in(server: Nexus) -> Browser:
    """One in which the demo admin is signed in."""
    browser = Browser(httpx.Client(base_url=server.url, headers={"origin": server.url}))
    browser.sign_in(*server.dashboard)
    return browser


def register(server: Nexus, **body: Any) -> dict[str, Any]:
    """Registers a client: what an OAuth client of it takes."""
    whole: Any = {"name": "Test", "type": "app", "redirect_uris": [REDIRECT], "scopes": ["read:users", "write:payments"]}
    whole |= body
    with Client(server.token, base_url=server.url) as client:
        made = client.register_client(server.tenants["nexus"], whole)
    return {"client_id": made["client_id"], "client_secret": made.get("client_secret"), "base_url": server.url}
