"""The keys of the live view: read from the terminal, decoded, and given to the steering."""
