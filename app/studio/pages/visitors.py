"""Who asks: what is counted and shared out by visitor."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from flask_limiter.util import get_remote_address
from flask_login import current_user

# Providers give each customer a whole network of IPv6 addresses.
IPV6_PREFIX = 64


def visitor() -> str:
    """The account, or the address without one.

    It reads the account's row: call it before the transaction ends.
    """
    return (
        f"account-{current_user.id}" if current_user.is_authenticated else address_key(get_remote_address())
    )


def address_key(address: str) -> str:
    """An address of IPv4, or the network of an address of IPv6."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), IPV6_PREFIX), strict=False))
