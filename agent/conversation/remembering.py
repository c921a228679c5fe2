"""What is remembered of a reply: the words that were heard, and what its tools did."""

from agent.conversation.history import History
from agent.conversation.reply import Reply
from agent.conversation.spoken import Outcome
from llm_adapters import Message


def remember(history: History, reply: Reply, outcome: Outcome) -> None:
    """Write a reply that is over into the history (P3)."""
    history.tools_used(reply.source)
    history.assistant(
        outcome.heard,
        interrupted=outcome.interrupted,
        estimated=outcome.interrupted and reply.spoken.estimated,
        key=f"reply-{reply.number}",
        spoken=reply.spoken,
    )
    for call in reply.handed_over:
        history.insert(call.id, Message("assistant", "", calls=(call,)))
