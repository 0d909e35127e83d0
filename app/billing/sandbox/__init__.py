"""A small stand-in for Stripe on this machine: its HTTP API, its hosted payment page and its webhooks.

The site talks to it with the same SDK and the same code as to Stripe; only the address differs.
Without keys of Stripe the site uses it, so that everything can be tried and no money moves.
"""
