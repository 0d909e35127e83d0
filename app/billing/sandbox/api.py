"""The part of Stripe's HTTP API that the site uses, as a small web application."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, cast

from flask import Blueprint, Flask, Response, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app.billing.sandbox import objects, payments
from app.billing.sandbox.errors import ApiError, no_such
from app.billing.sandbox.params import nest
from app.billing.sandbox.store import JsonObject, Store, Transaction

COLLECTIONS = {
    "charges": "charge",
    "disputes": "dispute",
    "events": "event",
    "payment_intents": "payment_intent",
    "prices": "price",
    "products": "product",
    "refunds": "refund",
}
# Fields with an object's id; ``expand`` replaces the id by the object.
EXPANDABLE = {"payment_intent", "latest_charge", "product"}
MAX_PAGE = 100
ALL = -1  # no limit in SQLite


bp = Blueprint("stripe_api", __name__)


def create_api(store: Store, api_key: str) -> Flask:
    """Build the application; every request needs ``api_key`` as its bearer token."""
    api = Flask(__name__, static_folder=None, template_folder=None)
    api.extensions["store"] = store

    @api.before_request
    def _authenticate() -> None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), api_key.encode()):
            message = (
                f"Invalid API Key provided: {given[:8]}****" if given else "You did not provide an API key."
            )
            raise ApiError(401, message)

    api.after_request(_add_headers)
    api.register_error_handler(ApiError, _refuse)
    api.register_error_handler(HTTPException, _unrecognized)
    api.register_blueprint(bp, url_prefix="/v1")
    return api


def _add_headers(response: Response) -> Response:
    response.headers["Request-Id"] = objects.new_id("req", 14)
    for name in ("Stripe-Version", "Idempotency-Key"):
        if value := request.headers.get(name):
            response.headers[name] = value
    return response


def _refuse(error: ApiError) -> tuple[JsonObject, int]:
    return error.body(), error.status


def _unrecognized(error: HTTPException) -> tuple[JsonObject, int]:
    message = f"Unrecognized request URL ({request.method}: {request.path})."
    return ApiError(error.code or 500, message).body(), error.code or 500


def _open() -> AbstractContextManager[Transaction]:
    return cast(Store, current_app.extensions["store"]).transaction()


# --- checkout sessions --------------------------------------------------------------------------


@bp.post("/checkout/sessions")
def create_session() -> ResponseReturnValue:
    params = _params()
    return _once(params, lambda store: _expand(store, payments.create_session(store, params), params))


def _once(params: dict[str, Any], create: Callable[[Transaction], JsonObject]) -> ResponseReturnValue:
    """Create an object; a repeated idempotency key gets the first answer again."""
    key = request.headers.get("Idempotency-Key")
    fingerprint = _fingerprint(params)
    with _open() as store:
        if key and (known := store.remembered_answer(key)):
            return _repeat(*known, fingerprint=fingerprint, key=key)
        if version := request.headers.get("Stripe-Version"):
            store.note(payments.API_VERSION_NOTE, version)
        created = create(store)
        if key:
            store.remember_answer(key, fingerprint, created)
    return created


def _fingerprint(params: dict[str, Any]) -> str:
    """A hash that is equal for equal requests."""
    return hashlib.sha256(f"{request.path} {json.dumps(params, sort_keys=True)}".encode()).hexdigest()


def _repeat(first_fingerprint: str, answer: JsonObject, *, fingerprint: str, key: str) -> ResponseReturnValue:
    if first_fingerprint != fingerprint:
        message = f"The idempotency key '{key}' was first used with other parameters; use a new one."
        raise ApiError(400, message, kind="idempotency_error")
    return answer, {"Idempotent-Replayed": "true"}


@bp.get("/checkout/sessions")
def list_sessions() -> JsonObject:
    """The sessions created in a time span, newest first, with Stripe's paging."""
    params = _params()
    limit = _page_size()
    earliest, latest = (_time(params, bound) for bound in ("gte", "lte"))
    with _open() as store:
        found = [
            session
            for session in store.newest("checkout.session", limit=ALL)
            if earliest <= session["created"] <= latest
        ]
    if after := params.get("starting_after"):
        ids = [session["id"] for session in found]
        if after not in ids:
            raise no_such("checkout.session", after)
        found = found[ids.index(after) + 1 :]
    return _list(found[:limit], "/v1/checkout/sessions", has_more=len(found) > limit)


def _time(params: dict[str, Any], bound: str) -> float:
    """A bound of ``created``, in seconds since the epoch; -inf or inf if absent."""
    created = params.get("created", {})
    return float(created.get(bound, "-inf" if bound == "gte" else "inf"))


@bp.get("/checkout/sessions/<session_id>")
def retrieve_session(session_id: str) -> JsonObject:
    with _open() as store:
        return _expand(store, payments.find_session(store, session_id), _params())


@bp.get("/checkout/sessions/<session_id>/line_items")
def list_line_items(session_id: str) -> JsonObject:
    with _open() as store:
        payments.find_session(store, session_id)
        return _line_items(store, session_id)


@bp.post("/checkout/sessions/<session_id>/expire")
def expire_session(session_id: str) -> JsonObject:
    with _open() as store:
        session = payments.find_session(store, session_id)
        try:
            return payments.expire(store, session)
        except payments.SessionClosed:
            message = f"Only open sessions can be expired; this one is {session['status']}."
            raise ApiError(400, message) from None


# --- refunds ------------------------------------------------------------------------------------


@bp.post("/refunds")
def create_refund() -> ResponseReturnValue:
    params = _params()
    return _once(params, lambda store: payments.create_refund(store, params))


# --- objects that can only be read --------------------------------------------------------------


@bp.get(f"/<any({', '.join(COLLECTIONS)}):collection>/<object_id>")
def retrieve(collection: str, object_id: str) -> JsonObject:
    with _open() as store:
        found = store.get(object_id, COLLECTIONS[collection])
        if found is None:
            raise no_such(COLLECTIONS[collection], object_id)
        return _expand(store, found, _params())


@bp.get(f"/<any({', '.join(COLLECTIONS)}):collection>")
def list_newest(collection: str) -> JsonObject:
    limit = _page_size()
    with _open() as store:
        found = store.newest(COLLECTIONS[collection], limit=limit + 1)
    return _list(found[:limit], f"/v1/{collection}", has_more=len(found) > limit)


# --- parameters and answers ---------------------------------------------------------------------


def _params() -> dict[str, Any]:
    source = request.form if request.method == "POST" else request.args
    try:
        return nest(source.items(multi=True))
    except ValueError as error:
        raise ApiError(400, f"Invalid parameters: {error}") from error


def _page_size() -> int:
    limit = request.args.get("limit", 10, type=int)
    if not 1 <= limit <= MAX_PAGE:
        raise ApiError(400, f"limit must lie between 1 and {MAX_PAGE}.", param="limit")
    return limit


def _line_items(store: Transaction, session_id: str) -> JsonObject:
    items = store.newest("item", parent=session_id, limit=MAX_PAGE)
    return _list(items[::-1], f"/v1/checkout/sessions/{session_id}/line_items", has_more=False)


def _list(data: list[JsonObject], url: str, *, has_more: bool) -> JsonObject:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def _expand(store: Transaction, body: JsonObject, params: dict[str, Any]) -> JsonObject:
    """Replace ids by objects for paths such as ``payment_intent.latest_charge``.

    The parameter ``expand`` names the paths.
    """
    for path in params.get("expand", []):
        _expand_path(store, body, path.split("."), path)
    return body


def _expand_path(store: Transaction, node: JsonObject, path: list[str], whole: str) -> None:
    name, *rest = path
    if name == "line_items" and node.get("object") == "checkout.session":
        node.setdefault(name, _line_items(store, node["id"]))
    elif name in EXPANDABLE and isinstance(node.get(name), str):
        node[name] = store.get(node[name])
    elif name not in node:
        raise ApiError(400, f"This property cannot be expanded ({whole}).", param="expand")
    child = node[name]
    if rest:
        for branch in child if isinstance(child, list) else [child]:
            if branch is not None:
                _expand_path(store, branch, rest, whole)
