"""Marking by hand when a picture shows contacts, and comparing that with the sound and with what is detected."""
