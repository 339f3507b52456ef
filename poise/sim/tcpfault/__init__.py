"""A TCP proxy in user space whose link is slow, thin, cut or dead, as it is told while it runs."""
