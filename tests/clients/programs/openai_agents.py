"""OpenAI's Agents SDK for Python: a tool by voice, then a story that the voice cuts off."""

import asyncio
import json
import sys

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner
from microphone import Microphone


@function_tool
def capital_of(country: str) -> str:
    """Look up the capital of a country."""
    countries.append(country)
    return "Paris"


countries = []
SOUND = {"content": {"__all__": {"audio"}}}


async def main(address: str, key: str, question: str) -> None:
    agent = RealtimeAgent(name="Guide", instructions="Be brief.", tools=[capital_of])
    runner = RealtimeRunner(agent, config={"tracing_disabled": True})
    url = f"ws://{address}/v1/realtime?model=parley"
    got = {"audio": 0, "interrupted": [], "errors": []}
    session = await runner.run(model_config={"url": url, "api_key": key})
    async with session, Microphone(question, session.send_audio) as microphone:
        microphone.ask()
        answers = 0
        async for event in session:
            if event.type == "audio":
                got["audio"] += len(event.audio.data)
                if answers == 2 and "begun" not in got:  # the story is heard
                    got["begun"] = event.item_id
                    asyncio.get_running_loop().call_later(1.5, microphone.ask)
            elif event.type == "audio_interrupted":
                got["interrupted"].append(event.item_id)
            elif event.type == "error":
                got["errors"].append(str(event.error))
            elif event.type == "raw_model_event" and event.data.type == "exception":
                got["errors"].append(repr(event.data.exception))
            elif event.type == "audio_end" or (event.type == "agent_end" and answers == 0):
                answers += 1  # the tool's call, what it found, the story, what it found
                if answers == 2:
                    got["seconds"] = got["audio"] / 48000
                    await session.send_message("tell me a story")
                elif answers == 4:
                    break
        await asyncio.sleep(0.5)  # what is asked for at the end
        got["history"] = [item.model_dump(exclude=SOUND) for item in session._history]
    print(json.dumps({**got, "countries": countries}))


asyncio.run(main(*sys.argv[1:]))
