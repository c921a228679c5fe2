"""What is answered to a client event that cannot be done: the session goes on, always."""

from typing import Any


class RealtimeError(Exception):
    """A client event cannot be done; the message says why, `code` is what clients test."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = "invalid_value",
        param: str | None = None,
        event_id: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.code, self.param, self.event_id, self.kind = code, param, event_id, kind

    def event(self) -> dict[str, Any]:
        """Return the `error` event, but for its own id."""
        return {
            "type": "error",
            "error": {
                "type": self.kind,
                "code": self.code,
                "message": str(self),
                "param": self.param,
                "event_id": self.event_id,
            },
        }
