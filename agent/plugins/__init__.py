"""Parley's stages as services of other voice frameworks: a folder each, and what they share.

Only a framework's own folder imports it.
"""
