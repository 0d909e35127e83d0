"""The errors of the API, in the shape that Stripe's SDK understands."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer with an error object; ``type`` decides the SDK's exception."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.code, self.param = status, kind, code, param

    def body(self) -> dict[str, Any]:
        error = {"type": self.kind, "code": self.code, "message": str(self), "param": self.param}
        return {"error": {key: value for key, value in error.items() if value is not None}}


def missing(param: str) -> ApiError:
    return ApiError(400, f"Missing required param: {param}.", code="parameter_missing", param=param)


def no_such(kind: str, object_id: str) -> ApiError:
    return ApiError(404, f"No such {kind}: '{object_id}'", code="resource_missing", param="id")
