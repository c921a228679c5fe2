"""What belongs to the image of the server: its check, and the configuration of compose.yaml."""
