"""What the language model and its tools need, and whether it is there (`agent.doctor.checks`)."""

import os
import shutil

import anyio

from agent.config.engines import EngineSection
from agent.config.load import Config
from agent.config.tools import ToolSettings
from agent.doctor.finding import Finding, State
from agent.tools.builtin import NAMES
from agent.tools.function import find_function, function_tool
from agent.tools.tool import ToolError
from llm_adapters.discover import SERVERS, discover, model_names

PATIENCE = 2.0
"""Seconds that an endpoint has to answer."""


async def servers(_: Config) -> list[Finding]:
    """The language models that `llm: {adapter: auto}` would find."""
    found = await discover()
    if not found:
        return [Finding("note", "llm servers", f"none found ({', '.join(SERVERS)}, OpenAI's key)")]
    findings = [
        Finding("ok", "llm servers", f"{server}: {', '.join(server.models[:8]) or 'no models'}")
        for server in found
    ]
    if any(server.name == "llama.cpp" for server in found):
        findings.append(_shared_cores(os.cpu_count() or 1))
    return findings


def _shared_cores(cores: int) -> Finding:
    """Say what a llama.cpp, which does not tell how many threads it takes, does to the others."""
    detail = f"on all {cores} cores of this processor it stalls the recogniser and the voice"
    fix = f"without a GPU, start it with fewer: llama-server --threads {max(1, cores // 2)}"
    return Finding("note", "llama.cpp", detail, fix)


async def tools(config: Config) -> list[Finding]:
    """The functions that the model may call, and whether MCP servers can be started."""
    return [_tool(tool) for tool in config.tools]


def _tool(settings: ToolSettings) -> Finding:
    if settings.mcp is not None:
        command = settings.mcp.command
        if command is None:
            return Finding("note", "tools", f"{settings.mcp.title}: not tried")
        if shutil.which(command[0]) is None:
            return Finding("missing", "tools", f"there is no {command[0]} to start")
        return Finding("ok", "tools", f"{settings.mcp.title}: can be started")
    name = str(settings.function)
    try:
        if name not in NAMES:
            function_tool(find_function(name))
    except ToolError as error:
        return Finding("missing", "tools", str(error))
    return Finding("ok", "tools", name)


async def endpoint(section: EngineSection, family: str = "llm") -> Finding:
    """Ask `GET /models`, with the client and the words that the adapter uses.

    A recogniser's endpoint (`family` is `stt`) has its keys of the same names.
    """
    import openai

    from llm_adapters.openai.errors import Endpoint
    from llm_adapters.openai.http import limited_client

    arguments = section.arguments()
    key = arguments["api_key"] or os.environ.get("OPENAI_API_KEY") or "none"
    client = openai.AsyncOpenAI(
        api_key=key,
        base_url=arguments["base_url"],
        max_retries=0,
        http_client=limited_client(),
    )
    place = Endpoint(str(client.base_url), arguments["model"], key)
    subject = f"{family} endpoint"
    try:
        with anyio.fail_after(PATIENCE):
            models = model_names(await client.get("/models", cast_to=object))
    except TimeoutError:
        return Finding("missing", subject, f"no answer from {place.address} in {PATIENCE:g} s")
    except openai.NotFoundError:
        return Finding("note", subject, f"{place.address} answers, but lists no models")
    except openai.OpenAIError as error:
        refused = isinstance(error, openai.APIConnectionError)
        # Its default port tells the server that most people will have.
        fix = "start it: ollama serve" if refused and ":11434" in place.address else ""
        reason = str(place.explain(error, begun=False)).replace("llm.", f"{family}.")
        return Finding("missing", subject, reason, fix)
    except (ValueError, RecursionError):
        models = None
    finally:
        await client.close()
    if models is None:
        detail = f"{place.address} answers, but not with a list of models"
        fix = f"correct {family}.base_url: it usually ends in /v1"
        return Finding("missing", subject, detail, fix)
    # Ollama lists `llama3.2:latest` for what is asked for as `llama3.2`.
    if place.model in models or f"{place.model}:latest" in models:
        return Finding("ok", subject, f"{place.address} answers and has {place.model}")
    there = ", ".join(models[:8]) or "none"
    detail = f"{place.address} answers, but does not list {place.model} (it has: {there})"
    # A server with a single model, such as llama.cpp's, often takes any name for it; and of those
    # that transcribe some list none.
    state: State = "note" if len(models) == 1 or family == "stt" else "missing"
    return Finding(state, subject, detail, f"download {place.model}, or correct {family}.model")
