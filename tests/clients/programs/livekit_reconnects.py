"""LiveKit's session goes on over a new connection, as it does by itself every 20 minutes."""

import asyncio
import json
import sys

from livekit.agents import Agent, AgentSession
from livekit.plugins import openai


async def main(address: str, key: str, _question: str) -> None:
    got = {"answers": [], "errors": []}
    model = openai.realtime.RealtimeModel(
        base_url=f"ws://{address}/v1", api_key=key, modalities=["text"], max_session_duration=3.0
    )
    session = AgentSession(llm=model)
    reconnected, told = asyncio.Event(), asyncio.Semaphore(0)

    @session.on("conversation_item_added")
    def added(event):
        if event.item.type == "message" and event.item.role == "assistant":
            got["answers"].append(event.item.text_content)

    @session.on("error")
    def error(event):
        got["errors"].append(str(event.error))

    await session.start(Agent(instructions="Be brief."))
    realtime = session.current_agent.realtime_llm_session
    await session.generate_reply(user_input="good morning")
    realtime.on("session_reconnected", lambda _: reconnected.set())
    realtime.on("remote_item_added", lambda _: reconnected.is_set() and told.release())
    await reconnected.wait()
    for _ in range(2):  # till then it believes that nothing was said
        await told.acquire()
    await session.generate_reply(user_input="good night")
    await session.aclose()
    print(json.dumps(got))


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 30))
