"""OpenAI's audio endpoints: speech, transcriptions, and what there is to choose from."""

from starlette.routing import BaseRoute

from agent.server.audio import models, speech, transcriptions
from agent.server.server import Server


def routes(server: Server) -> list[BaseRoute]:
    """The routes below `/v1/audio` and `/v1/models`."""
    parts = (speech.routes, transcriptions.routes, models.routes)
    return [route for part in parts for route in part(server)]
