"""The Descript Audio Codec, whose codes Dia writes."""
