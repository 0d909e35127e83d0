"""A local stand-in for Stripe: HTTP API, hosted payment page and webhooks.

The site talks to it with the same SDK and code; only the address differs. Without Stripe keys the site uses
it, so people can try everything and no money moves.
"""
