"""The user's turns: from audio to speech with a beginning, words and an end."""
