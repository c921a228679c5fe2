"""What Dia is given to say: its users' guidelines, kept for them."""
