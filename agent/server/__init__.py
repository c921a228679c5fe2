"""`parley serve`: the same agent for any client, a module for each protocol over one core.

It runs on asyncio, as its HTTP server does.
"""
