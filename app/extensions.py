"""The Flask extensions beside the database's, made once; ``create_app`` binds them to an application."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from flask import request
from flask_limiter import Limiter
from flask_migrate import Migrate
from flask_wtf import CSRFProtect

migrate = Migrate()
csrf = CSRFProtect()


def client_network() -> str:
    """Whose requests are counted together: one IPv4 address, or the /64 that one IPv6 customer has."""
    remote = request.remote_addr or "127.0.0.1"
    try:
        address = ip_address(remote)
    except ValueError:
        return remote
    if not isinstance(address, IPv6Address):
        return remote
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((address, 64), strict=False))


limiter = Limiter(key_func=client_network)
