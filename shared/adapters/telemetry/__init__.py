"""Telling what the app does: to the log alone, or by OpenTelemetry."""
