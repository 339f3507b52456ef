"""Frameworks that are not in the development environment, through a gateway before every vendor's emulator."""
