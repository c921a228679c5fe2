"""The configuration: one YAML file describes an agent (P9)."""
