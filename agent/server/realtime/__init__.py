"""OpenAI's Realtime protocol over the conversation of the desktop.

`session` is the protocol without a transport: events in, events out, audio in. `websocket` is the
transport on a WebSocket; `routes` are its paths.
"""
