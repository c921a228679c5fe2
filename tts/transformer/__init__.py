"""What Parley's own transformer voices (Dia, Dia2) are both made of; it knows neither."""
